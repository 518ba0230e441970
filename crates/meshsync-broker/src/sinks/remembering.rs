//! A sink that remembers in a file which objects it has published, so that a
//! process after this one can tell which of them are gone.
//!
//! The file is a journal of keys, one JSON line each. A key is written down
//! before its first state is published and struck out after its delete was, so
//! that a process that is killed at any moment remembers rather too much: a
//! delete that is told twice does no harm.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshsync_model::{EventType, Gvk, ObjectKey, Resource};
use serde::{Deserialize, Serialize};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use crate::{Batch, BoxFuture, Published, Sink, SinkError, Wire};

/// The journal is written anew when it has this many lines more than twice the
/// keys that are in it.
const SURPLUS_LINES_MAX: usize = 10_000;

/// An object that was published and not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedObject {
    /// Its resource, at the version it was published at.
    pub resource: Resource,
    /// Its namespace, where it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// Remembers what it has published, so that a later process can tell what is gone.
pub struct RememberingSink {
    sink: Box<dyn Sink>,
    journal: Journal,
}

/// One line: a key that was published, or is no longer.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    #[serde(rename = "is")]
    there: bool,
    group: &'a str,
    version: &'a str,
    kind: &'a str,
    plural: &'a str,
    namespaced: bool,
    namespace: Option<&'a str>,
    name: &'a str,
}

struct Journal {
    path: PathBuf,
    file: Option<File>,
    keys: HashMap<Arc<ObjectKey>, Arc<Resource>>,
    lines: usize,
}

impl RememberingSink {
    /// Wraps a sink; returns what it published in earlier lives. The file is
    /// made where there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written.
    pub async fn open(
        sink: Box<dyn Sink>,
        path: &Path,
    ) -> io::Result<(Self, Vec<PublishedObject>)> {
        let journal = Journal::open(path).await?;
        let published = journal.keys.iter().map(|(key, resource)| PublishedObject {
            resource: Resource::clone(resource),
            namespace: key.namespace.as_deref().map(str::to_owned),
            name: key.name.to_string(),
        });
        let published = published.collect();
        Ok((Self { sink, journal }, published))
    }

    async fn remember_and_publish(&mut self, batch: &Batch) -> Result<Published, SinkError> {
        let failed = |path: &Path, error| {
            let path = path.display();
            SinkError::unavailable(
                format!(
                    "failed to write {path}, which remembers what was published: is the disk full?"
                ),
                error,
            )
        };
        let before = self.journal.before(batch).await;
        before.map_err(|error| failed(&self.journal.path, error))?;
        let published = self.sink.publish(batch).await?;
        // The batch has arrived: that a key is not struck out costs one delete
        // too many later, and no second delivery now.
        if let Err(error) = self.journal.after(batch).await {
            tracing::warn!(%error, path = %self.journal.path.display(), "keys are not struck out");
        }
        Ok(published)
    }
}

impl Sink for RememberingSink {
    fn name(&self) -> String {
        self.sink.name()
    }

    fn wire(&self) -> Wire {
        self.sink.wire()
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(self.remember_and_publish(batch))
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.sink.close()
    }
}

impl Journal {
    async fn open(path: &Path) -> io::Result<Self> {
        let text = match tokio::fs::read_to_string(path).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut journal = Self {
            path: path.to_owned(),
            file: None,
            keys: HashMap::new(),
            lines: 0,
        };
        let mut resources: HashMap<(Gvk, String), Arc<Resource>> = HashMap::new();
        for text in text.lines() {
            journal.lines += 1;
            // The last line of a process that was killed may be half a line.
            let Ok(line) = serde_json::from_str::<LineOwned>(text) else {
                tracing::debug!(path = %path.display(), "a line cannot be read and is left out");
                continue;
            };
            let gvk = Gvk::new(line.group, line.version, line.kind);
            let resource = resources
                .entry((gvk.clone(), line.plural.clone()))
                .or_insert_with(|| Arc::new(Resource::new(gvk, line.plural, line.namespaced)));
            let key = ObjectKey {
                resource: resource.id().into(),
                namespace: line.namespace.map(Into::into),
                name: line.name.into(),
            };
            if line.there {
                journal.keys.insert(Arc::new(key), Arc::clone(resource));
            } else {
                journal.keys.remove(&key);
            }
        }
        journal.rewrite().await?;
        Ok(journal)
    }

    /// Writes down what is about to be published for the first time.
    async fn before(&mut self, batch: &Batch) -> io::Result<()> {
        let mut lines = Vec::new();
        for delivery in &batch.deliveries {
            if delivery.event != EventType::Deleted
                && let (Some(key), Some(resource)) = (&delivery.key, &delivery.resource)
                && !self.keys.contains_key(key)
            {
                push_line(&mut lines, true, key, resource);
                self.keys.insert(Arc::clone(key), Arc::clone(resource));
                self.lines += 1;
            }
        }
        self.append(&lines).await
    }

    /// Strikes out what was published as deleted, unless something of that name
    /// was published after it.
    async fn after(&mut self, batch: &Batch) -> io::Result<()> {
        let mut gone: HashMap<&Arc<ObjectKey>, bool> = HashMap::new();
        for delivery in &batch.deliveries {
            if let Some(key) = &delivery.key {
                gone.insert(key, delivery.event == EventType::Deleted);
            }
        }
        let mut lines = Vec::new();
        for (key, _) in gone.into_iter().filter(|(_, gone)| *gone) {
            if let Some(resource) = self.keys.remove(key) {
                push_line(&mut lines, false, key, &resource);
                self.lines += 1;
            }
        }
        self.append(&lines).await?;
        if self.lines > self.keys.len() * 2 + SURPLUS_LINES_MAX {
            self.rewrite().await?;
        }
        Ok(())
    }

    async fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                let file = options.append(true).create(true).open(&self.path).await?;
                self.file.insert(file)
            }
        };
        file.write_all(lines).await?;
        file.flush().await
    }

    /// Only the keys that are in it, in a new file that takes the old one's place.
    async fn rewrite(&mut self) -> io::Result<()> {
        let mut lines = Vec::new();
        for (key, resource) in &self.keys {
            push_line(&mut lines, true, key, resource);
        }
        let next = self.path.with_extension("next");
        tokio::fs::write(&next, &lines).await?;
        tokio::fs::rename(&next, &self.path).await?;
        self.lines = self.keys.len();
        self.file = None;
        Ok(())
    }
}

#[derive(Deserialize)]
struct LineOwned {
    #[serde(rename = "is")]
    there: bool,
    group: String,
    version: String,
    kind: String,
    plural: String,
    namespaced: bool,
    namespace: Option<String>,
    name: String,
}

fn push_line(lines: &mut Vec<u8>, there: bool, key: &ObjectKey, resource: &Resource) {
    let line = Line {
        there,
        group: &resource.gvk.group,
        version: &resource.gvk.version,
        kind: &resource.gvk.kind,
        plural: &resource.plural,
        namespaced: resource.namespaced,
        namespace: key.namespace.as_deref(),
        name: &key.name,
    };
    // Texts and flags: there is nothing in it that could not be written.
    if serde_json::to_writer(&mut *lines, &line).is_ok() {
        lines.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use bytes::Bytes;

    use super::*;
    use crate::Delivery;

    /// Takes batches, or is away.
    #[derive(Clone, Default)]
    struct Fickle(Arc<Mutex<bool>>);

    impl Sink for Fickle {
        fn name(&self) -> String {
            "fickle:".to_owned()
        }

        fn wire(&self) -> Wire {
            Wire::Meshery
        }

        fn publish<'a>(&'a mut self, _: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
            let away = *self.0.lock().unwrap();
            Box::pin(async move {
                if away {
                    return Err(SinkError::unavailable("away", "as it was told"));
                }
                Ok(Published::default())
            })
        }
    }

    fn batch(changes: &[(EventType, &str)]) -> Batch {
        let resource = Arc::new(Resource::new(
            Gvk::new("apps", "v1", "Deployment"),
            "deployments",
            true,
        ));
        let delivery = |(event, name): &(EventType, &str)| Delivery {
            event: *event,
            resource: Some(Arc::clone(&resource)),
            key: Some(Arc::new(ObjectKey {
                resource: resource.id().into(),
                namespace: Some("shop".into()),
                name: (*name).into(),
            })),
            payload: Bytes::new(),
            subject: None,
        };
        Batch::of(changes.iter().map(delivery).collect())
    }

    async fn names(path: &Path) -> Vec<String> {
        let (_, published) = RememberingSink::open(Box::new(Fickle::default()), path)
            .await
            .unwrap();
        for object in &published {
            assert_eq!(object.resource.gvk.api_version(), "apps/v1");
            assert_eq!(object.namespace.as_deref(), Some("shop"));
        }
        let mut names: Vec<String> = published.into_iter().map(|object| object.name).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn what_was_published_and_not_deleted_is_remembered() {
        use EventType::{Added, Deleted, Modified};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys");
        let fickle = Fickle::default();
        let (mut sink, none) = RememberingSink::open(Box::new(fickle.clone()), &path)
            .await
            .unwrap();
        assert!(none.is_empty());
        let first = [(Added, "a"), (Added, "b"), (Added, "c"), (Modified, "a")];
        sink.publish(&batch(&first)).await.unwrap();
        assert_eq!(names(&path).await, ["a", "b", "c"]);
        // The rename of that look took the file away from under us: as a disk
        // that comes back, it is opened anew after a restart only.
        let (mut sink, _) = RememberingSink::open(Box::new(fickle.clone()), &path)
            .await
            .unwrap();
        // A delete and the next object of that name: it is there.
        let reborn = [(Deleted, "a"), (Deleted, "b"), (Added, "b")];
        sink.publish(&batch(&reborn)).await.unwrap();
        *fickle.0.lock().unwrap() = true;
        // What may have arrived is remembered, what may not have is not forgotten.
        sink.publish(&batch(&[(Added, "d"), (Deleted, "c")]))
            .await
            .unwrap_err();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text + "{\"is\":tr").unwrap();
        assert_eq!(names(&path).await, ["b", "c", "d"]);
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_an_error() {
        let path = Path::new("/nonexistent/keys");
        assert!(
            RememberingSink::open(Box::new(Fickle::default()), path)
                .await
                .is_err()
        );
    }
}
