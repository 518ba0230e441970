//! Questions in SQL.

use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;

use crate::{Store, StoreError};

/// A query is asked this often whether its time is over, in steps of SQLite's
/// machine.
const STEPS: i32 = 10_000;

/// What a query found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cell {
    /// None.
    Null,
    /// A number, as text.
    Number(String),
    /// Text.
    Text(String),
    /// So many bytes.
    Bytes(usize),
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Number(text) | Self::Text(text) => f.pad(text),
            Self::Bytes(count) => f.pad(&format!("({count} bytes)")),
        }
    }
}

impl Store {
    /// Answers one query that writes nothing, within `time_max`.
    ///
    /// # Errors
    ///
    /// When it is no query, would write, or takes too long.
    pub fn query(&self, sql: &str, time_max: Duration) -> Result<Rows, StoreError> {
        let refused = |error: rusqlite::Error| StoreError::Query(error.to_string());
        self.connection
            .pragma_update(None, "query_only", true)
            .map_err(refused)?;
        let mut statement = self.connection.prepare(sql).map_err(refused)?;
        if !statement.readonly() || statement.column_count() == 0 {
            return Err(StoreError::Query(
                "only questions are answered: write select …".to_owned(),
            ));
        }
        let started = Instant::now();
        self.connection
            .progress_handler(STEPS, Some(move || started.elapsed() > time_max));
        let rows = self.collect(&mut statement);
        self.connection.progress_handler(0, None::<fn() -> bool>);
        rows.map_err(|error| {
            let too_long =
                error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted);
            StoreError::Query(if too_long {
                let seconds = time_max.as_secs();
                format!("the query takes longer than {seconds} s: narrow it, or allow more time")
            } else {
                error.to_string()
            })
        })
    }

    fn collect(&self, statement: &mut rusqlite::Statement<'_>) -> rusqlite::Result<Rows> {
        let columns: Vec<String> = statement
            .column_names()
            .into_iter()
            .map(str::to_owned)
            .collect();
        let count = columns.len();
        let mut found = Rows {
            columns,
            rows: Vec::new(),
        };
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let cells = (0..count).map(|at| Ok(cell(row.get_ref(at)?)));
            found.rows.push(cells.collect::<rusqlite::Result<_>>()?);
        }
        Ok(found)
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Number(number.to_string()),
        ValueRef::Real(number) => Cell::Number(number.to_string()),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.len()),
    }
}
