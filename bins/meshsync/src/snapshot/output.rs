//! Where a snapshot goes: standard output, or a file that is whole or not there.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::write::Written;
use crate::failure::Failure;

/// An output that is ready to be written.
#[derive(Debug)]
pub(super) enum Output {
    Stdout,
    /// A file that will be renamed to this when it is whole.
    File {
        path: PathBuf,
    },
    /// A device or pipe, which cannot be replaced by a file.
    Device {
        file: File,
        path: PathBuf,
    },
}

impl Output {
    /// Standard output for no path and for `-`.
    pub(super) fn create(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path.filter(|path| *path != Path::new("-")) else {
            return Ok(Self::Stdout);
        };
        Self::at(path)
            .with_context(|| {
                format!(
                    "failed to write {}: check the path and its permissions",
                    path.display()
                )
            })
            .map_err(Failure::configuration)
    }

    fn at(path: &Path) -> io::Result<Self> {
        let path = match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(metadata) if !metadata.is_file() => {
                return Ok(Self::Device {
                    file: OpenOptions::new().write(true).open(path)?,
                    path: path.to_owned(),
                });
            }
            // What a link points to is replaced, not the link.
            Ok(_) => path.canonicalize()?,
            Err(error) if error.kind() == ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        // Whether there can be a file, found out without leaving one.
        drop(tempfile::tempfile_in(dir_of(&path))?);
        Ok(Self::File { path })
    }

    /// The folder of the file, where there is one.
    pub(super) fn dir(&self) -> Option<&Path> {
        match self {
            Self::File { path } => Some(dir_of(path)),
            Self::Stdout | Self::Device { .. } => None,
        }
    }

    /// Has everything written; only then the file appears. `None` where the reader
    /// of standard output left early.
    pub(super) fn write(
        self,
        write: impl FnOnce(&mut dyn Write) -> anyhow::Result<Written>,
    ) -> Result<Option<Written>, Failure> {
        let result = match self {
            Self::Stdout => {
                let mut out = BufWriter::new(io::stdout().lock());
                match write(&mut out).and_then(|done| Ok(out.flush().map(|()| done)?)) {
                    Err(error) if is_broken_pipe(&error) => return Ok(None),
                    result => result.context("failed to write to standard output"),
                }
            }
            Self::Device { file, path } => {
                let mut out = BufWriter::new(file);
                write(&mut out)
                    .and_then(|done| Ok(out.flush().map(|()| done)?))
                    .with_context(|| format!("failed to write {}", path.display()))
            }
            Self::File { path } => {
                to_file(&path, write).with_context(|| format!("failed to write {}", path.display()))
            }
        };
        result.map(Some).map_err(Failure::other)
    }
}

fn to_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<Written>,
) -> anyhow::Result<Written> {
    let temporary = tempfile::Builder::new()
        .prefix(".meshsync-snapshot-")
        .tempfile_in(dir_of(path))?;
    let mut out = BufWriter::new(temporary);
    let written = write(&mut out)?;
    let temporary = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path)?;
    Ok(written)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}

fn dir_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let output = Output::create(Some(&path)).unwrap();
        let failed = output.write(|out| {
            out.write_all(b"half")?;
            anyhow::bail!("no more")
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

        let output = Output::create(Some(&path)).unwrap();
        assert!(!path.exists());
        output
            .write(|out| {
                out.write_all(b"whole")?;
                Ok(Written::default())
            })
            .unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn a_path_that_cannot_be_written_is_known_before_any_work() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Output::create(Some(dir.path())).is_err());
        assert!(Output::create(Some(&dir.path().join("missing/out"))).is_err());
    }

    #[test]
    fn a_device_is_written_and_not_replaced() {
        let output = Output::create(Some(Path::new("/dev/zero"))).unwrap();
        assert!(matches!(output, Output::Device { .. }));
    }
}
