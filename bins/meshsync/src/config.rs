//! `meshsync config`, and reading a configuration file.

use std::path::Path;

use anyhow::Context;
use meshsync::Config;

use crate::cli::ConfigCommand;
use crate::failure::Failure;

/// Says whether a file can be used.
pub(crate) fn config(command: ConfigCommand) -> Result<(), Failure> {
    let ConfigCommand::Check { file } = command;
    read(&file)?;
    println!("{}: OK", file.display());
    Ok(())
}

/// Reads a configuration file.
pub(crate) fn read(file: &Path) -> Result<Config, Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("failed to read the configuration file {name}"))
        .map_err(Failure::configuration)?;
    Config::parse(&text, &name).map_err(Failure::configuration)
}
