//! One file, read.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::document::documents;

/// A file of more bytes is reported and passed over.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A file that was written so shortly before it was looked at may be written
/// again without that its stamp changes: clocks of file systems tick slowly.
const SETTLED: Duration = Duration::from_millis(50);

/// What tells states of a file apart without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    /// Device and inode: another file has taken its place.
    place: (u64, u64),
    settled: bool,
}

impl Stamp {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        let modified = metadata.modified().ok();
        let age = modified.and_then(|modified| modified.elapsed().ok());
        Self {
            modified,
            bytes: metadata.len(),
            place: place(metadata),
            settled: age.is_some_and(|age| age > SETTLED),
        }
    }

    /// Whether a file with this stamp is certainly as it was with that one.
    pub(super) fn is_still(&self, before: &Self) -> bool {
        before.settled
            && (self.modified, self.bytes, self.place)
                == (before.modified, before.bytes, before.place)
    }
}

/// Which file it is, whatever its path.
pub(super) fn place(metadata: &std::fs::Metadata) -> (u64, u64) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        (0, 0)
    }
}

/// The documents of a file, or what is wrong with it.
pub(super) fn read(path: &Path) -> Result<Vec<Value>, String> {
    let name = path.display();
    let failed = |error: std::io::Error| format!("{name}: {error}");
    let file = std::fs::File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!(
            "{name}: {} MiB are more than the {} MiB that a file may have: split it",
            bytes >> 20,
            FILE_BYTES_MAX >> 20
        ));
    }
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    parse(&name.to_string(), file, is_json)
}

/// The documents of a stream.
pub(super) fn parse(
    name: &str,
    stream: impl std::io::Read,
    is_json: bool,
) -> Result<Vec<Value>, String> {
    let mut text = Vec::new();
    // It may have grown since its size was asked for.
    stream
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(|error| format!("{name}: {error}"))?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let most = FILE_BYTES_MAX >> 20;
        return Err(format!("{name}: more than {most} MiB: split it"));
    }
    let text = std::str::from_utf8(&text)
        .map_err(|error| format!("{name}: no UTF-8 at byte {}", error.valid_up_to()))?;
    documents(text, is_json).map_err(|problem| {
        let (line, column) = (problem.line, problem.column);
        format!("{name}:{line}:{column}: {}", problem.message)
    })
}
