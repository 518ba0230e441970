//! `cargo xtask image`: builds the program, and puts it into a container image.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use serde_json::Value;
use xtask::image::{self, Recipe};

use crate::{stage::stage, test::workspace_root};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The profile to build with
    #[arg(long, default_value = "release", conflicts_with = "binary")]
    profile: String,

    /// What to build for; by default the processor of this machine, with musl where that target is
    /// installed (a static program), else with this machine's C library, which is then in the image
    #[arg(long, value_name = "TRIPLE", conflicts_with = "binary")]
    target: Option<String>,

    /// Take this program instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,

    /// Name and tag of the image [default: meshery/meshsync:VERSION]
    #[arg(long, value_name = "NAME:TAG")]
    tag: Option<String>,

    /// Where to write the OCI archive
    #[arg(long, short, default_value = "target/image/meshsync.tar")]
    output: PathBuf,

    /// Certificate authorities to put into it, in PEM form
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/ssl/certs/ca-certificates.crt"
    )]
    ca_bundle: PathBuf,

    /// How layers are stored
    #[arg(long, value_enum, default_value_t = Compression::Gzip)]
    compression: Compression,

    /// Leave the program as it was built, with what a debugger needs
    #[arg(long)]
    keep_symbols: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Compression {
    Gzip,
    None,
}

/// Writes the image and says what became of it.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let root = workspace_root()?;
    let built = match &args.binary {
        Some(path) => path.clone(),
        None => stage("build", || build(&root, args))?,
    };
    let folder = tempfile::tempdir()?;
    let program = if args.keep_symbols {
        built
    } else {
        strip(&built, &folder.path().join("meshsync"))?
    };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let recipe = Recipe {
        program,
        ca_bundle: args.ca_bundle.clone(),
        reference: args
            .tag
            .clone()
            .unwrap_or_else(|| format!("meshery/meshsync:{version}")),
        version,
        epoch: epoch()?,
        compression: match args.compression {
            Compression::Gzip => image::Compression::Gzip,
            Compression::None => image::Compression::None,
        },
    };
    let summary = stage("image", || image::write(&recipe, &args.output))?;
    println!("{}", args.output.display());
    println!("  name      {}", summary.reference);
    println!("  digest    {}", summary.digest);
    println!("  for       linux/{}", summary.architecture);
    println!("  layers    {} bytes", summary.bytes);
    match summary.libraries.as_slice() {
        [] => println!("  program   static"),
        libraries => {
            println!("  program   dynamic, with");
            for library in libraries {
                println!("            {}", library.display());
            }
        }
    }
    Ok(())
}

/// Builds the program and answers with its path, which cargo tells.
fn build(root: &Path, args: &Args) -> anyhow::Result<PathBuf> {
    let target = args.target.clone().or_else(static_target);
    match &target {
        Some(target) => println!("for {target}"),
        None => println!(
            "no musl target is installed, so this machine's C library goes into the image; \
             for a static program: rustup target add {}-unknown-linux-musl",
            env::consts::ARCH
        ),
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(root)
        .args(["build", "--bin", "meshsync", "--profile", &args.profile])
        .arg("--message-format=json-render-diagnostics");
    if let Some(target) = target {
        command.args(["--target", &target]);
    }
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("failed to run cargo")?;
    ensure!(output.status.success(), "the program cannot be built");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(executable)
        .context("cargo names no program it has built")
}

/// The program that a message of cargo is about.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_it = message["reason"] == "compiler-artifact" && message["target"]["name"] == "meshsync";
    let path = message["executable"].as_str().filter(|_| is_it)?;
    Some(PathBuf::from(path))
}

/// The target that makes static programs for this machine's processor, where it is installed.
fn static_target() -> Option<String> {
    let target = format!("{}-unknown-linux-musl", env::consts::ARCH);
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", &target])
        .output()
        .ok()?;
    let folder = String::from_utf8(output.stdout).ok()?;
    Path::new(folder.trim()).is_dir().then_some(target)
}

/// A copy without debugging information; the names of functions stay, for backtraces.
fn strip(program: &Path, copy: &Path) -> anyhow::Result<PathBuf> {
    let tool = env::var_os("STRIP").unwrap_or_else(|| OsString::from("strip"));
    let status = Command::new(&tool)
        .arg("--strip-debug")
        .arg("-o")
        .args([copy, program])
        .status();
    match status {
        Ok(status) if status.success() => {}
        Ok(_) => bail!(
            "{} cannot strip {}: name the target's own in STRIP, or use --keep-symbols",
            Path::new(&tool).display(),
            program.display()
        ),
        Err(error) => {
            return Err(error).context(
                "failed to run strip: install binutils, name it in STRIP, or use --keep-symbols",
            );
        }
    }
    ensure!(fs::metadata(copy)?.len() > 0, "strip left nothing");
    Ok(copy.to_owned())
}

/// Every time in the image: <https://reproducible-builds.org/specs/source-date-epoch/>.
fn epoch() -> anyhow::Result<i64> {
    match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text
            .parse()
            .with_context(|| format!("SOURCE_DATE_EPOCH={text:?} is no number of seconds")),
        Err(_) => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_in_what_cargo_says() {
        let message = r#"{"reason":"compiler-artifact","target":{"name":"meshsync"},"executable":"/t/meshsync"}"#;
        assert_eq!(executable(message), Some("/t/meshsync".into()));
        // The library of the same name.
        let library =
            r#"{"reason":"compiler-artifact","target":{"name":"meshsync"},"executable":null}"#;
        assert_eq!(executable(library), None);
        assert_eq!(executable("   Compiling meshsync"), None);
    }
}
