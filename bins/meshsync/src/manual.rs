//! `meshsync completions` and `meshsync man`: what shells and `man` know of the
//! command, made from the command line itself.

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::failure::Failure;
use crate::output;

/// The file name under which kubectl takes the program for a plugin.
pub(crate) const PLUGIN: &str = "kubectl-meshsync";

/// Writes what a shell completes by.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "meshsync", &mut text);
    output::finish(std::io::stdout().lock().write_all(&text))
}

/// Writes a page for each command into a folder, or that of the whole to standard
/// output.
pub(crate) fn man(folder: Option<&Path>) -> Result<(), Failure> {
    let Some(folder) = folder else {
        let mut text = Vec::new();
        let page = clap_mangen::Man::new(Cli::command());
        page.render(&mut text).map_err(Failure::other)?;
        return output::finish(std::io::stdout().lock().write_all(&text));
    };
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .with_context(|| format!("failed to write pages into {}", folder.display()))
        .map_err(Failure::other)
}
