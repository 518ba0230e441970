//! How long a reading may take.

use std::time::{Duration, Instant};

use crate::{Store, StoreError};

/// A reading is asked this often whether its time is over, in steps of SQLite's
/// machine.
const STEPS: i32 = 10_000;

impl Store {
    /// Runs readings that together may take `time_max`; what takes longer fails
    /// with [`StoreError::TooLong`].
    ///
    /// # Errors
    ///
    /// Those of the readings.
    pub fn within<T>(
        &self,
        time_max: Duration,
        read: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let started = Instant::now();
        let is_over = move || started.elapsed() > time_max;
        self.connection.progress_handler(STEPS, Some(is_over));
        let result = read(self);
        self.connection.progress_handler(0, None::<fn() -> bool>);
        result.map_err(|error| match error {
            StoreError::Failed { source, .. }
                if source.sqlite_error_code()
                    == Some(rusqlite::ErrorCode::OperationInterrupted) =>
            {
                StoreError::TooLong { time_max }
            }
            error => error,
        })
    }
}
