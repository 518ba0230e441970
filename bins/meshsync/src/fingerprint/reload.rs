//! Rules of a folder that change while a pipeline runs.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use meshsync::Handle;

use super::rules::rule_set;

/// How often a folder is looked at. A mounted ConfigMap takes a minute to change.
const INTERVAL: Duration = Duration::from_secs(5);

/// What a folder looks like from outside.
type Look = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// Reads the folder again whenever something in it changes, and puts its rules to
/// use. Rules that cannot be used are a warning, and those in use stay.
pub(crate) async fn follow(dir: Option<&Path>, handle: &Handle) -> Infallible {
    let Some(dir) = dir else {
        return std::future::pending().await;
    };
    let mut known = look(dir);
    loop {
        tokio::time::sleep(INTERVAL).await;
        let now = look(dir);
        if now == known {
            continue;
        }
        let taken = match rule_set(Some(dir)) {
            Ok(rules) => {
                let count = rules.len();
                let taken = handle.set_fingerprints(rules);
                taken
                    .map(|()| count)
                    .map_err(|error| meshsync::model::error_chain(&error))
            }
            Err(failure) => Err(failure.to_string()),
        };
        match taken {
            Ok(rules) => tracing::info!(rules, "the rules changed"),
            Err(error) => {
                tracing::warn!(%error, "the rules changed and cannot be used; those in use stay")
            }
        }
        known = now;
    }
}

/// Nothing where the folder cannot be read: when it can, that is a change.
fn look(dir: &Path) -> Look {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut look: Look = entries
        .map(|entry| {
            // Through links: in a mounted ConfigMap all files are.
            let metadata = std::fs::metadata(entry.path()).ok();
            let len = metadata.as_ref().map_or(0, std::fs::Metadata::len);
            (
                entry.path(),
                len,
                metadata.and_then(|metadata| metadata.modified().ok()),
            )
        })
        .collect();
    look.sort();
    look
}
