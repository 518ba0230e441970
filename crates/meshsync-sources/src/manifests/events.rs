//! When it is time to look again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch;

/// Files are looked at when nothing has happened to them for this long.
const QUIET: Duration = Duration::from_millis(100);

/// And this long after the first event at the latest.
const QUIET_MAX: Duration = Duration::from_secs(2);

/// Everything is looked at again after this time, whatever was heard: not every
/// file system tells, and links may lead out of what is watched.
const AGAIN: Duration = Duration::from_secs(30);

/// The same where the system tells nothing.
const AGAIN_DEAF: Duration = Duration::from_secs(2);

/// Hears what happens below a folder.
#[derive(Debug)]
pub(super) struct Events {
    _watcher: Option<RecommendedWatcher>,
    heard: watch::Receiver<u64>,
    /// Something was heard that has not led to a look.
    due: bool,
    /// Why nothing is heard.
    pub(super) deaf: Option<String>,
}

impl Events {
    /// Listens from now on. Takes as long as it takes to walk the folder.
    pub(super) async fn listen(root: PathBuf) -> Self {
        let (tell, heard) = watch::channel(0);
        let listening = tokio::task::spawn_blocking(move || listen(&root, tell)).await;
        let (watcher, deaf) = match listening {
            Ok(Ok(watcher)) => (Some(watcher), None),
            Ok(Err(error)) => (None, Some(error.to_string())),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            _watcher: watcher,
            heard,
            due: false,
            deaf,
        }
    }

    /// What comes from now on is news.
    pub(super) fn begin(&mut self) {
        self.heard.mark_unchanged();
        self.due = false;
    }

    /// Waits until it is time to look again. Can be dropped half-way.
    pub(super) async fn next(&mut self) {
        let again = match self.deaf {
            None => AGAIN,
            Some(_) => AGAIN_DEAF,
        };
        if !self.due {
            match tokio::time::timeout(again, self.heard.changed()).await {
                Ok(Ok(())) => self.due = true,
                // The watcher has gone.
                Ok(Err(_)) => return tokio::time::sleep(again).await,
                Err(_elapsed) => return,
            }
        }
        let settle = async {
            while let Ok(Ok(())) = tokio::time::timeout(QUIET, self.heard.changed()).await {}
        };
        drop(tokio::time::timeout(QUIET_MAX, settle).await);
    }
}

fn listen(root: &Path, tell: watch::Sender<u64>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // That we read it is no news; that something was lost is.
        let is_news = event.map_or(true, |event| match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            EventKind::Access(_) => false,
            _ => true,
        });
        if is_news {
            tell.send_modify(|count| *count += 1);
        }
    })?;
    // A file is replaced by another: it is the folder that tells.
    let (path, mode) = match root.is_dir() {
        true => (root, RecursiveMode::Recursive),
        false => (
            root.parent()
                .filter(|path| !path.as_os_str().is_empty())
                .unwrap_or_else(|| Path::new(".")),
            RecursiveMode::NonRecursive,
        ),
    };
    watcher.watch(path, mode)?;
    Ok(watcher)
}
