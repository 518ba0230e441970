//! From a spool to what was asked for.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use anyhow::Context;
use meshsync::model::ObjectKey;

use super::manifest;
use super::spool::{Extent, Spooled};

/// How much was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) objects: usize,
    pub(super) resources: usize,
}

/// Records, one a line: the objects in the order in which they came, then what
/// says that they are all.
pub(super) fn records(spool: &Spooled, out: &mut dyn Write) -> anyhow::Result<Written> {
    let mut extents: Vec<Extent> = spool.objects.values().copied().collect();
    extents.sort_unstable_by_key(|extent| extent.offset);
    let mut payload = Vec::new();
    for extent in &extents {
        read(&spool.file, *extent, &mut payload)?;
        out.write_all(as_added(&payload).as_slice())?;
        out.write_all(b"\n")?;
    }
    for extent in &spool.synced {
        read(&spool.file, *extent, &mut payload)?;
        out.write_all(&payload)?;
        out.write_all(b"\n")?;
    }
    Ok(written(spool))
}

/// A document per object: definitions and namespaces first, because others need
/// them, then in order of their names.
pub(super) fn manifests(spool: &Spooled, out: &mut dyn Write) -> anyhow::Result<Written> {
    let mut objects: Vec<(&ObjectKey, Extent)> = spool
        .objects
        .iter()
        .map(|(key, extent)| (&**key, *extent))
        .collect();
    objects.sort_unstable_by_key(|(key, _)| order(key));
    let mut payload = Vec::new();
    for (key, extent) in objects {
        read(&spool.file, extent, &mut payload)?;
        manifest::write(&payload, out).with_context(|| format!("failed to write {key} as YAML"))?;
    }
    Ok(written(spool))
}

fn written(spool: &Spooled) -> Written {
    Written {
        objects: spool.objects.len(),
        resources: spool.resources,
    }
}

fn order(key: &ObjectKey) -> (u8, &str, &str, Option<&str>, &str) {
    let (group, plural) = (key.resource.group.as_str(), key.resource.plural.as_str());
    let rank = match (group, plural) {
        ("apiextensions.k8s.io", "customresourcedefinitions") => 0,
        ("", "namespaces") => 1,
        _ => 2,
    };
    (rank, group, plural, key.namespace.as_deref(), &key.name)
}

fn read(mut file: &File, extent: Extent, payload: &mut Vec<u8>) -> io::Result<()> {
    payload.resize(extent.len, 0);
    file.seek(SeekFrom::Start(extent.offset))?;
    file.read_exact(payload)
}

/// In a snapshot every object is new, also one that changed while it was taken.
fn as_added(record: &[u8]) -> Vec<u8> {
    const MODIFIED: &[u8] = br#"{"event":"MODIFIED""#;
    const ADDED: &[u8] = br#"{"event":"ADDED""#;
    match record.strip_prefix(MODIFIED) {
        Some(rest) => [ADDED, rest].concat(),
        None => record.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use meshsync::model::ResourceId;

    use super::*;

    #[test]
    fn definitions_and_namespaces_come_first() {
        let key = |group: &str, plural: &str, name: &str| ObjectKey {
            resource: ResourceId::new(group, plural).into(),
            namespace: None,
            name: name.into(),
        };
        let mut keys = [
            key("", "configmaps", "b"),
            key("", "configmaps", "a"),
            key("", "namespaces", "n"),
            key("apiextensions.k8s.io", "customresourcedefinitions", "c"),
        ];
        keys.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        assert_eq!(
            keys.map(|key| key.name),
            ["c", "n", "a", "b"].map(Into::into)
        );
    }

    #[test]
    fn a_modified_object_is_new_to_who_reads_the_snapshot() {
        let added = br#"{"event":"ADDED","scope":"c"}"#;
        assert_eq!(as_added(br#"{"event":"MODIFIED","scope":"c"}"#), added);
        assert_eq!(as_added(added), added);
    }
}
