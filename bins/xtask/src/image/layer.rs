//! A layer: files as a tar archive.

use std::io::Write;

use anyhow::Context;
use flate2::{Compression as Level, GzBuilder};
use tar::{Builder, EntryType, Header};

use super::{
    archive::Compression,
    oci::{Blob, MediaType, digest},
    rootfs::{Files, Node},
};

/// A layer as it is stored, and the digest of what is in it.
pub(crate) struct Layer {
    pub(crate) blob: Blob,
    /// Of the archive before compression.
    pub(crate) diff_id: String,
}

impl Layer {
    pub(crate) fn of(files: &Files, epoch: u64, compression: Compression) -> anyhow::Result<Self> {
        let archive = archive(files, epoch)?;
        let diff_id = digest(&archive);
        let blob = match compression {
            Compression::None => Blob::new(MediaType::Layer, archive),
            Compression::Gzip => Blob::new(MediaType::LayerGzip, gzip(&archive)?),
        };
        Ok(Self { blob, diff_id })
    }
}

fn archive(files: &Files, epoch: u64) -> anyhow::Result<Vec<u8>> {
    let mut builder = Builder::new(Vec::new());
    for (path, node) in files {
        append(&mut builder, path, node, epoch)
            .with_context(|| format!("failed to put /{path} into the archive"))?;
    }
    Ok(builder.into_inner()?)
}

fn append(
    builder: &mut Builder<Vec<u8>>,
    path: &str,
    node: &Node,
    epoch: u64,
) -> std::io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_mtime(epoch);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mode(0o777);
    match node {
        Node::Folder { mode } => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(*mode);
            builder.append_data(&mut header, format!("{path}/"), std::io::empty())
        }
        Node::File { mode, content } => {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(*mode);
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_slice())
        }
        Node::HardLink { to } => {
            header.set_entry_type(EntryType::Link);
            header.set_mode(0o755);
            builder.append_link(&mut header, path, to)
        }
        Node::SymbolicLink { to } => {
            header.set_entry_type(EntryType::Symlink);
            builder.append_link(&mut header, path, to)
        }
    }
}

fn gzip(archive: &[u8]) -> anyhow::Result<Vec<u8>> {
    // Neither a time nor an operating system in the header.
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Level::default());
    encoder.write_all(archive)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn files() -> Files {
        let text = |text: &str| Node::File {
            mode: 0o644,
            content: text.into(),
        };
        Files::from([
            ("b".to_owned(), text("second")),
            ("a".to_owned(), text("first")),
            ("tmp".to_owned(), Node::Folder { mode: 0o1777 }),
        ])
    }

    #[test]
    fn a_layer_holds_owner_mode_and_time_of_its_own() {
        let layer = Layer::of(&files(), 7, Compression::Gzip).unwrap();
        let unzipped = flate2::read::GzDecoder::new(layer.blob.content());
        let mut archive = tar::Archive::new(unzipped);
        let entries: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                format!(
                    "{} {:o} {}:{} @{}",
                    entry.path().unwrap().display(),
                    header.mode().unwrap(),
                    header.uid().unwrap(),
                    header.gid().unwrap(),
                    header.mtime().unwrap()
                )
            })
            .collect();
        assert_eq!(
            entries,
            ["a 644 0:0 @7", "b 644 0:0 @7", "tmp/ 1777 0:0 @7"]
        );
    }

    #[test]
    fn the_diff_id_is_that_of_the_archive_before_compression() {
        let zipped = Layer::of(&files(), 0, Compression::Gzip).unwrap();
        let plain = Layer::of(&files(), 0, Compression::None).unwrap();
        assert_eq!(zipped.diff_id, plain.diff_id);
        assert_eq!(plain.diff_id, digest(plain.blob.content()));
        let mut unzipped = Vec::new();
        flate2::read::GzDecoder::new(zipped.blob.content())
            .read_to_end(&mut unzipped)
            .unwrap();
        assert_eq!(unzipped, plain.blob.content());
    }
}
