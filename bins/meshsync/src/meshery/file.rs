//! `--output file`: Meshery's own form of a snapshot.
//!
//! One YAML document per object, as it was when it was first seen, each followed
//! by `---`. What happens to an object later is not written: `meshsync snapshot`
//! writes down a cluster as it is.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use meshsync::{Batch, BoxFuture, Published, Sink, SinkError, Wire};
use serde_json::Value;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

/// Files of one day.
const NUMBERS_MAX: u32 = 1024;

/// See the [module](self).
pub(super) struct MesheryFile {
    path: Option<PathBuf>,
    file: Option<File>,
    /// uids of what was written.
    written: HashSet<String>,
}

impl MesheryFile {
    /// Writes to `path`, or to a new file in the current folder.
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            file: None,
            written: HashSet::new(),
        }
    }

    async fn write(&mut self, batch: &Batch) -> Result<Published, SinkError> {
        let mut text = String::new();
        for delivery in &batch.deliveries {
            if !delivery.payload.is_empty() {
                self.document(&delivery.payload, &mut text)?;
            }
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self.open().await.map_err(|error| self.broken(error))?,
        };
        let written = async {
            file.write_all(text.as_bytes()).await?;
            file.flush().await
        };
        written.await.map_err(|error| self.broken(error))?;
        self.file = Some(file);
        Ok(Published::default())
    }

    /// Appends the document of one message, if it is the first of its object.
    fn document(&mut self, message: &[u8], text: &mut String) -> Result<(), SinkError> {
        let mut message: Value =
            serde_json::from_slice(message).map_err(|error| self.broken(error))?;
        let object = message["Object"].take();
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        if !uid.is_empty() && !self.written.insert(uid.to_owned()) {
            return Ok(());
        }
        // A map of serde_json's is sorted by its keys, as the original's is.
        let document = serde_saphyr::to_string(&object).map_err(|error| self.broken(error))?;
        text.push_str(&document);
        if !document.ends_with('\n') {
            text.push('\n');
        }
        text.push_str("---\n");
        Ok(())
    }

    async fn open(&mut self) -> std::io::Result<File> {
        let path = match &self.path {
            Some(path) => path.clone(),
            None => new_name(&Timestamp::now().to_string(), Path::exists),
        };
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        // It may hold what a cluster keeps to itself.
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&path).await?;
        tracing::info!(path = %path.display(), "writing a snapshot");
        self.path = Some(path);
        Ok(file)
    }

    fn broken(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> SinkError {
        SinkError::Broken {
            sink: self.name(),
            source: error.into(),
        }
    }
}

/// The first name of this day that is free.
fn new_name(now: &str, is_taken: impl Fn(&Path) -> bool) -> PathBuf {
    let day: String = now.chars().take(10).filter(|c| *c != '-').collect();
    let name = |number| PathBuf::from(format!("meshery-cluster-snapshot-{day}-{number:02}.yaml"));
    let mut names = (0..NUMBERS_MAX).map(name);
    let free = names.find(|name| !is_taken(name));
    free.unwrap_or_else(|| name(NUMBERS_MAX))
}

impl Sink for MesheryFile {
    fn name(&self) -> String {
        let path = self.path.as_deref().map(Path::display);
        path.map_or_else(|| "file:".to_owned(), |path| format!("file:{path}"))
    }

    fn wire(&self) -> Wire {
        Wire::Meshery
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(self.write(batch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// U22: the default name, and the first free number of the day.
    #[test]
    fn the_first_free_name_of_the_day_is_taken() {
        let now = "2026-11-22T12:00:00Z";
        let free = new_name(now, |_| false);
        assert_eq!(free, Path::new("meshery-cluster-snapshot-20261122-00.yaml"));
        let third = new_name(now, |path| !path.to_string_lossy().ends_with("-02.yaml"));
        assert_eq!(
            third,
            Path::new("meshery-cluster-snapshot-20261122-02.yaml")
        );
    }

    #[test]
    fn an_object_is_written_once_in_the_originals_form() {
        let mut file = MesheryFile::new(None);
        let message = br#"{"ObjectType":"meshsync-data","EventType":"ADDED","Request":null,"Object":{"id":"","apiVersion":"v1","kind":"Pod","metadata":{"uid":"u-1","name":"a","labels":[{"id":"","key":"app","value":"x"}]},"spec":{"id":"","attribute":"{\"a\":1}"},"component_metadata":null}}"#;
        let mut text = String::new();
        file.document(message, &mut text).unwrap();
        file.document(message, &mut text).unwrap();
        assert_eq!(text.matches("---\n").count(), 1);
        let back: Value = serde_saphyr::from_str(text.trim_end_matches("---\n")).unwrap();
        assert_eq!(back["spec"]["attribute"], "{\"a\":1}");
        assert_eq!(back["metadata"]["labels"][0]["key"], "app");
        assert!(text.starts_with("apiVersion: v1\n"), "{text}");
    }
}
