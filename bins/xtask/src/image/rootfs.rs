//! The files of the image, in two layers: one that changes with the C library, one with the program.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, ensure};

use super::libraries::libraries;

/// The program is here under both names; its own name decides whose command line it speaks.
pub const PROGRAM_PATHS: [&str; 2] = ["/meshsync", "/meshery-meshsync"];

/// User and group the program runs as: the number that images without a root user commonly have.
pub const USER_ID: u32 = 65532;

/// Where TLS libraries look for certificate authorities first.
pub(crate) const CA_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Files by their path without the leading slash. A map, so that the order is always the same.
pub(crate) type Files = BTreeMap<String, Node>;

/// One file of the image.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Folder { mode: u32 },
    File { mode: u32, content: Vec<u8> },
    HardLink { to: String },
    SymbolicLink { to: String },
}

/// Everything but the program.
pub(crate) fn base(program: &Path, ca_bundle: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    for folder in ["dev", "proc", "run", "sys"] {
        add(&mut files, folder, Node::Folder { mode: 0o755 });
    }
    add(&mut files, "tmp", Node::Folder { mode: 0o1777 });
    // Service account files are mounted below /var/run, which is /run on every Linux.
    let to = "/run".to_owned();
    add(&mut files, "var/run", Node::SymbolicLink { to });

    let user = USER_ID;
    add_text(
        &mut files,
        "etc/passwd",
        &format!(
            "root:x:0:0:root:/:/sbin/nologin\n\
             nonroot:x:{user}:{user}:nonroot:/nonexistent:/sbin/nologin\n"
        ),
    );
    add_text(
        &mut files,
        "etc/group",
        &format!("root:x:0:\nnonroot:x:{user}:\n"),
    );
    add_text(&mut files, "etc/nsswitch.conf", "hosts: files dns\n");

    let certificates = fs::read(ca_bundle).with_context(|| {
        format!(
            "failed to read certificate authorities from {}: name another file with --ca-bundle",
            ca_bundle.display()
        )
    })?;
    ensure!(
        certificates
            .windows(27)
            .any(|part| part == b"-----BEGIN CERTIFICATE-----"),
        "{} has no certificate in PEM form",
        ca_bundle.display()
    );
    let (mode, content) = (0o644, certificates);
    add(&mut files, &CA_BUNDLE[1..], Node::File { mode, content });

    for library in libraries(program)? {
        let content =
            fs::read(&library).with_context(|| format!("failed to read {}", library.display()))?;
        let path = library.to_str().context("a library's path is no text")?;
        // Executable, because the loader may be started by hand to see what is missing.
        let mode = 0o755;
        let path = path.trim_start_matches('/');
        add(&mut files, path, Node::File { mode, content });
    }
    Ok(files)
}

/// The program under its names.
pub(crate) fn program(program: &Path) -> anyhow::Result<Files> {
    let content =
        fs::read(program).with_context(|| format!("failed to read {}", program.display()))?;
    let [first, second] = PROGRAM_PATHS.map(|path| path.trim_start_matches('/'));
    // A link to what an archive has not had yet cannot be unpacked; the order is that of names.
    let (file, link) = if first < second {
        (first, second)
    } else {
        (second, first)
    };
    let mode = 0o755;
    let to = file.to_owned();
    Ok(Files::from([
        (file.to_owned(), Node::File { mode, content }),
        (link.to_owned(), Node::HardLink { to }),
    ]))
}

fn add_text(files: &mut Files, path: &str, text: &str) {
    let (mode, content) = (0o644, text.into());
    add(files, path, Node::File { mode, content });
}

/// Adds a file and the folders it is in.
fn add(files: &mut Files, path: &str, node: Node) {
    for (slash, _) in path.match_indices('/') {
        files
            .entry(path[..slash].to_owned())
            .or_insert(Node::Folder { mode: 0o755 });
    }
    files.insert(path.to_owned(), node);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_brings_its_folders() {
        let mut files = Files::new();
        add_text(&mut files, "a/b/c", "text");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a", "a/b", "a/b/c"]);
    }

    #[test]
    fn a_bundle_without_certificates_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("empty.crt");
        fs::write(&path, "").unwrap();
        let own = std::env::current_exe().unwrap();
        let error = base(&own, &path).unwrap_err().to_string();
        assert!(error.contains("empty.crt has no certificate"), "{error}");
    }
}
