//! Records in a file, appended, compacted at each full sync.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::compact;
use crate::{Batch, BoxFuture, Published, Sink, SinkError, Wire};

/// Grown to this many times its size after the last compaction, and to more
/// than [`COMPACT_BYTES_MIN`], the file is compacted without waiting for a full
/// sync: it stays proportional to what it describes.
const COMPACT_GROWTH: u64 = 4;
const COMPACT_BYTES_MIN: u64 = 64 << 20;

/// Appends records to a file. `file:PATH`
///
/// At each full sync the file is replaced, atomically, by the last record of
/// every live object, so that it then is the cluster's picture; changes follow
/// behind. What earlier runs wrote stays until the first full sync of this one.
/// A line that a crash left unfinished is cut off at the next start.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    /// Taken by the blocking task that is writing.
    log: Option<Log>,
}

/// The file, used from blocking tasks only.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: Option<File>,
    /// Whether it is a file, and not a device or a pipe.
    regular: bool,
    bytes: u64,
    compacted_bytes: u64,
    /// Where this run's records begin; unknown until the file was opened.
    run_start: Option<u64>,
    /// Whether the file holds this run's records alone.
    synced: bool,
}

impl FileSink {
    /// A sink that will append to `path` and create it where it does not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self {
            log: Some(Log::new(path.clone(), None)),
            path,
        }
    }

    async fn write(&mut self, batch: &Batch) -> Result<Published, SinkError> {
        let mut lines = Vec::new();
        let mut full_sync = false;
        for delivery in &batch.deliveries {
            full_sync |= delivery.is_full_sync();
            if !delivery.payload.is_empty() {
                lines.extend_from_slice(&delivery.payload);
                lines.push(b'\n');
            }
        }
        // The log is missing only after a writing task that panicked: keep all
        // there is.
        let mut log = self
            .log
            .take()
            .unwrap_or_else(|| Log::new(self.path.clone(), Some(0)));
        let failed = |error| {
            SinkError::unavailable(
                format!(
                    "failed to write {}: check the path, its permissions and the free space",
                    self.path.display()
                ),
                error,
            )
        };
        let task = tokio::task::spawn_blocking(move || {
            let result = log.append(&lines, full_sync);
            (log, result)
        });
        let (log, result) = task
            .await
            .map_err(|error| failed(io::Error::other(error)))?;
        self.log = Some(log);
        result.map(|()| Published::default()).map_err(failed)
    }
}

impl Sink for FileSink {
    fn name(&self) -> String {
        format!("file:{}", self.path.display())
    }

    fn wire(&self) -> Wire {
        Wire::Record
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(self.write(batch))
    }
}

impl Log {
    fn new(path: PathBuf, run_start: Option<u64>) -> Self {
        Self {
            path,
            file: None,
            regular: false,
            bytes: 0,
            compacted_bytes: 0,
            run_start,
            synced: false,
        }
    }

    fn append(&mut self, lines: &[u8], full_sync: bool) -> io::Result<()> {
        let result = self.try_append(lines, full_sync);
        if result.is_err() {
            // The next try opens the file again and cuts half a line off.
            self.file = None;
        }
        result
    }

    fn try_append(&mut self, lines: &[u8], full_sync: bool) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let (file, bytes, regular) = open(&self.path)?;
                // A link is followed once: what it points to is what is replaced.
                self.path = self.path.canonicalize()?;
                self.bytes = bytes;
                self.regular = regular;
                self.run_start.get_or_insert(bytes);
                self.file.insert(file)
            }
        };
        file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        let grown = self.synced
            && self.bytes > COMPACT_BYTES_MIN
            && self.bytes > self.compacted_bytes.saturating_mul(COMPACT_GROWTH);
        if self.regular && (full_sync || grown) {
            self.compact()?;
        }
        Ok(())
    }

    fn compact(&mut self) -> io::Result<()> {
        // What this run has not said again by its first full sync is gone.
        let start = if self.synced {
            0
        } else {
            self.run_start.unwrap_or(0)
        };
        self.file = None;
        compact::compact(&self.path, start)?;
        self.synced = true;
        let (file, bytes, _) = open(&self.path)?;
        self.file = Some(file);
        self.bytes = bytes;
        self.compacted_bytes = bytes;
        Ok(())
    }
}

/// Opens for appending; returns the length and whether it is a regular file.
fn open(path: &Path) -> io::Result<(File, u64, bool)> {
    // Reading is for the end of a regular file only: opening a pipe for both
    // would make us its reader.
    let special = path.metadata().is_ok_and(|metadata| !metadata.is_file());
    let mut file = OpenOptions::new()
        .read(!special)
        .append(true)
        .create(!special)
        .open(path)?;
    // A device or a pipe has no end to look at, and nothing to compact.
    let regular = file.metadata()?.is_file();
    let bytes = if regular {
        cut_unfinished_line(&mut file)?
    } else {
        0
    };
    Ok((file, bytes, regular))
}

/// Cuts off what follows the last line end; returns the length that is left.
fn cut_unfinished_line(file: &mut File) -> io::Result<u64> {
    const STEP: u64 = 64 << 10;
    let len = file.seek(SeekFrom::End(0))?;
    let mut end = len;
    let mut chunk = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        chunk.resize((end - start) as usize, 0);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut chunk)?;
        if let Some(found) = chunk.iter().rposition(|&b| b == b'\n') {
            end = start + found as u64 + 1;
            break;
        }
        end = start;
    }
    if end < len {
        file.set_len(end)?;
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use meshsync_model::{EventType, Gvk, ObjectKey, Resource};

    use super::*;
    use crate::Delivery;

    fn record(event: EventType, name: &str, x: u32) -> Delivery {
        let resource = Resource::new(Gvk::new("", "v1", "ConfigMap"), "configmaps", true);
        let payload = format!(
            r#"{{"event":"{event}","scope":"c","object":{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"n"}},"x":{x}}}}}"#
        );
        Delivery {
            event,
            key: Some(Arc::new(ObjectKey {
                resource: resource.id(),
                namespace: Some("n".into()),
                name: name.into(),
            })),
            resource: Some(Arc::new(resource)),
            payload: payload.into(),
        }
    }

    fn full_sync() -> Delivery {
        Delivery {
            event: EventType::Synced,
            resource: None,
            key: None,
            payload: r#"{"event":"SYNCED","scope":"c"}"#.into(),
        }
    }

    async fn run(path: &Path, deliveries: Vec<Delivery>) {
        let mut sink = FileSink::new(path);
        for delivery in deliveries {
            sink.publish(&Batch::of(vec![delivery])).await.unwrap();
        }
    }

    fn events(path: &Path) -> Vec<String> {
        std::fs::read_to_string(path)
            .unwrap()
            .lines()
            .map(|line| {
                let record: serde_json::Value = serde_json::from_str(line).unwrap();
                format!(
                    "{} {} {}",
                    record["event"].as_str().unwrap(),
                    record["object"]["metadata"]["name"].as_str().unwrap_or("-"),
                    record["object"]["x"]
                )
            })
            .collect()
    }

    #[tokio::test]
    async fn after_a_full_sync_the_file_is_the_picture_and_changes_follow() {
        use EventType::{Added, Deleted, Modified};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        run(
            &path,
            vec![
                record(Added, "old", 1),
                record(Added, "kept", 1),
                full_sync(),
            ],
        )
        .await;
        run(
            &path,
            vec![
                record(Added, "kept", 2),
                record(Added, "brief", 1),
                record(Deleted, "brief", 1),
                record(Modified, "kept", 3),
            ],
        )
        .await;
        assert_eq!(
            events(&path).len(),
            3 + 4,
            "nothing of the last run is lost before the sync"
        );
        run(
            &path,
            vec![
                record(Added, "kept", 4),
                record(Added, "new", 1),
                full_sync(),
                record(Modified, "new", 2),
            ],
        )
        .await;
        assert_eq!(
            events(&path),
            [
                "ADDED kept 4",
                "ADDED new 1",
                "SYNCED - null",
                "MODIFIED new 2"
            ]
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_are_followed_and_permissions_kept() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        std::fs::write(&target, "").unwrap();
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        run(&link, vec![record(EventType::Added, "a", 1), full_sync()]).await;
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(events(&target), ["ADDED a 1", "SYNCED - null"]);
        assert_eq!(
            target.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            2,
            "nothing is left behind"
        );
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_pipe_is_written_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap();
        assert!(made.success());
        let reader = std::thread::spawn({
            let path = path.clone();
            move || std::fs::read_to_string(path).unwrap().lines().count()
        });
        run(&path, vec![record(EventType::Added, "a", 1), full_sync()]).await;
        assert_eq!(reader.join().unwrap(), 2);
        assert!(!path.metadata().unwrap().is_file());
    }

    #[tokio::test]
    async fn an_unfinished_line_is_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        run(&path, vec![record(EventType::Added, "a", 1)]).await;
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&vec![b'x'; 100_000]).unwrap();
        run(&path, vec![record(EventType::Added, "b", 1)]).await;
        assert_eq!(events(&path), ["ADDED a 1", "ADDED b 1"]);
    }

    #[tokio::test]
    async fn a_path_that_cannot_be_written_is_an_error_that_names_it() {
        let mut sink = FileSink::new("/nonexistent/dir/records.jsonl");
        let error = sink.publish(&Batch::default()).await.unwrap_err();
        assert!(error.to_string().contains("/nonexistent/dir/records.jsonl"));
        assert!(error.is_retryable());
    }
}
