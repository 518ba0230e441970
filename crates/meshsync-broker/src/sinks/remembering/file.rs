//! A journal in a file, in front of any sink.

use std::io;
use std::path::{Path, PathBuf};

use meshsync_model::ClusterId;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

use super::PublishedObject;
use super::keys::{Entries, Keys};
use crate::{Batch, BoxFuture, Published, Sink, SinkError, Wire};

/// Remembers what it has published, so that a later process can tell what is gone.
pub struct RememberingSink {
    sink: Box<dyn Sink>,
    journal: Journal,
}

struct Journal {
    path: PathBuf,
    file: Option<File>,
    /// A write failed half-way: the next one begins a line of its own.
    broken_line: bool,
    keys: Keys,
}

impl RememberingSink {
    /// Wraps a sink. The file is made where there is none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written.
    pub async fn open(sink: Box<dyn Sink>, path: &Path) -> io::Result<Self> {
        let journal = Journal::open(path).await?;
        Ok(Self { sink, journal })
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
        let unknown = self.journal.keys.unknown(batch);
        let before = self.journal.append(unknown).await;
        before.map_err(|error| failed(&self.journal.path, error))?;
        let published = self.sink.publish(batch).await?;
        // The batch has arrived: that a key is not struck out costs one delete
        // too many later, and no second delivery now.
        if let Err(error) = self.journal.strike_out(batch).await {
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

    fn expect_sources(&mut self, count: usize) {
        self.sink.expect_sources(count);
    }

    /// What is in the file; the sink behind it is not asked for its own memory.
    fn recall<'a>(
        &'a mut self,
        _scope: &'a ClusterId,
    ) -> BoxFuture<'a, Result<Vec<PublishedObject>, SinkError>> {
        Box::pin(async { Ok(self.journal.keys.published()) })
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(self.remember_and_publish(batch))
    }

    fn idle(&mut self) -> BoxFuture<'_, ()> {
        self.sink.idle()
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        self.sink.close()
    }
}

impl Journal {
    async fn open(path: &Path) -> io::Result<Self> {
        let text = match tokio::fs::read(path).await {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut keys = Keys::default();
        let unreadable = keys.replay(&text);
        if unreadable > 0 {
            tracing::debug!(path = %path.display(), unreadable, "lines that are none are left out");
        }
        let mut journal = Self {
            path: path.to_owned(),
            file: None,
            broken_line: false,
            keys,
        };
        journal.rewrite().await?;
        Ok(journal)
    }

    async fn strike_out(&mut self, batch: &Batch) -> io::Result<()> {
        let gone = self.keys.gone(batch);
        self.append(gone).await?;
        if self.keys.is_bulky() {
            self.rewrite().await?;
        }
        Ok(())
    }

    async fn append(&mut self, entries: Entries) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let written = self.write(&entries.lines).await;
        self.broken_line = written.is_err();
        written?;
        self.keys.written(entries);
        Ok(())
    }

    async fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                let file = options.append(true).create(true).open(&self.path).await?;
                self.file.insert(file)
            }
        };
        if self.broken_line {
            file.write_all(b"\n").await?;
        }
        file.write_all(lines).await?;
        file.flush().await
    }

    /// Only the keys that are in it, in a new file that takes the old one's place.
    async fn rewrite(&mut self) -> io::Result<()> {
        let next = self.path.with_extension("next");
        tokio::fs::write(&next, &self.keys.all().lines).await?;
        tokio::fs::rename(&next, &self.path).await?;
        self.keys.rewritten();
        self.file = None;
        self.broken_line = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bytes::Bytes;
    use meshsync_model::{EventType, Gvk, ObjectKey, Resource};

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

    async fn open(fickle: &Fickle, path: &Path) -> (RememberingSink, Vec<PublishedObject>) {
        let sink = RememberingSink::open(Box::new(fickle.clone()), path);
        let mut sink = sink.await.unwrap();
        let scope = ClusterId::new("c").unwrap();
        let published = sink.recall(&scope).await.unwrap();
        (sink, published)
    }

    async fn names(path: &Path) -> Vec<String> {
        let (_, published) = open(&Fickle::default(), path).await;
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
        let (mut sink, none) = open(&fickle, &path).await;
        assert!(none.is_empty());
        let first = [(Added, "a"), (Added, "b"), (Added, "c"), (Modified, "a")];
        sink.publish(&batch(&first)).await.unwrap();
        assert_eq!(names(&path).await, ["a", "b", "c"]);
        // The rename of that look took the file away from under us: as a disk
        // that comes back, it is opened anew after a restart only.
        let (mut sink, _) = open(&fickle, &path).await;
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

    /// A batch that is tried again is written down by the try that can.
    #[tokio::test]
    async fn what_could_not_be_written_down_is_not_taken_for_known() {
        use EventType::Added;
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("volume");
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("keys");
        let (mut sink, _) = open(&Fickle::default(), &path).await;
        std::fs::rename(&folder, dir.path().join("elsewhere")).unwrap();
        let one = batch(&[(Added, "a")]);
        let error = sink.publish(&one).await.unwrap_err().to_string();
        assert!(error.contains("remembers what was published"), "{error}");
        std::fs::rename(dir.path().join("elsewhere"), &folder).unwrap();
        sink.publish(&one).await.unwrap();
        assert_eq!(names(&path).await, ["a"]);
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
