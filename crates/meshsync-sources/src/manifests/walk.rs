//! All manifests below a folder, in a thread of their own.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;

use super::file::{self, Stamp, place};

/// How deep folders may lie in folders.
const DEPTH_MAX: usize = 64;

/// So many files may be read and not looked at.
const AHEAD_FILES: usize = 16;

/// What of a folder is read.
const ENDINGS: &[&str] = &["yaml", "yml", "json"];

/// Something on the way.
#[derive(Debug)]
pub(super) enum Found {
    /// A file that is as it was.
    Same(PathBuf),
    /// A file, and its documents or what is wrong with it.
    Read(PathBuf, Stamp, Result<Vec<Value>, String>),
    /// A folder or a file that cannot be looked at: what was known below it stays.
    Unreadable(PathBuf, String),
    /// The root itself cannot be read.
    NoRoot(std::io::Error),
    /// There is no more.
    End,
}

/// Walks a folder, or looks at one file, in order of names. Files whose stamps
/// are `known` are not read.
pub(super) fn walk(root: PathBuf, known: Arc<HashMap<PathBuf, Stamp>>) -> mpsc::Receiver<Found> {
    let (found, received) = mpsc::channel(AHEAD_FILES);
    // Ends when it is through, or at the next file after nobody listens.
    tokio::task::spawn_blocking(move || {
        let mut walk = Walk {
            found,
            known,
            visited: HashSet::new(),
        };
        if walk.root(&root).is_ok() {
            walk.send(Found::End).unwrap_or_default();
        }
    });
    received
}

struct Walk {
    found: mpsc::Sender<Found>,
    known: Arc<HashMap<PathBuf, Stamp>>,
    /// Folders on the way and files so far: links may lead in circles.
    visited: HashSet<(u64, u64)>,
}

/// Nobody listens any more.
struct Unheard;

impl Walk {
    fn send(&self, found: Found) -> Result<(), Unheard> {
        self.found.blocking_send(found).map_err(|_| Unheard)
    }

    fn root(&mut self, root: &Path) -> Result<(), Unheard> {
        let metadata = match std::fs::metadata(root) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.send(Found::NoRoot(error))?;
                return Err(Unheard);
            }
        };
        if !metadata.is_dir() {
            return self.file(root.to_owned(), &metadata);
        }
        if let Err(error) = std::fs::read_dir(root) {
            self.send(Found::NoRoot(error))?;
            return Err(Unheard);
        }
        self.visited.insert(place(&metadata));
        self.folder(root, DEPTH_MAX)
    }

    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), Unheard> {
        let unreadable = |error: &dyn std::fmt::Display| {
            let problem = format!("{}: {error}", folder.display());
            Found::Unreadable(folder.to_owned(), problem)
        };
        if depth == 0 {
            return self.send(unreadable(&"folders lie too deep"));
        }
        let entries = std::fs::read_dir(folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
        let mut entries: Vec<PathBuf> = match entries {
            Ok(entries) => entries,
            Err(error) => return self.send(unreadable(&error)),
        };
        entries.sort();
        for path in entries {
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_none_or(|name| name.starts_with('.')) {
                continue;
            }
            self.entry(path, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, depth: usize) -> Result<(), Unheard> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let is_manifest = ending.is_some_and(|ending| ENDINGS.contains(&ending));
        // Links are followed.
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            // Gone since, or a link to nowhere.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) if is_manifest => {
                let problem = format!("{}: {error}", path.display());
                return self.send(Found::Unreadable(path, problem));
            }
            Err(_) => return Ok(()),
        };
        if metadata.is_dir() {
            match self.visited.insert(place(&metadata)) || cfg!(not(unix)) {
                true => self.folder(&path, depth - 1),
                false => Ok(()),
            }
        } else if is_manifest && metadata.is_file() {
            self.file(path, &metadata)
        } else {
            Ok(())
        }
    }

    fn file(&mut self, path: PathBuf, metadata: &std::fs::Metadata) -> Result<(), Unheard> {
        if !self.visited.insert(place(metadata)) && cfg!(unix) {
            return Ok(());
        }
        let stamp = Stamp::of(metadata);
        let before = self.known.get(&path);
        if before.is_some_and(|before| stamp.is_still(before)) {
            return self.send(Found::Same(path));
        }
        let documents = file::read(&path);
        self.send(Found::Read(path, stamp, documents))
    }
}
