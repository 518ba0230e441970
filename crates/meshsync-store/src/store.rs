//! The file, and writing to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meshsync_model::{ObjectKey, ResourceId};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};

use crate::StoreError;
use crate::record::{Head, Record};
use crate::schema::{self, FINGERPRINTS, TABLES, VERSION};

/// Somebody else who writes is waited for this long.
const BUSY: Duration = Duration::from_secs(5);

/// A store, open.
#[derive(Debug)]
pub struct Store {
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
}

/// A change of an object, from a record.
pub(crate) struct Change<'a> {
    pub(crate) scope: &'a str,
    pub(crate) key: &'a ObjectKey,
    pub(crate) record: &'a [u8],
    /// The mark of the state in a stream; 0 where there is none.
    pub(crate) mark: u64,
}

impl Store {
    /// Opens a store for writing, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be used or is of another version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let store = Self::connect(path, flags)?;
        let version = store.version()?;
        let is_new = version == 0 && store.is_empty()?;
        if is_new {
            store.make().map_err(|source| store.cannot_open(source))?;
        } else if version != VERSION {
            return Err(StoreError::Version {
                path: path.to_owned(),
                found: version,
                expected: VERSION,
            });
        }
        let views = store.connection.execute_batch(FINGERPRINTS);
        views.map_err(|source| store.cannot_open(source))?;
        Ok(store)
    }

    /// Opens a store that is there, for reading.
    ///
    /// # Errors
    ///
    /// When there is none, or it is of another version.
    pub fn open_to_read(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let store = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let found = store.version()?;
        if found != VERSION {
            return Err(StoreError::Version {
                path: path.to_owned(),
                found,
                expected: VERSION,
            });
        }
        Ok(store)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Open {
            path: path.to_owned(),
            source,
        };
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        schema::functions(&connection).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            connection,
        })
    }

    fn make(&self) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "journal_mode", "WAL")?;
        self.connection
            .pragma_update(None, "synchronous", "NORMAL")?;
        self.connection.execute_batch(TABLES)?;
        self.connection.pragma_update(None, "user_version", VERSION)
    }

    fn version(&self) -> Result<i64, StoreError> {
        self.connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|source| self.cannot_open(source))
    }

    fn is_empty(&self) -> Result<bool, StoreError> {
        self.connection
            .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
                row.get(0)
            })
            .map_err(|source| self.cannot_open(source))
    }

    fn cannot_open(&self, source: rusqlite::Error) -> StoreError {
        StoreError::Open {
            path: self.path.clone(),
            source,
        }
    }

    /// A value of `meta`.
    pub(crate) fn meta(&self, key: &str) -> Result<Option<String>, StoreError> {
        self.connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
                row.get(0)
            })
            .optional()
            .map_err(StoreError::reading)
    }

    /// Runs `write` in one transaction.
    pub(crate) fn write<T>(
        &mut self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let written = self.connection.transaction().and_then(|transaction| {
            let value = write(&transaction)?;
            transaction.commit()?;
            Ok(value)
        });
        written.map_err(StoreError::writing)
    }
}

pub(crate) fn set_meta(tx: &Transaction<'_>, key: &str, value: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2")?
        .execute([key, value])
        .map(drop)
}

pub(crate) fn resource(
    tx: &Transaction<'_>,
    scope: &str,
    resource: &ResourceId,
) -> rusqlite::Result<i64> {
    let known = tx
        .prepare_cached(
            r#"SELECT id FROM resource WHERE scope = ?1 AND "group" = ?2 AND plural = ?3"#,
        )?
        .query_row(params![scope, resource.group, resource.plural], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    tx.prepare_cached(r#"INSERT INTO resource (scope, "group", plural) VALUES (?1, ?2, ?3)"#)?
        .insert(params![scope, resource.group, resource.plural])
}

/// Writes a state. One that is there already is only said to be of this run.
pub(crate) fn put(tx: &Transaction<'_>, change: &Change<'_>, run: i64) -> rusqlite::Result<()> {
    let Change {
        scope,
        key,
        record,
        mark,
    } = *change;
    let mark = mark.cast_signed();
    let parsed = serde_json::from_slice::<Record<'_>>(record).and_then(|record| {
        let head: Head<'_> = serde_json::from_str(record.object.get())?;
        Ok((record, head))
    });
    let Ok((record, head)) = parsed else {
        tracing::warn!(object = %key, "a record cannot be read; it is left out of the store");
        return Ok(());
    };
    let resource = resource(tx, scope, &key.resource)?;
    let namespace = key.namespace.as_deref().unwrap_or_default();
    let (uid, version) = (&*head.metadata.uid, &*head.metadata.resource_version);
    let known: Option<(i64, String, String, String)> = tx
        .prepare_cached(
            "SELECT id, uid, version, hash FROM object \
             WHERE resource = ?1 AND namespace = ?2 AND name = ?3",
        )?
        .query_row(params![resource, namespace, key.name], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    if let Some((id, known_uid, known_version, hash)) = &known {
        let same = known_uid == uid && known_version == version && *hash == record.hash;
        if same && !hash.is_empty() {
            tx.prepare_cached("UPDATE object SET run = ?2, mark = ?3 WHERE id = ?1")?
                .execute(params![id, run, mark])?;
            return Ok(());
        }
        tx.prepare_cached("DELETE FROM object WHERE id = ?1")?
            .execute([id])?;
    }
    let id = tx
        .prepare_cached(
            "INSERT INTO object (resource, namespace, name, api_version, kind, uid, version, hash, \
             tier, observed, mark, run, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .insert(params![
            resource,
            namespace,
            key.name,
            head.api_version,
            head.kind,
            uid,
            version,
            record.hash,
            record.tier,
            record.observed,
            mark,
            run,
            schema::pack(record.object.get().as_bytes()),
        ])?;
    for (key, value) in head.metadata.labels.iter().flatten() {
        tx.prepare_cached("INSERT OR REPLACE INTO label (key, value, object) VALUES (?1, ?2, ?3)")?
            .execute(params![key, value.as_deref().unwrap_or_default(), id])?;
    }
    for owner in head.metadata.owner_references.iter().flatten() {
        tx.prepare_cached("INSERT OR REPLACE INTO owner VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![id, owner.uid, owner.kind, owner.name])?;
    }
    Ok(())
}

/// Removes an object.
pub(crate) fn remove(tx: &Transaction<'_>, scope: &str, key: &ObjectKey) -> rusqlite::Result<()> {
    let resource = resource(tx, scope, &key.resource)?;
    let namespace = key.namespace.as_deref().unwrap_or_default();
    tx.prepare_cached("DELETE FROM object WHERE resource = ?1 AND namespace = ?2 AND name = ?3")?
        .execute(params![resource, namespace, key.name])
        .map(drop)
}

/// Removes what this run was not given of resources that are not kept; returns how
/// much that was.
pub(crate) fn sweep_unobserved(
    tx: &Transaction<'_>,
    scope: &str,
    is_kept: impl Fn(&ResourceId) -> bool,
    run: i64,
) -> rusqlite::Result<usize> {
    let mut known = tx.prepare_cached("SELECT \"group\", plural FROM resource WHERE scope = ?1")?;
    let known = known.query_map([scope], |row| {
        Ok(ResourceId {
            group: row.get(0)?,
            plural: row.get(1)?,
        })
    })?;
    let known = known.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut gone = 0;
    for id in known.iter().filter(|id| !is_kept(id)) {
        gone += sweep(tx, scope, id, run)?;
    }
    Ok(gone)
}

/// Removes what this run was not given of a resource; returns how much that was.
pub(crate) fn sweep(
    tx: &Transaction<'_>,
    scope: &str,
    id: &ResourceId,
    run: i64,
) -> rusqlite::Result<usize> {
    let resource = resource(tx, scope, id)?;
    tx.prepare_cached("DELETE FROM object WHERE resource = ?1 AND run <> ?2")?
        .execute(params![resource, run])
}
