//! Compaction of a file of records.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// From which records on a file counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Since {
    /// Where the records of this run begin.
    pub(super) start: u64,
    /// The scopes of which earlier records count no more, since this run has said
    /// all there is of them; `None` stands for every scope.
    pub(super) said: Option<HashSet<String>>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compacted {
    /// Its length.
    pub(super) bytes: u64,
    /// Where the records of this run begin in it.
    pub(super) start: u64,
}

#[derive(Deserialize)]
struct Record<'a> {
    event: &'a str,
    #[serde(borrow, default)]
    scope: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    object: Option<Object<'a>>,
}

#[derive(Deserialize)]
struct Object<'a> {
    #[serde(rename = "apiVersion", borrow)]
    api_version: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    name: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    namespace: Option<std::borrow::Cow<'a, str>>,
}

/// What the last record of an object says, and where it is.
struct Last {
    offset: u64,
    deleted: bool,
}

/// Replaces the file by the last record of each object that is not deleted, as far
/// as it counts, and by the last `SYNCED` record of each scope. A record of an object that stands alone becomes no `ADDED`: records
/// are copied as they are.
///
/// Reads the file twice and keeps about 100 bytes per object meanwhile. The
/// replacement is atomic: after a crash there is the old file or the new one,
/// after an error the old one alone.
pub(super) fn compact(path: &Path, since: &Since) -> io::Result<Compacted> {
    let mut input = BufReader::new(File::open(path)?);
    let (last, synced) = survey(path, &mut input, since)?;
    let mut keep: Vec<u64> = last
        .into_values()
        .filter(|last| !last.deleted)
        .map(|last| last.offset)
        .collect();
    keep.extend(synced.into_values());
    keep.sort_unstable();
    let mut earlier = 0;

    // Never more readable than what it replaces.
    let permissions = input.get_ref().metadata()?.permissions();
    let bytes = replace(path, |output| {
        output.get_ref().set_permissions(permissions)?;
        let mut line = Vec::new();
        let mut at = u64::MAX;
        for offset in keep {
            if at != offset {
                input.seek(SeekFrom::Start(offset))?;
            }
            line.clear();
            at = offset + input.read_until(b'\n', &mut line)? as u64;
            output.write_all(&line)?;
            if offset < since.start {
                earlier += line.len() as u64;
            }
        }
        Ok(())
    })?;
    Ok(Compacted {
        bytes,
        start: earlier,
    })
}

/// Replaces a file by what `write` writes, or leaves it as it is. Returns the
/// length of what was written.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<u64> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".compacting");
    let temporary = PathBuf::from(temporary);
    let mut output = BufWriter::new(private(&temporary)?);
    let written = write(&mut output)
        .and_then(|()| output.flush())
        .and_then(|()| output.get_ref().sync_data())
        .and_then(|()| output.get_ref().metadata())
        .and_then(|metadata| std::fs::rename(&temporary, path).map(|()| metadata.len()));
    if written.is_err() {
        // Nothing can be done about this one; the first error is what counts.
        drop(std::fs::remove_file(&temporary));
    }
    written
}

/// A new file that only its owner can read, until told otherwise.
fn private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn survey(
    path: &Path,
    input: &mut (impl BufRead + Seek),
    since: &Since,
) -> io::Result<(HashMap<String, Last>, HashMap<String, u64>)> {
    // Where nothing before this run counts there is nothing to look at, either.
    let start = since.said.as_ref().map_or(since.start, |_| 0);
    input.seek(SeekFrom::Start(start))?;
    let counts = |scope: &str, offset: u64| {
        let is_said = since.said.as_ref().is_none_or(|said| said.contains(scope));
        offset >= since.start || !is_said
    };
    let mut last = HashMap::new();
    let mut synced = HashMap::new();
    let mut offset = start;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok((last, synced));
        }
        match serde_json::from_slice::<Record<'_>>(&line) {
            Ok(Record { scope, .. }) if !counts(&scope, offset) => {}
            Ok(Record {
                object: Some(object),
                event,
                scope,
            }) => {
                let deleted = event == "DELETED";
                last.insert(key(&scope, &object), Last { offset, deleted });
            }
            Ok(Record { scope, .. }) => {
                synced.insert(scope.into_owned(), offset);
            }
            // Not a record of ours; it is not kept.
            // The reader's own words are not repeated: they quote the line.
            Err(error) => {
                let (column, problem) = (error.column(), error.classify());
                tracing::warn!(path = %path.display(), offset, column, ?problem, "skipped a line that is no record");
            }
        }
        offset += read;
    }
}

/// The scope of a record; empty where it names none.
pub(super) fn scope_of(record: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Scope<'a> {
        #[serde(borrow, default)]
        scope: std::borrow::Cow<'a, str>,
    }
    serde_json::from_slice::<Scope<'_>>(record)
        .map_or_else(|_| String::new(), |record| record.scope.into_owned())
}

fn key(scope: &str, object: &Object<'_>) -> String {
    // The version is not part of an object's identity.
    let group = object
        .api_version
        .rsplit_once('/')
        .map_or("", |(group, _)| group);
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    format!(
        "{scope}/{group}/{}/{namespace}/{}",
        object.kind, object.metadata.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_that_fails_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.jsonl");
        std::fs::write(&path, "old\n").unwrap();
        let full = |output: &mut BufWriter<File>| {
            output.write_all(b"half a li")?;
            Err(io::ErrorKind::StorageFull.into())
        };
        let error = replace(&path, full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let length = replace(&path, |output| output.write_all(b"new\n")).unwrap();
        assert_eq!(length, 4);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
