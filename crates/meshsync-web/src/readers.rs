//! Read-only connections to the store, a few at a time.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use meshsync::store::{Store, StoreError};
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Readings at a time: one more would take a core from the pipeline.
const READERS_MAX: usize = 2;

/// What a reading may take.
const READING_MAX: Duration = Duration::from_secs(2);

/// How long a reading waits for its turn.
const TURN_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Store>>,
    turns: Semaphore,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            idle: Mutex::default(),
            turns: Semaphore::new(READERS_MAX),
        }
    }

    /// Reads on the blocking pool.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = tokio::time::timeout(TURN_MAX, self.turns.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Err(ApiError::Busy);
        };
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let path = self.path.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let store = match idle {
                Some(store) => store,
                None => Store::open_to_read(path)?,
            };
            let found = store.within(READING_MAX, read)?;
            Ok::<_, StoreError>((store, found))
        });
        let (store, found) = match reading.await {
            Ok(result) => result?,
            Err(_) => {
                return Err(ApiError::Failed(
                    "a reading of the store broke off".to_owned(),
                ));
            }
        };
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(store);
        Ok(found)
    }
}
