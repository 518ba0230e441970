//! From a state stream into a store.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meshsync_broker::jetstream::{
    Event, JetStreamUrl, Mark, Position, Replica, Resume, Subject, Verdict,
};
use meshsync_model::{EventType, ObjectKey, ResourceId, error_chain};
use rusqlite::{Transaction, params};

use crate::store::{Change, put, remove, set_meta};
use crate::{Store, StoreError};

/// Messages of one transaction.
const BATCH_MAX: usize = 1000;

/// What has come is written when nothing more comes for this long.
const QUIET: Duration = Duration::from_millis(50);

/// After a failure: this long, then twice, up to the maximum.
const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// How far a replica is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// All that the stream held at the start is in the store.
    CaughtUp,
    /// A resource that differed from what the writer has was read again.
    Repaired(ResourceId),
    /// A marker was met.
    Marker {
        /// The resource; `None` for all of them.
        resource: Option<ResourceId>,
        /// What it means.
        verdict: Verdict,
    },
}

/// Follows the state stream at `url` into the store at `path` until `stop`
/// completes, over breaks of the connection. `tell` hears how far it is.
///
/// # Errors
///
/// When the store cannot be written. What is wrong with the broker is logged and
/// tried again.
pub async fn replicate(
    url: JetStreamUrl,
    path: &Path,
    mut tell: impl FnMut(Progress),
    stop: impl Future<Output = ()>,
) -> Result<(), StoreError> {
    let mut store = Store::open(path)?;
    let mut replica = Replica::new(url, resume(&store)?);
    let mut stop = pin!(stop);
    let mut back_off = BACK_OFF_MIN;
    loop {
        let mut events = Vec::new();
        let mut failed = None;
        let mut stopped = false;
        while events.len() < BATCH_MAX {
            let quiet = tokio::time::sleep(if events.is_empty() {
                Duration::from_secs(3600)
            } else {
                QUIET
            });
            tokio::select! {
                biased;
                () = &mut stop => { stopped = true; break }
                event = replica.next() => match event {
                    Ok(event) => {
                        let is_end = matches!(event, Event::CaughtUp { .. } | Event::Repaired { .. });
                        events.push(event);
                        if is_end { break }
                    }
                    Err(error) => { failed = Some(error); break }
                },
                () = quiet => break,
            }
        }
        let written = !events.is_empty();
        store = write(store, &replica, &events)?;
        for event in events {
            match event {
                Event::CaughtUp { .. } => tell(Progress::CaughtUp),
                Event::Repaired { resource, .. } => tell(Progress::Repaired(resource)),
                Event::Marker(marker) => tell(Progress::Marker {
                    resource: marker.resource,
                    verdict: marker.verdict,
                }),
                _ => {}
            }
        }
        if stopped {
            return Ok(());
        }
        if written {
            back_off = BACK_OFF_MIN;
        }
        if let Some(error) = failed {
            tracing::warn!(error = %error_chain(&error), "tried again");
            tokio::select! {
                () = &mut stop => return Ok(()),
                () = tokio::time::sleep(back_off) => {}
            }
            back_off = (back_off * 2).min(BACK_OFF_MAX);
        }
    }
}

/// Where the store left off, and what it holds.
fn resume(store: &Store) -> Result<Resume, StoreError> {
    let number = |key| -> Result<Option<i128>, StoreError> {
        Ok(store.meta(key)?.and_then(|text| text.parse().ok()))
    };
    let (stream, seq) = (number("stream")?, number("stream_seq")?);
    let position = stream.zip(seq).and_then(|(stream, seq)| {
        let seq = u64::try_from(seq).ok()?;
        Some(Position { stream, seq })
    });
    let at = number("stream_at")?.and_then(|at| u64::try_from(at).ok());
    let away = Duration::from_secs(now().saturating_sub(at.unwrap_or(0)));
    let mut known = Vec::new();
    if position.is_some() {
        let mut statement = store
            .connection
            .prepare(
                r#"SELECT scope, "group", plural, namespace, name, mark FROM object
                   JOIN resource ON resource.id = object.resource"#,
            )
            .map_err(StoreError::reading)?;
        let rows = statement.query_map([], |row| {
            let (subject, _) = subject_of(row)?;
            let mark: i64 = row.get(5)?;
            Ok((subject.to_string(), Mark::from_u64(mark.cast_unsigned())))
        });
        for row in rows.map_err(StoreError::reading)? {
            known.push(row.map_err(StoreError::reading)?);
        }
    }
    Ok(Resume {
        position,
        away,
        known,
    })
}

/// Scope, group, plural, namespace and name of a row.
fn subject_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<(Subject, String)> {
    let scope: String = row.get(0)?;
    let namespace: String = row.get(3)?;
    let name: String = row.get(4)?;
    let key = ObjectKey {
        resource: ResourceId::new(row.get::<_, String>(1)?, row.get::<_, String>(2)?).into(),
        namespace: (!namespace.is_empty()).then(|| namespace.into()),
        name: name.into(),
    };
    let subject = Subject::Object {
        scope: scope.clone(),
        key,
    };
    Ok((subject, scope))
}

fn write(mut store: Store, replica: &Replica, events: &[Event]) -> Result<Store, StoreError> {
    if events.is_empty() {
        return Ok(store);
    }
    // On the blocking side of this worker: a transaction takes milliseconds.
    let written = move || {
        store.write(|tx| {
            for event in events {
                match event {
                    Event::Object(message) if message.envelope.event == EventType::Deleted => {
                        remove(tx, &message.scope, &message.key)?;
                    }
                    Event::Object(message) => {
                        let mark = message.envelope.mark(&message.subject);
                        let change = Change {
                            scope: &message.scope,
                            key: &message.key,
                            record: &message.record,
                            mark: mark.map_or(0, Mark::as_u64),
                        };
                        put(tx, &change, 0)?;
                    }
                    Event::CaughtUp { full: true } => retain(tx, replica, None)?,
                    Event::Repaired { scope, resource } => {
                        retain(tx, replica, Some((scope, resource)))?;
                    }
                    Event::Marker(marker) if marker.resource.is_none() => {
                        set_meta(tx, "complete", &now().to_string())?;
                    }
                    _ => {}
                }
            }
            match replica.position() {
                Some(position) => {
                    set_meta(tx, "stream", &position.stream.to_string())?;
                    set_meta(tx, "stream_seq", &position.seq.to_string())?;
                    set_meta(tx, "stream_at", &now().to_string())
                }
                None => tx
                    .execute("DELETE FROM meta WHERE key LIKE 'stream%'", [])
                    .map(drop),
            }
        })?;
        Ok(store)
    };
    if tokio::runtime::Handle::current().runtime_flavor()
        == tokio::runtime::RuntimeFlavor::MultiThread
    {
        tokio::task::block_in_place(written)
    } else {
        written()
    }
}

/// Removes what the stream does not hold, of one resource or of all.
fn retain(
    tx: &Transaction<'_>,
    replica: &Replica,
    of: Option<(&String, &ResourceId)>,
) -> rusqlite::Result<()> {
    let mut gone = Vec::new();
    {
        let mut statement = tx.prepare(
            r#"SELECT scope, "group", plural, namespace, name, object.id FROM object
               JOIN resource ON resource.id = object.resource
               WHERE ?1 IS NULL OR (scope = ?1 AND "group" = ?2 AND plural = ?3)"#,
        )?;
        let of = of.map(|(scope, id)| (scope, &id.group, &id.plural));
        let of = (of.map(|of| of.0), of.map(|of| of.1), of.map(|of| of.2));
        let mut rows = statement.query(of)?;
        while let Some(row) = rows.next()? {
            let (subject, _) = subject_of(row)?;
            if !replica.holds(&subject.to_string()) {
                gone.push(row.get::<_, i64>(5)?);
            }
        }
    }
    for id in gone {
        tx.execute("DELETE FROM object WHERE id = ?1", params![id])?;
    }
    Ok(())
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
