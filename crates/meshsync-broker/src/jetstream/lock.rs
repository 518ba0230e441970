//! A lock in a bucket of JetStream's: who leads the agents of a cluster.
//!
//! The writer's claim in the state stream keeps others from writing, and is made by
//! whoever starts last. Who leads has to be known before anything is observed, and
//! given up by one who is silent: so this is an entry of its own, and works beside
//! sinks that are no streams, too.

use std::fmt::Write;
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::kv::{Config, Operation, Store, UpdateErrorKind};
use meshsync_model::{ClusterId, Leadership};
use serde::{Deserialize, Serialize};

use super::streams::no_jetstream;
use super::url::JetStreamUrl;
use crate::SinkError;
use crate::sinks::nats_connect::connect;

/// Why a lock could not be read or written. Worth another try.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct BrokerLockError {
    what: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// An entry of a bucket as a lock: who holds it leads. One entry per cluster; the
/// bucket is called `<prefix>_LEADER`.
#[derive(Debug)]
pub struct BrokerLock {
    url: JetStreamUrl,
    key: String,
    store: Option<Store>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    holder: String,
    lasts_ms: u64,
}

impl BrokerLock {
    /// The lock of a cluster. It connects when it is first read.
    pub fn new(url: JetStreamUrl, scope: &ClusterId) -> Self {
        Self {
            url,
            key: key_of(scope.as_str()),
            store: None,
        }
    }

    /// Who leads; `None` where nobody ever did.
    ///
    /// # Errors
    ///
    /// When the broker cannot be asked.
    pub async fn read(&mut self) -> Result<Option<Leadership>, BrokerLockError> {
        let key = self.key.clone();
        let entry = self.store().await?.entry(key).await;
        let Some(entry) = entry.map_err(|e| failed("read", e))? else {
            return Ok(None);
        };
        // What is none of ours is as good as given up.
        let read = match entry.operation {
            Operation::Put => serde_json::from_slice::<Entry>(&entry.value).ok(),
            Operation::Delete | Operation::Purge => None,
        };
        let read = read.unwrap_or(Entry {
            holder: String::new(),
            lasts_ms: 0,
        });
        Ok(Some(Leadership {
            holder: read.holder,
            lasts: Duration::from_millis(read.lasts_ms),
            version: entry.revision.to_string(),
        }))
    }

    /// Writes who leads in place of the version `of`; returns the new one, or
    /// `None` where another one is there.
    ///
    /// # Errors
    ///
    /// When the broker cannot be asked. It may have been written all the same.
    pub async fn write(
        &mut self,
        holder: &str,
        lasts: Duration,
        of: Option<&str>,
    ) -> Result<Option<String>, BrokerLockError> {
        let entry = Entry {
            holder: holder.to_owned(),
            lasts_ms: u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX),
        };
        let value = serde_json::to_vec(&entry).map_err(|e| failed("write", e))?;
        let revision = of.and_then(|of| of.parse().ok()).unwrap_or(0);
        let key = self.key.clone();
        let written = self.store().await?.update(key, value.into(), revision);
        match written.await {
            Ok(revision) => Ok(Some(revision.to_string())),
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(None),
            Err(error) => Err(failed("write", error)),
        }
    }

    async fn store(&mut self) -> Result<&Store, BrokerLockError> {
        let store = match self.store.take() {
            Some(store) => store,
            None => self.open().await?,
        };
        Ok(self.store.insert(store))
    }

    async fn open(&self) -> Result<Store, BrokerLockError> {
        let client = connect(&self.url.nats)
            .await
            .map_err(BrokerLockError::from)?;
        if !client.server_info().jetstream {
            return Err(BrokerLockError {
                what: format!("{}, or elect with a Lease", no_jetstream("the broker")),
                source: None,
            });
        }
        let context = jetstream::new(client);
        let bucket = self.url.leader_bucket();
        if let Ok(store) = context.get_key_value(&bucket).await {
            return Ok(store);
        }
        let config = Config {
            bucket: bucket.clone(),
            description: "MeshSync: which agent leads".to_owned(),
            history: 1,
            num_replicas: self.url.replicas.unwrap_or(1),
            ..Config::default()
        };
        match context.create_key_value(config).await {
            Ok(store) => Ok(store),
            // Somebody else made it meanwhile, maybe.
            Err(error) => context.get_key_value(&bucket).await.map_err(|_| {
                let what = format!(
                    "failed to make the bucket {bucket} for the lock: does the account allow it, \
                     and are there enough servers for its replicas?"
                );
                let source = Some(error.into());
                BrokerLockError { what, source }
            }),
        }
    }
}

impl From<SinkError> for BrokerLockError {
    fn from(error: SinkError) -> Self {
        Self {
            what: "failed to reach the lock".to_owned(),
            source: Some(error.into()),
        }
    }
}

fn failed(
    what: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> BrokerLockError {
    BrokerLockError {
        what: format!("failed to {what} the lock"),
        source: Some(source.into()),
    }
}

/// A key may have letters, digits, `-`, `/`, `_`, `=` and `.`.
fn key_of(scope: &str) -> String {
    let mut key = String::new();
    for byte in scope.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            key.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            _ = write!(key, "={byte:02X}");
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_cluster_is_a_key_of_its_own() {
        let check = |scope: &str, key: &str| assert_eq!(key_of(scope), key);
        check("4ea3-b1", "4ea3-b1");
        check("a.b c", "a=2Eb=20c");
        check("a=2Eb", "a=3D2Eb");
        check("ä", "=C3=A4");
    }
}
