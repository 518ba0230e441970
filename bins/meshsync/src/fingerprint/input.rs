//! Manifests from files, folders and standard input.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use meshsync::model::Index;
use meshsync_fingerprint::{Engine, apply_value, objects};

use crate::failure::Failure;

/// How deep folders may lie in folders.
const DEPTH_MAX: usize = 32;

/// What of a folder is read.
const ENDINGS: &[&str] = &["yaml", "yml", "json", "jsonl"];

/// Gives the engine all objects of the files, of the files of folders, and of
/// standard input for `-`.
pub(super) fn read(engine: &mut Engine, paths: &[PathBuf]) -> Result<(), Failure> {
    let mut index = Index::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .context("failed to read standard input")
                .map_err(Failure::other)?;
            apply(engine, &mut index, "standard input", &text)?;
            continue;
        }
        let mut files = Vec::new();
        collect(path, DEPTH_MAX, &mut files).map_err(Failure::configuration)?;
        for file in files {
            let name = file.display().to_string();
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("failed to read {name}"))
                .map_err(Failure::configuration)?;
            apply(engine, &mut index, &name, &text)?;
        }
    }
    Ok(())
}

fn apply(engine: &mut Engine, index: &mut Index, name: &str, text: &str) -> Result<(), Failure> {
    let found = objects(text)
        .with_context(|| format!("failed to read {name}"))
        .map_err(Failure::configuration)?;
    for object in &found {
        apply_value(engine, index, object);
    }
    Ok(())
}

/// A file itself; the manifests below a folder, in order of names.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let failed = || format!("failed to read {}", path.display());
    let metadata = std::fs::metadata(path).with_context(failed)?;
    if !metadata.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    anyhow::ensure!(depth > 0, "{}: folders lie too deep", path.display());
    let mut entries = std::fs::read_dir(path)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<Vec<PathBuf>, _>>()
        })
        .with_context(failed)?;
    entries.sort();
    for entry in entries {
        let is_manifest = entry
            .extension()
            .and_then(|ending| ending.to_str())
            .is_some_and(|ending| ENDINGS.contains(&ending));
        if entry.is_dir() || is_manifest {
            collect(&entry, depth - 1, files)?;
        }
    }
    Ok(())
}
