//! A source of your own: the lines of a file, `NAME OWNER`, as objects.
//!
//! ```console
//! $ printf 'db alice\nweb bob\n' > /tmp/inventory
//! $ cargo run --example custom_source -- /tmp/inventory
//! ```
//!
//! Change the file, remove it, write it again: docs/SOURCES.md tells what happens.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use meshsync::model::{Gvk, Resource};
use meshsync::{ClusterId, ListWatch, MeshSync, Next, Platform, Reflector, Shown, SourceError};

/// A file of what there is.
#[derive(Debug)]
pub(crate) struct Inventory {
    path: PathBuf,
    /// What it said when it was listed last.
    text: String,
}

impl Inventory {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        let (path, text) = (path.into(), String::new());
        Self { path, text }
    }

    fn read(&self) -> Result<String, SourceError> {
        std::fs::read_to_string(&self.path).map_err(|error| {
            let path = self.path.display();
            SourceError::unreachable(format!("failed to read {path}: is it there?")).because(error)
        })
    }
}

impl ListWatch for Inventory {
    fn name(&self) -> String {
        format!("inventory:{}", self.path.display())
    }

    fn platform(&self) -> Platform {
        const { Platform::new("inventory") }
    }

    async fn identify(&mut self) -> Result<ClusterId, SourceError> {
        ClusterId::on(self.platform(), self.path.display().to_string())
            .ok_or_else(|| SourceError::configuration("the path is empty"))
    }

    async fn list(&mut self, shown: &mut Shown<'_>) -> Result<(), SourceError> {
        let gvk = Gvk::new("example.org", "v1", "Machine");
        let machines = Resource::new(gvk, "machines", false);
        self.text = self.read()?;
        for (at, line) in self.text.lines().enumerate() {
            let Some((name, owner)) = line.split_once(' ') else {
                shown.problem(format!("line {}: write NAME OWNER", at + 1));
                continue;
            };
            let mut version = DefaultHasher::new();
            owner.hash(&mut version);
            let version = version.finish();
            let object = format!(
                r#"{{"metadata":{{"name":{name:?},"resourceVersion":"{version}"}},"owner":{owner:?}}}"#
            );
            let result = shown.state(&machines, object.as_bytes()).await;
            result.map_err(|error| SourceError::refused(format!("line {line}")).because(error))?;
        }
        Ok(())
    }

    async fn watch(&mut self, _: &mut Shown<'_>) -> Result<Next, SourceError> {
        while self.read()? == self.text {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(Next::List)
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).context("name the file")?;
    let source = Reflector::new(Inventory::new(path));
    let meshsync = MeshSync::builder().source(source).sink_url("stdout:")?;
    Ok(meshsync.build()?.run(std::future::pending()).await?)
}
