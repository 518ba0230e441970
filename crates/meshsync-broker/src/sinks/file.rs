//! Records in a file, appended, compacted at each full sync.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::compact::{self, Since};
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
/// With several sources that goes for each of them, and what is of none of them
/// stays until the first full sync of the last.
/// A line that a crash left unfinished is cut off at the next start. Where the
/// file cannot be replaced it grows: records are written all the same.
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
    /// [`COMPACT_BYTES_MIN`], but in tests.
    compact_bytes_min: u64,
    /// Length after the last compaction, or at the last that failed.
    compacted_bytes: u64,
    /// Where this run's records begin; unknown until the file was opened.
    run_start: Option<u64>,
    /// Of which scopes this run has said all there is: what earlier ones said may be
    /// forgotten.
    said: HashSet<String>,
    /// How many sources there are.
    sources: usize,
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
        let mut full_sync = None;
        for delivery in &batch.deliveries {
            if delivery.is_full_sync() {
                full_sync = Some(compact::scope_of(&delivery.payload));
            }
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
        let trouble = result.map_err(failed)?.map(|error| {
            format!(
                "failed to compact {}, which grows meanwhile: {error}; check that its folder can \
                 be written and has room for a second copy",
                self.path.display()
            )
        });
        Ok(Published {
            trouble,
            ..Published::default()
        })
    }
}

impl Sink for FileSink {
    fn name(&self) -> String {
        format!("file:{}", self.path.display())
    }

    fn wire(&self) -> Wire {
        Wire::Record
    }

    fn expect_sources(&mut self, count: usize) {
        if let Some(log) = &mut self.log {
            log.sources = count;
        }
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
            compact_bytes_min: COMPACT_BYTES_MIN,
            compacted_bytes: 0,
            run_start,
            said: HashSet::new(),
            sources: 1,
        }
    }

    /// Appends lines. Once they are written, that the file could not be compacted
    /// is no reason to write them again: it is what is returned then.
    fn append(&mut self, lines: &[u8], full_sync: Option<String>) -> io::Result<Option<io::Error>> {
        let written = self.write(lines);
        if written.is_err() {
            // The next try opens the file again and cuts half a line off.
            self.file = None;
        }
        written?;
        let is_full_sync = full_sync.is_some();
        self.said.extend(full_sync);
        let grown = !self.said.is_empty()
            && self.bytes > self.compact_bytes_min
            && self.bytes > self.compacted_bytes.saturating_mul(COMPACT_GROWTH);
        let due = self.regular && (is_full_sync || grown);
        Ok(due.then(|| self.compact().err()).flatten())
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
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
        Ok(())
    }

    /// The next write opens the file that is there then.
    fn compact(&mut self) -> io::Result<()> {
        self.file = None;
        // Not again before the file has grown once more, even if it fails.
        self.compacted_bytes = self.bytes;
        // What this run has not said again by its first full sync is gone.
        let since = Since {
            start: self.run_start.unwrap_or(0),
            said: (self.said.len() < self.sources).then(|| self.said.clone()),
        };
        let compacted = compact::compact(&self.path, &since)?;
        self.compacted_bytes = compacted.bytes;
        self.run_start = Some(compacted.start);
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
                resource: resource.id().into(),
                namespace: Some("n".into()),
                name: name.into(),
            })),
            resource: Some(Arc::new(resource)),
            payload: payload.into(),
            subject: None,
        }
    }

    fn full_sync() -> Delivery {
        Delivery {
            event: EventType::Synced,
            resource: None,
            key: None,
            payload: r#"{"event":"SYNCED","scope":"c"}"#.into(),
            subject: None,
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

    #[tokio::test]
    async fn of_several_sources_each_forgets_its_own_when_it_has_said_all() {
        use EventType::Added;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        let of = |scope: &str, mut delivery: Delivery| {
            let text = String::from_utf8(delivery.payload.to_vec()).unwrap();
            let scope = format!(r#""scope":"{scope}""#);
            delivery.payload = text.replace(r#""scope":"c""#, &scope).into();
            delivery
        };
        let names = || {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut names = Vec::new();
            for line in text.lines() {
                let record: serde_json::Value = serde_json::from_str(line).unwrap();
                let name = record["object"]["metadata"]["name"].as_str();
                names.push(format!(
                    "{} {}",
                    record["scope"].as_str().unwrap(),
                    name.unwrap_or("-")
                ));
            }
            names
        };
        // An earlier run, of another source, too. All have an object of one name.
        let old = ["a", "b", "x"].map(|scope| {
            [record(Added, "one", 1), record(Added, "old", 1)].map(|it| of(scope, it))
        });
        run(&path, old.into_iter().flatten().collect()).await;
        let mut sink = FileSink::new(&path);
        sink.expect_sources(2);
        for batch in [
            vec![of("a", record(Added, "one", 2))],
            vec![of("b", record(Added, "one", 2))],
            vec![of("a", full_sync())],
        ] {
            sink.publish(&Batch::of(batch)).await.unwrap();
        }
        // What is said of b is not complete yet.
        assert_eq!(
            names(),
            ["b old", "x one", "x old", "a one", "b one", "a -"]
        );
        let batch = vec![of("a", record(Added, "two", 1)), of("a", full_sync())];
        sink.publish(&Batch::of(batch)).await.unwrap();
        assert_eq!(
            names(),
            ["b old", "x one", "x old", "a one", "b one", "a two", "a -"]
        );
        sink.publish(&Batch::of(vec![of("b", full_sync())]))
            .await
            .unwrap();
        assert_eq!(names(), ["a one", "b one", "a two", "a -", "b -"]);
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
    async fn a_file_that_cannot_be_compacted_is_written_once_and_compacted_later() {
        use EventType::{Added, Modified};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        let in_the_way = dir.path().join("records.jsonl.compacting");
        std::fs::create_dir(&in_the_way).unwrap();
        run(&path, vec![record(Added, "old", 1)]).await;
        let mut sink = FileSink::new(&path);
        let mut publish = async |deliveries| {
            let published = sink.publish(&Batch::of(deliveries)).await.unwrap();
            published.trouble
        };
        let trouble = publish(vec![record(Added, "a", 1), full_sync()]).await;
        let trouble = trouble.expect("the file could not be replaced");
        assert!(
            trouble.contains("records.jsonl") && trouble.contains("folder"),
            "{trouble}"
        );
        for x in 2..5 {
            let trouble = publish(vec![record(Modified, "a", x)]).await;
            assert_eq!(trouble, None, "not for every batch");
        }
        assert_eq!(events(&path).len(), 1 + 2 + 3, "nothing is written twice");
        std::fs::remove_dir(&in_the_way).unwrap();
        let trouble = publish(vec![record(Modified, "a", 5), full_sync()]).await;
        assert_eq!(trouble, None);
        assert_eq!(events(&path), ["MODIFIED a 5", "SYNCED - null"]);
    }

    #[test]
    fn a_compaction_that_failed_is_tried_again_when_the_file_has_grown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        let in_the_way = dir.path().join("records.jsonl.compacting");
        std::fs::create_dir(&in_the_way).unwrap();
        let mut log = Log::new(path, None);
        log.compact_bytes_min = 1000;
        let mut line = record(EventType::Modified, "a", 1).payload.to_vec();
        line.push(b'\n');
        let batch = line.repeat(250 / line.len() + 1);
        assert!(log.append(&batch, Some("c".to_owned())).unwrap().is_some());
        let mut failed = 0;
        for _ in 0..8 {
            failed += u32::from(log.append(&batch, None).unwrap().is_some());
        }
        assert_eq!(failed, 1);
        std::fs::remove_dir(&in_the_way).unwrap();
        while log.bytes <= log.compacted_bytes * COMPACT_GROWTH {
            assert!(log.append(&batch, None).unwrap().is_none());
        }
        assert!(log.append(&line, None).unwrap().is_none());
        assert!(log.compacted_bytes < 1000, "{log:?}");
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
