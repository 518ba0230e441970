//! `meshsync rules`, and reading rules.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use meshsync_fingerprint::{Catalog, Rule, builtin_rules, examine, rule};

use crate::cli::RulesCommand;
use crate::failure::Failure;

/// Lists, checks and tests rules.
pub(crate) fn rules(command: RulesCommand) -> Result<(), Failure> {
    match command {
        RulesCommand::List { rules } => {
            let catalog = catalog(rules.as_deref())?;
            let ids: Vec<&str> = catalog
                .rules()
                .iter()
                .map(|rule| rule.id.as_str())
                .collect();
            print(&ids.join("\n"))
        }
        RulesCommand::Check { dir } => {
            let count = read(&dir)?.len();
            println!("{}: {count} rules, OK", dir.display());
            Ok(())
        }
        RulesCommand::Test { dir } => test(&dir),
        RulesCommand::Schema => print(&rule::schema()),
    }
}

/// Writes a text to standard output. A reader that went away is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::other(error)),
        _ => Ok(()),
    }
}

fn test(dir: &Path) -> Result<(), Failure> {
    let rules = read(dir)?;
    let examples: usize = rules
        .iter()
        .map(|rule| rule.examples.len() + rule.counter_examples.len())
        .sum();
    let catalog = Catalog::compile(rules).map_err(Failure::configuration)?;
    let failures = examine(&Arc::new(catalog));
    if failures.is_empty() {
        println!("{}: {examples} examples, OK", dir.display());
        return Ok(());
    }
    let lines: Vec<String> = failures.iter().map(ToString::to_string).collect();
    Err(Failure::other(anyhow::anyhow!("{}", lines.join("\n"))))
}

/// The rules of the program, and over them those of a folder, by id.
pub(super) fn catalog(dir: Option<&Path>) -> Result<Catalog, Failure> {
    Catalog::compile(rule_set(dir)?).map_err(Failure::configuration)
}

/// The same rules, before they are compiled.
pub(crate) fn rule_set(dir: Option<&Path>) -> Result<Vec<Rule>, Failure> {
    let mut rules = builtin_rules().map_err(problems)?;
    if let Some(dir) = dir {
        let own = read(dir)?;
        rules.retain(|rule| own.iter().all(|other| other.id != rule.id));
        rules.extend(own);
    }
    Ok(rules)
}

/// Reads the rules of a folder, or everything that is wrong with them.
fn read(dir: &Path) -> Result<Vec<Rule>, Failure> {
    let failed = || format!("failed to read {}", dir.display());
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect()
        })
        .with_context(failed)
        .map_err(Failure::configuration)?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|ending| ending == "yaml" || ending == "yml")
    });
    paths.sort();
    if paths.is_empty() {
        let dir = dir.display();
        return Err(Failure::configuration(anyhow::anyhow!(
            "{dir} has no rules: they are files that end in .yaml"
        )));
    }
    let mut rules = Vec::new();
    let mut found = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("failed to read {}", path.display()))
            .map_err(Failure::configuration)?;
        match rule::parse(&path.display().to_string(), &text) {
            Ok(rule) => rules.push(rule),
            Err(problems) => found.extend(problems),
        }
    }
    if found.is_empty() {
        Ok(rules)
    } else {
        Err(problems(found))
    }
}

fn problems(problems: Vec<meshsync_fingerprint::RuleProblem>) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::configuration(anyhow::anyhow!("{}", lines.join("\n")))
}
