//! The image as one file: an OCI image layout in a tar archive, which every engine can load.

use std::{
    collections::BTreeMap,
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use tar::{Builder, EntryType, Header};

use super::{
    layer::Layer,
    libraries::{architecture, libraries},
    oci::{Blob, Descriptor, Empty, Image, Index, Layers, Manifest, MediaType, Platform, Process},
    rootfs::{self, CA_BUNDLE, PROGRAM_PATHS, USER_ID},
};

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The program, as it shall be in the image.
    pub program: PathBuf,
    /// Certificate authorities in PEM form.
    pub ca_bundle: PathBuf,
    /// Name and tag, such as `meshery/meshsync:0.1.0`.
    pub reference: String,
    /// The program's version, for a label.
    pub version: String,
    /// Every time in the image, in seconds since 1970.
    pub epoch: i64,
    /// How layers are stored.
    pub compression: Compression,
}

/// How layers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As they are.
    None,
    /// Compressed with gzip.
    Gzip,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The image's digest, `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// The full name under which an engine has it once it is loaded.
    pub reference: String,
    /// In the words of the OCI, such as `amd64`.
    pub architecture: &'static str,
    /// Size of its layers as they are stored, in bytes.
    pub bytes: usize,
    /// The shared libraries in it; none where the program is static.
    pub libraries: Vec<PathBuf>,
}

/// Writes the image to `output`.
///
/// # Errors
///
/// When something cannot be read or written, a library is missing, or the name is none.
pub fn write(recipe: &Recipe, output: &Path) -> anyhow::Result<Summary> {
    let (reference, tag) = full_reference(&recipe.reference)?;
    let architecture = architecture(&recipe.program)?;
    let time = u64::try_from(recipe.epoch).context("times in an image begin in 1970")?;
    let layers = [
        rootfs::base(&recipe.program, &recipe.ca_bundle)?,
        rootfs::program(&recipe.program)?,
    ]
    .iter()
    .map(|files| Layer::of(files, time, recipe.compression))
    .collect::<anyhow::Result<Vec<_>>>()?;

    let image = configuration(recipe, architecture, &layers)?;
    let config = Blob::json(MediaType::Config, &image)?;
    let manifest = Blob::json(
        MediaType::Manifest,
        &Manifest {
            schema_version: 2,
            media_type: MediaType::Manifest,
            config: config.descriptor(),
            layers: layers.iter().map(|layer| layer.blob.descriptor()).collect(),
        },
    )?;
    let os = "linux";
    let described = Descriptor {
        platform: Some(Platform { architecture, os }),
        // The tag for tools that follow the specification, the full name for those that, like
        // containerd and podman, look for it there.
        annotations: BTreeMap::from([
            ("io.containerd.image.name", reference.clone()),
            ("org.opencontainers.image.ref.name", tag),
        ]),
        ..manifest.descriptor()
    };
    let index = serde_json::to_vec(&Index {
        schema_version: 2,
        media_type: MediaType::Index,
        manifests: vec![described],
    })?;
    let mut blobs = vec![&manifest, &config];
    blobs.extend(layers.iter().map(|layer| &layer.blob));
    store(output, &index, &blobs, time)
        .with_context(|| format!("failed to write {}", output.display()))?;
    Ok(Summary {
        digest: manifest.digest().to_owned(),
        reference,
        architecture,
        bytes: layers.iter().map(|layer| layer.blob.content().len()).sum(),
        libraries: libraries(&recipe.program)?.into_iter().collect(),
    })
}

fn configuration(
    recipe: &Recipe,
    architecture: &'static str,
    layers: &[Layer],
) -> anyhow::Result<Image> {
    Ok(Image {
        created: Timestamp::from_second(recipe.epoch)?.to_string(),
        architecture,
        os: "linux",
        config: Process {
            user: format!("{USER_ID}:{USER_ID}"),
            exposed_ports: BTreeMap::from([("11000/tcp", Empty {})]),
            env: vec!["PATH=/".to_owned(), format!("SSL_CERT_FILE={CA_BUNDLE}")],
            entrypoint: vec![PROGRAM_PATHS[1].to_owned()],
            // The Meshery Operator starts `./meshery-meshsync`.
            working_dir: "/",
            labels: labels(&recipe.version),
        },
        rootfs: Layers {
            kind: "layers",
            diff_ids: layers.iter().map(|layer| layer.diff_id.clone()).collect(),
        },
    })
}

fn labels(version: &str) -> BTreeMap<&'static str, String> {
    let label = |text: &str| text.to_owned();
    BTreeMap::from([
        ("org.opencontainers.image.title", label("meshsync")),
        (
            "org.opencontainers.image.description",
            label(
                "Discovers a Kubernetes cluster, keeps a live picture of it, and delivers every change",
            ),
        ),
        (
            "org.opencontainers.image.source",
            label(env!("CARGO_PKG_REPOSITORY")),
        ),
        (
            "org.opencontainers.image.licenses",
            label(env!("CARGO_PKG_LICENSE")),
        ),
        ("org.opencontainers.image.version", label(version)),
    ])
}

/// The name with its registry, and the tag alone.
fn full_reference(reference: &str) -> anyhow::Result<(String, String)> {
    let after_path = reference.rfind('/').map_or(0, |slash| slash + 1);
    let colon = reference[after_path..].find(':').map(|at| at + after_path);
    let (name, tag) = colon.map_or((reference, "latest"), |at| {
        (&reference[..at], &reference[at + 1..])
    });
    let is_word = |text: &str, also: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || also.contains(c))
    };
    ensure!(
        name.split('/').all(|part| is_word(part, "._-:")) && is_word(tag, "._-"),
        "{reference:?} is no name of an image: it looks like registry.example/meshery/meshsync:0.1.0"
    );
    // A first part with a dot or a port is a registry; what has none is on Docker Hub.
    let first = name.split('/').next().unwrap_or_default();
    let registry = match name.contains('/') {
        true if first.contains(['.', ':']) || first == "localhost" => "",
        true => "docker.io/",
        false => "docker.io/library/",
    };
    Ok((format!("{registry}{name}:{tag}"), tag.to_owned()))
}

fn store(output: &Path, index: &[u8], blobs: &[&Blob], epoch: u64) -> anyhow::Result<()> {
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut builder = Builder::new(BufWriter::new(File::create(output)?));
    let mut put = |path: &str, content: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(epoch);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content)
    };
    put("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    put("index.json", index)?;
    for blob in blobs {
        put(&blob.path(), blob.content())?;
    }
    use std::io::Write as _;
    builder.into_inner()?.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_completed_as_engines_do() {
        let check = |reference: &str, full: &str| {
            assert_eq!(full_reference(reference).unwrap().0, full);
        };
        check("meshery/meshsync:1.0.3", "docker.io/meshery/meshsync:1.0.3");
        check("meshsync", "docker.io/library/meshsync:latest");
        check("localhost:5000/meshsync:a", "localhost:5000/meshsync:a");
        check("registry.example/m/s", "registry.example/m/s:latest");
        for none in ["", "a b", "name:", ":tag", "a//b", "name:tag:tag"] {
            assert!(full_reference(none).is_err(), "{none}");
        }
    }
}
