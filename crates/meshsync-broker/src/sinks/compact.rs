//! Compaction of a file of records.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Deserialize)]
struct Record<'a> {
    event: &'a str,
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

/// Replaces the file by the last record of each object that is not deleted,
/// counting records from byte `start` on only, followed by the last `SYNCED`
/// record. A record of an object that stands alone becomes no `ADDED`: records
/// are copied as they are.
///
/// Reads the file twice and keeps about 100 bytes per object meanwhile. The
/// replacement is atomic: after a crash there is the old file or the new one,
/// after an error the old one alone. Returns the length of the new one.
pub(super) fn compact(path: &Path, start: u64) -> io::Result<u64> {
    let mut input = BufReader::new(File::open(path)?);
    let (last, synced) = survey(path, &mut input, start)?;
    let mut keep: Vec<u64> = last
        .into_values()
        .filter(|last| !last.deleted)
        .map(|last| last.offset)
        .collect();
    keep.extend(synced);
    keep.sort_unstable();

    // Never more readable than what it replaces.
    let permissions = input.get_ref().metadata()?.permissions();
    replace(path, |output| {
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
        }
        Ok(())
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
    start: u64,
) -> io::Result<(HashMap<String, Last>, Option<u64>)> {
    input.seek(SeekFrom::Start(start))?;
    let mut last = HashMap::new();
    let mut synced = None;
    let mut offset = start;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok((last, synced));
        }
        match serde_json::from_slice::<Record<'_>>(&line) {
            Ok(Record {
                object: Some(object),
                event,
            }) => {
                let deleted = event == "DELETED";
                last.insert(key(&object), Last { offset, deleted });
            }
            Ok(Record { object: None, .. }) => synced = Some(offset),
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

fn key(object: &Object<'_>) -> String {
    // The version is not part of an object's identity.
    let group = object
        .api_version
        .rsplit_once('/')
        .map_or("", |(group, _)| group);
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    format!(
        "{group}/{}/{namespace}/{}",
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
