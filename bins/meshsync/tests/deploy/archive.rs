//! The image of the binary under test, read back as engines read it, and its files unpacked.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::HashMap;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use oci_spec::image::{ImageConfiguration, ImageIndex, ImageManifest, MediaType};
use tempfile::TempDir;
use xtask::image::{Compression, Recipe, Summary, write};

/// The name of the image under test.
pub(crate) const REFERENCE: &str = "docker.io/meshery/meshsync:0.0.0-test";

/// An image on disk.
pub(crate) struct Archive {
    pub(crate) dir: TempDir,
    pub(crate) summary: Summary,
}

impl Archive {
    /// Of the binary under test, without what a debugger needs: that is most of a development
    /// build. Stored uncompressed, because compressing takes a development build long.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("meshsync");
        let status = Command::new("strip")
            .arg("-o")
            .args([&program, Path::new(env!("CARGO_BIN_EXE_meshsync"))])
            .status();
        assert!(status.unwrap().success());
        let recipe = Recipe {
            program,
            ca_bundle: "/etc/ssl/certs/ca-certificates.crt".into(),
            reference: REFERENCE.to_owned(),
            version: "0.0.0-test".to_owned(),
            epoch: 0,
            compression: Compression::None,
        };
        let summary = write(&recipe, &dir.path().join("image.tar")).unwrap();
        Self { dir, summary }
    }

    /// One for all tests that only look at it.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Archive> = OnceLock::new();
        SHARED.get_or_init(Self::new)
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("image.tar")
    }

    /// Every member of the archive by its path.
    fn members(&self) -> HashMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(File::open(self.path()).unwrap());
        let read = |entry: std::io::Result<tar::Entry<'_, File>>| {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_str().unwrap().to_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (path, content)
        };
        archive.entries().unwrap().map(read).collect()
    }

    /// Manifest and configuration, by the types of the specification; every digest and size on the
    /// way is compared.
    pub(crate) fn read(&self) -> (ImageManifest, ImageConfiguration, Vec<Vec<u8>>) {
        let members = self.members();
        assert_eq!(members["oci-layout"], br#"{"imageLayoutVersion":"1.0.0"}"#);
        let blob = |descriptor: &oci_spec::image::Descriptor| {
            let digest = descriptor.digest();
            let content = members[&format!("blobs/sha256/{}", digest.digest())].clone();
            assert_eq!(descriptor.size(), content.len() as u64);
            assert_eq!(digest.digest(), sha256(&content), "{digest}");
            content
        };
        let index: ImageIndex = serde_json::from_slice(&members["index.json"]).unwrap();
        let [described] = index.manifests().as_slice() else {
            panic!("not one image: {index:?}");
        };
        assert_eq!(described.digest().to_string(), self.summary.digest);
        let manifest: ImageManifest = serde_json::from_slice(&blob(described)).unwrap();
        assert_eq!(manifest.config().media_type(), &MediaType::ImageConfig);
        let config: ImageConfiguration = serde_json::from_slice(&blob(manifest.config())).unwrap();
        let layers: Vec<Vec<u8>> = manifest.layers().iter().map(blob).collect();
        let diff_ids: Vec<String> = layers
            .iter()
            .map(|layer| format!("sha256:{}", sha256(layer)))
            .collect();
        assert_eq!(config.rootfs().diff_ids(), &diff_ids);
        (manifest, config, layers)
    }

    /// Unpacks the layers as an engine does.
    pub(crate) fn unpack(&self) -> Root {
        let (_, _, layers) = self.read();
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        for folder in [dir.path(), &root] {
            fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
        }
        for layer in layers {
            let mut archive = tar::Archive::new(layer.as_slice());
            archive.set_preserve_permissions(true);
            archive.set_preserve_ownerships(is_root());
            archive.unpack(&root).unwrap();
        }
        Root { _dir: dir, root }
    }
}

/// The image's files, in a folder.
pub(crate) struct Root {
    _dir: TempDir,
    pub(crate) root: PathBuf,
}

impl Root {
    /// A command of the image with its files as they are in a container with a read-only root: a
    /// mount namespace of its own, as the image's user where we are root, and without any
    /// capability. `mounts` are folders of ours that appear below the root.
    pub(crate) fn command(&self, mounts: &[(&Path, &str)], args: &[&str]) -> Command {
        // Words for the shell come as its arguments, so that nothing needs quoting.
        let mut script = r#"root=$1; shift
            mount --bind "$root" "$root"
            mount --rbind /dev "$root/dev"
            while [ "$1" != -- ]; do mount --bind "$1" "$root$2"; shift 2; done; shift
            mount -o remount,ro,bind "$root"
            cd "$root"
            "#
        .to_owned();
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if is_root() {
            script.push_str(
                "exec setpriv --bounding-set=-all,+setuid,+setgid,+sys_chroot --no-new-privs \
                 chroot --userspec=65532:65532 . \"$@\"",
            );
        } else {
            command.arg("--map-root-user");
            script.push_str("exec chroot . \"$@\"");
        }
        command.args(["sh", "-ec", &script, "sh"]).arg(&self.root);
        for (from, to) in mounts {
            fs::create_dir_all(self.root.join(to.trim_start_matches('/'))).unwrap();
            command.arg(from).arg(to);
        }
        command
            .arg("--")
            .args(args)
            .env_clear()
            .stdin(Stdio::null())
            // What the image's configuration says; the shell needs more to find `mount`.
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt");
        command
    }
}

/// Whether tests may become another user.
pub(crate) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

/// By the system's own tool, not by the crate that wrote the digest.
fn sha256(content: &[u8]) -> String {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, content).unwrap();
    let output = Command::new("sha256sum").arg(file.path()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}
