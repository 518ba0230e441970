//! The documents of an OCI image, as far as we write them.
//!
//! Of our own, though there is a crate for them: its maps have no order, and with them the image no
//! digest that can be repeated. The tests read what we write with that crate.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// The digest of some content, in the form of the OCI.
pub(crate) fn digest(content: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(content))
}

/// What a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum MediaType {
    #[serde(rename = "application/vnd.oci.image.index.v1+json")]
    Index,
    #[serde(rename = "application/vnd.oci.image.manifest.v1+json")]
    Manifest,
    #[serde(rename = "application/vnd.oci.image.config.v1+json")]
    Config,
    #[serde(rename = "application/vnd.oci.image.layer.v1.tar")]
    Layer,
    #[serde(rename = "application/vnd.oci.image.layer.v1.tar+gzip")]
    LayerGzip,
}

/// Something that is stored under its digest.
pub(crate) struct Blob {
    media_type: MediaType,
    digest: String,
    content: Vec<u8>,
}

impl Blob {
    pub(crate) fn new(media_type: MediaType, content: Vec<u8>) -> Self {
        Self {
            media_type,
            digest: digest(&content),
            content,
        }
    }

    pub(crate) fn json(media_type: MediaType, document: &impl Serialize) -> anyhow::Result<Self> {
        Ok(Self::new(media_type, serde_json::to_vec(document)?))
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.content
    }

    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Where an image layout keeps it.
    pub(crate) fn path(&self) -> String {
        format!("blobs/{}", self.digest.replace(':', "/"))
    }

    pub(crate) fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type,
            digest: self.digest.clone(),
            size: self.content.len(),
            platform: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// A reference to a blob.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: MediaType,
    pub(crate) digest: String,
    pub(crate) size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) platform: Option<Platform>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
pub(crate) struct Platform {
    pub(crate) architecture: &'static str,
    pub(crate) os: &'static str,
}

/// `index.json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u8,
    pub(crate) media_type: MediaType,
    pub(crate) manifests: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u8,
    pub(crate) media_type: MediaType,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
}

/// The image's configuration.
#[derive(Serialize)]
pub(crate) struct Image {
    pub(crate) created: String,
    pub(crate) architecture: &'static str,
    pub(crate) os: &'static str,
    pub(crate) config: Process,
    pub(crate) rootfs: Layers,
}

/// How a container starts. The names are those of the specification.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Process {
    pub(crate) user: String,
    pub(crate) exposed_ports: BTreeMap<&'static str, Empty>,
    pub(crate) env: Vec<String>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) working_dir: &'static str,
    pub(crate) labels: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
pub(crate) struct Layers {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) diff_ids: Vec<String>,
}

/// `{}`.
#[derive(Serialize)]
pub(crate) struct Empty {}
