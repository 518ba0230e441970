//! `meshsync config`, and reading a configuration file.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use meshsync::{Config, Handle};

use crate::cli::{ClusterArgs, ConfigCommand};
use crate::failure::Failure;
use crate::settings;

mod show;

/// How often a file is looked at: a few kB each time, and it need not be a kind
/// of file system that tells of changes.
const INTERVAL: Duration = Duration::from_secs(1);

/// Works with what is configured.
pub(crate) async fn config(command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check { file } => {
            read_file(&file)?;
            println!("{}: OK", file.display());
            Ok(())
        }
        ConfigCommand::Schema => {
            println!("{:#}", Config::schema());
            Ok(())
        }
        ConfigCommand::Show(args) => show::show(&args),
        ConfigCommand::Explain(args) => show::explain(*args).await,
    }
}

/// What the environment and a file say, the environment first.
pub(crate) fn read(file: Option<&Path>) -> Result<Config, Failure> {
    let environment = environment()?;
    match file {
        Some(file) => Ok(environment.over(&read_file(file)?)),
        None => Ok(environment),
    }
}

/// What the environment says.
pub(crate) fn environment() -> Result<Config, Failure> {
    let variable = |name: &str| std::env::var(name).ok();
    Config::from_variables(variable).map_err(Failure::configuration)
}

/// Reads a configuration file.
pub(crate) fn read_file(file: &Path) -> Result<Config, Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("failed to read the configuration file {name}"))
        .map_err(Failure::configuration)?;
    Config::parse(&text, &name).map_err(Failure::configuration)
}

/// Reads the file again whenever it changes, and puts in force what it selects.
/// A file that cannot be used changes nothing.
pub(crate) async fn follow(
    path: Option<&Path>,
    mut known: Config,
    args: &ClusterArgs,
    handle: &Handle,
) -> Infallible {
    let Some(path) = path else {
        return std::future::pending().await;
    };
    let source = path.display().to_string();
    let mut text = std::fs::read_to_string(path).ok();
    loop {
        tokio::time::sleep(INTERVAL).await;
        // While it is being replaced it may not be there, or be empty.
        let Ok(now) = std::fs::read_to_string(path) else {
            continue;
        };
        if now.is_empty() || text.as_ref() == Some(&now) {
            continue;
        }
        let next = Config::parse(&now, &source).map_err(Failure::configuration);
        text = Some(now);
        let said = next.and_then(|next| {
            let next = environment()?.over(&next);
            let said = settings::selecting(args, &next)?;
            if next.needs_restart(&known) {
                tracing::warn!(
                    source,
                    "more than what is observed has changed: the rest takes a restart"
                );
            }
            known = next;
            Ok(said)
        });
        handle.configure(&source, said.map_err(|failure| failure.to_string()));
    }
}
