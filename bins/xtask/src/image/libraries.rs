//! What a dynamically linked program needs beside itself.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use lddtree::DependencyAnalyzer;

/// Loaded by glibc before 2.34 when a name is looked up, without being named by any program.
const LOADED_ON_DEMAND: &[&str] = &["libnss_dns.so.2", "libnss_files.so.2"];

/// The dynamic loader and all shared libraries of a program, by absolute path; none for one that is
/// statically linked.
///
/// # Errors
///
/// When the program cannot be read, or a library cannot be found on this machine.
pub(crate) fn libraries(program: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let tree = DependencyAnalyzer::new(PathBuf::from("/"))
        .analyze(program)
        .with_context(|| format!("failed to read what {} is linked with", program.display()))?;
    let mut found = BTreeSet::new();
    let loader = tree.interpreter.map(PathBuf::from);
    let loader_name = loader.as_deref().and_then(Path::file_name);
    for (name, library) in &tree.libraries {
        // The C library names the loader too; it is taken where programs look for it.
        if Some(name.as_ref()) == loader_name {
            continue;
        }
        ensure!(
            library.found(),
            "{} needs {name}, which is not on this machine",
            program.display()
        );
        found.insert(library.path.clone());
        if name.starts_with("libc.so.") {
            let beside = LOADED_ON_DEMAND
                .iter()
                .map(|name| library.path.with_file_name(name));
            found.extend(beside.filter(|path| path.is_file()));
        }
    }
    found.extend(loader);
    Ok(found)
}

/// The processor a program is for, in the words of the OCI (which are Go's).
///
/// # Errors
///
/// When it is no ELF program for Linux, or for a processor the project does not support.
pub(crate) fn architecture(program: &Path) -> anyhow::Result<&'static str> {
    let mut head = [0; 20];
    File::open(program)
        .and_then(|mut file| file.read_exact(&mut head))
        .with_context(|| format!("failed to read {}", program.display()))?;
    ensure!(
        head.starts_with(b"\x7fELF"),
        "{} is no program for Linux: build it there, or with --target",
        program.display()
    );
    // `e_machine` of the ELF header; both processors are little-endian here.
    match u16::from_le_bytes([head[18], head[19]]) {
        62 => Ok("amd64"),
        183 => Ok("arm64"),
        other => bail!(
            "{} is for ELF machine {other}; images are made for 62 (x86-64) and 183 (AArch64)",
            program.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_program_needs_its_loader_and_its_c_library() {
        let own = std::env::current_exe().unwrap();
        let names: Vec<String> = libraries(&own)
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        for start in ["ld-linux", "libc.so."] {
            assert!(
                names.iter().any(|name| name.starts_with(start)),
                "{names:?}"
            );
        }
        architecture(&own).unwrap();
    }

    #[test]
    fn what_is_no_program_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("script");
        std::fs::write(&path, "#!/bin/sh\necho no program\n").unwrap();
        let error = format!("{:#}", architecture(&path).unwrap_err());
        assert!(error.contains("script is no program for Linux"), "{error}");
    }
}
