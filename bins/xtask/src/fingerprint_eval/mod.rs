//! `cargo xtask fingerprint-eval`: the rules against labelled manifests of real products.

mod corpus;
mod report;
mod tally;

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, bail};
use meshsync_fingerprint::{Catalog, Rule, rule};

use crate::test::workspace_root;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder with INDEX.tsv and the manifests it lists
    dir: PathBuf,

    /// Show everything about one product; its files of the holdout are left out
    #[arg(long, value_name = "ID")]
    product: Option<String>,

    /// Rules to use instead of the project's own
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,

    /// Write the list of the holdout's files to crates/meshsync-fingerprint/holdout.txt
    #[arg(long)]
    write_holdout: bool,
}

/// Fails when a rule cannot be used, or an example does not come out.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root = workspace_root()?;
    let own = root.join("crates/meshsync-fingerprint");
    let rules = read_rules(args.rules.as_deref().unwrap_or(&own.join("rules")))?;
    let catalog = Arc::new(Catalog::compile(rules)?);
    if let Some(id) = &args.product
        && catalog.rule(id).is_none()
    {
        bail!("there is no rule {id:?}: write {id}.yaml first");
    }
    let failures = meshsync_fingerprint::examine(&catalog);
    let failures: Vec<_> = failures
        .iter()
        .filter(|failure| args.product.as_ref().is_none_or(|id| failure.rule == *id))
        .collect();
    let files = corpus::read(&args.dir, &root.join("target/fingerprint-eval"))?;
    if args.write_holdout {
        write_holdout(&files, &own.join("holdout.txt"))?;
    }
    let mut out = std::io::stdout().lock();
    match &args.product {
        Some(id) => report::product(&mut out, &catalog, &files, id)?,
        None => report::all(&mut out, &catalog, &files)?,
    }
    for failure in &failures {
        writeln!(out, "example: {failure}")?;
    }
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read_rules(dir: &Path) -> anyhow::Result<Vec<Rule>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .with_context(|| format!("failed to read {}", dir.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "yaml"));
    paths.sort();
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path)?;
        match rule::parse(&path.display().to_string(), &text) {
            Ok(rule) => rules.push(rule),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        return Ok(rules);
    }
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    bail!("{}", lines.join("\n"))
}

fn write_holdout(files: &[corpus::Labelled], path: &Path) -> anyhow::Result<()> {
    let held: BTreeSet<&str> = files
        .iter()
        .filter(|file| file.is_holdout)
        .map(|file| file.path.as_str())
        .collect();
    let mut text = String::from(
        "# Files of the corpus that are not looked at while rules are written: those where the\n\
         # SHA-256 of the path (column `file` of INDEX.tsv), read as one big-endian number, is a\n\
         # multiple of 5. Written by `cargo xtask fingerprint-eval DIR --write-holdout`.\n",
    );
    for file in held {
        text.push_str(file);
        text.push('\n');
    }
    std::fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}
