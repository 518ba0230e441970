//! A captured cluster: discovery documents and lists as a real API server answered them.
//!
//! ```text
//! version.json[.gz]                       /version
//! discovery/aggregated/{api,apis}.json    aggregated discovery
//! discovery/legacy/<group>_<version>.json legacy discovery; api.json and apis.json beside them
//! list/<group>_<version>/<plural>.json    lists
//! variants/<plural>.table.json            a table, for what it says of its columns
//! ```

use std::{
    collections::HashMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    api::{AggregatedList, Catalog, CrdFacts, GroupResource},
    error::LoadError,
    store::{Object, Store},
};

/// A loaded capture.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) store: Store,
    pub(crate) version: Option<Bytes>,
    /// Groups the real server said were stale; they answered 503.
    pub(crate) unavailable_groups: Vec<String>,
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    #[serde(default)]
    metadata: ListMetadata,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    #[serde(default)]
    resource_version: String,
}

/// Loads a capture directory.
pub(crate) fn load_capture(dir: &Path, history_limit: usize) -> Result<Capture, LoadError> {
    let core = aggregated(&dir.join("discovery/aggregated/api.json"))?;
    let named = aggregated(&dir.join("discovery/aggregated/apis.json"))?;
    let unavailable_groups = named
        .items
        .iter()
        .filter(|group| group.versions.iter().all(|v| v.freshness == "Stale"))
        .map(|group| group.metadata.name.clone())
        .collect();
    let core = core.items.into_iter().next().unwrap_or_default();
    let (verbatim, order) = legacy(&dir.join("discovery/legacy"))?;
    let catalog = Catalog::new(core, named.items).with_verbatim(verbatim, order);
    let mut store = Store::new(catalog, history_limit);
    mark_custom(&mut store, dir)?;
    add_unlisted(&mut store, dir)?;
    describe_columns(&mut store, dir)?;
    let wanted: Vec<(GroupResource, String)> = store
        .catalog
        .resources()
        .map(|(group, version, r)| {
            (
                GroupResource::new(group, r.resource.as_str()),
                version.to_owned(),
            )
        })
        .collect();
    for (gr, version) in wanted {
        load_list(&mut store, dir, &gr, &version)?;
    }
    let version = dir.join("version.json");
    let version = exists(&version).map(|path| read(&path)).transpose()?;
    Ok(Capture {
        store,
        version,
        unavailable_groups,
    })
}

fn mark_custom(store: &mut Store, dir: &Path) -> Result<(), LoadError> {
    let path = dir.join("list/apiextensions.k8s.io_v1/customresourcedefinitions.json");
    let Some(path) = exists(&path) else {
        return Ok(());
    };
    let crds: Value = parse(&path, &read(&path)?)?;
    for crd in crds["items"].as_array().into_iter().flatten() {
        if let Some(facts) = CrdFacts::of(crd) {
            store.catalog.mark_custom(facts);
        }
    }
    Ok(())
}

/// The descriptions of columns are a server's own texts; here they are what was captured.
fn describe_columns(store: &mut Store, dir: &Path) -> Result<(), LoadError> {
    let entries = fs::read_dir(dir.join("variants")).into_iter().flatten();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().map(|name| name.to_string_lossy());
        let Some((plural, _)) = name.as_deref().and_then(|n| n.split_once(".table.json")) else {
            continue;
        };
        let table: Value = parse(&path, &read(&path)?)?;
        let columns = table["columnDefinitions"].as_array().into_iter().flatten();
        let texts = columns.filter_map(|column| {
            let title = column["name"].as_str()?.to_owned();
            Some((title, column["description"].as_str()?.to_owned()))
        });
        store.catalog.describe_columns(plural, texts.collect());
    }
    Ok(())
}

/// Serves captured lists of resources that discovery does not name.
fn add_unlisted(store: &mut Store, dir: &Path) -> Result<(), LoadError> {
    let entries = |path: &Path| {
        fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    for path in entries(&dir.join("list")).flat_map(|lists| entries(&lists).collect::<Vec<_>>()) {
        let name = |path: &Path| path.file_name().map(|n| n.to_string_lossy().into_owned());
        let Some((group_version, file)) = path.parent().and_then(name).zip(name(&path)) else {
            continue;
        };
        let Some((group, version)) = group_version.rsplit_once('_') else {
            continue;
        };
        let Some((plural, _)) = file.split_once(".json") else {
            continue;
        };
        if store.catalog.find(group, version, plural).is_some() {
            continue;
        }
        let list: Value = parse(&path, &read(&path)?)?;
        let kind = list["kind"]
            .as_str()
            .unwrap_or_default()
            .trim_end_matches("List");
        let namespaced = list["items"][0]["metadata"]["namespace"].is_string();
        store
            .catalog
            .add_unlisted(CrdFacts::guessed(group, version, plural, kind, namespaced));
    }
    store.open_tables();
    Ok(())
}

fn load_list(
    store: &mut Store,
    dir: &Path,
    gr: &GroupResource,
    version: &str,
) -> Result<(), LoadError> {
    let group_version = if gr.group.is_empty() {
        version.to_owned()
    } else {
        format!("{}_{version}", gr.group)
    };
    let Some(path) = exists(&dir.join(format!("list/{group_version}/{}.json", gr.plural))) else {
        return Ok(());
    };
    let bytes = read(&path)?;
    let list: List<'_> = parse(&path, &bytes)?;
    match list.metadata.resource_version.parse::<u64>() {
        Ok(rv) => store.rv = store.rv.max(rv),
        Err(_) => drop(store.computed.insert(gr.clone(), bytes.clone())),
    }
    for item in list.items {
        let body = stored_form(item.get());
        let Some(object) = Object::read(body.clone()) else {
            return Err(LoadError::Object {
                path,
                message: "an item has no metadata".to_owned(),
            });
        };
        let known = store
            .tables
            .get_mut(gr)
            .and_then(|table| table.objects.get_mut(&object.key()));
        match known {
            Some(known) => Arc::make_mut(known).alternates.push((version.into(), body)),
            None => drop(store.insert(gr, object)),
        }
    }
    Ok(())
}

/// A captured item without a leading `apiVersion`, which custom objects carry.
fn stored_form(item: &str) -> Bytes {
    let rest = item
        .strip_prefix("{\"apiVersion\":\"")
        .and_then(|rest| rest.split_once("\","))
        .map(|(_, rest)| rest);
    match rest {
        Some(rest) => format!("{{{rest}").into(),
        None => item.to_owned().into(),
    }
}

fn legacy(dir: &Path) -> Result<(HashMap<String, Bytes>, Vec<String>), LoadError> {
    let (mut verbatim, mut order) = (HashMap::new(), Vec::new());
    let Ok(entries) = fs::read_dir(dir) else {
        return Ok((verbatim, order));
    };
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let Some(stem) = file
            .strip_suffix(".gz")
            .unwrap_or(&file)
            .strip_suffix(".json")
            .map(str::to_owned)
        else {
            continue;
        };
        let bytes = read(&entry.path())?;
        let Ok(document) = serde_json::from_slice::<Value>(&bytes) else {
            continue;
        };
        let path = match (stem.as_str(), stem.rsplit_once('_')) {
            ("api" | "apis", _) => format!("/{stem}"),
            (_, Some((group, version))) => format!("/apis/{group}/{version}"),
            (version, None) => format!("/api/{version}"),
        };
        if path == "/apis" {
            let names = document["groups"].as_array().into_iter().flatten();
            order = names
                .filter_map(|group| group["name"].as_str().map(str::to_owned))
                .collect();
        }
        verbatim.insert(path, bytes);
    }
    Ok((verbatim, order))
}

fn aggregated(path: &Path) -> Result<AggregatedList, LoadError> {
    let path = exists(path).unwrap_or_else(|| path.to_owned());
    parse(&path, &read(&path)?)
}

fn parse<'a, T: Deserialize<'a>>(path: &Path, bytes: &'a [u8]) -> Result<T, LoadError> {
    serde_json::from_slice(bytes).map_err(|source| LoadError::Json {
        path: path.to_owned(),
        source,
    })
}

/// The file itself or its gzip sibling.
fn exists(path: &Path) -> Option<PathBuf> {
    let zipped = PathBuf::from(format!("{}.gz", path.display()));
    [path.to_owned(), zipped]
        .into_iter()
        .find(|path| path.is_file())
}

fn read(path: &Path) -> Result<Bytes, LoadError> {
    let failed = |source: io::Error| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = fs::read(path).map_err(failed)?;
    if path.extension().is_none_or(|extension| extension != "gz") {
        return Ok(bytes.into());
    }
    let mut plain = Vec::with_capacity(bytes.len() * 8);
    GzDecoder::new(&bytes[..])
        .read_to_end(&mut plain)
        .map_err(failed)?;
    Ok(plain.into())
}
