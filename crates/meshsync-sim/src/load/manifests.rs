//! Manifests: YAML with any number of documents, or JSON; `List` kinds are flattened.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    api::{GroupResource, split_api_version},
    error::LoadError,
    store::{Store, WriteOptions},
};

/// The documents of a YAML or JSON text. Empty documents are skipped.
pub(crate) fn yaml_documents(text: &str) -> Result<Vec<Value>, String> {
    let options = serde_saphyr::options! { budget: None };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| error.to_string())?;
    Ok(documents
        .into_iter()
        .filter(|document| !document.is_null())
        .collect())
}

/// Loads a file, or every `.yaml`, `.yml` and `.json` below a directory.
pub(crate) fn load_manifests(store: &mut Store, path: &Path) -> Result<usize, LoadError> {
    let mut objects = Vec::new();
    for file in files(path)? {
        let text = fs::read_to_string(&file).map_err(|source| LoadError::Read {
            path: file.clone(),
            source,
        })?;
        let documents = if file.extension().is_some_and(|e| e == "json") {
            vec![
                serde_json::from_str(&text).map_err(|source| LoadError::Json {
                    path: file.clone(),
                    source,
                })?,
            ]
        } else {
            yaml_documents(&text).map_err(|message| LoadError::Yaml {
                path: file.clone(),
                message,
            })?
        };
        for document in documents {
            flatten(document, &mut |object| objects.push((file.clone(), object)));
        }
    }
    // Definitions before what they define, namespaces before what lies in them.
    objects.sort_by_key(|(_, object)| match object["kind"].as_str() {
        Some("CustomResourceDefinition") => 0,
        Some("Namespace") => 1,
        _ => 2,
    });
    let count = objects.len();
    for (file, object) in objects {
        load_object(store, object).map_err(|message| LoadError::Object {
            path: file,
            message,
        })?;
    }
    Ok(count)
}

fn flatten(document: Value, found: &mut dyn FnMut(Value)) {
    let is_list = document["kind"]
        .as_str()
        .is_some_and(|kind| kind.ends_with("List"));
    match document {
        Value::Object(mut members)
            if is_list && members.get("items").is_some_and(Value::is_array) =>
        {
            if let Some(Value::Array(items)) = members.remove("items") {
                items.into_iter().for_each(|item| flatten(item, found));
            }
        }
        other => found(other),
    }
}

fn load_object(store: &mut Store, object: Value) -> Result<(), String> {
    let kind = object["kind"].as_str().ok_or("no kind")?.to_owned();
    let api_version = object["apiVersion"].as_str().ok_or("no apiVersion")?;
    let (group, version) = split_api_version(api_version);
    let found = store
        .catalog
        .by_kind(group, version, &kind)
        .ok_or_else(|| format!("the cluster serves no {kind} of {api_version}"))?;
    let gr = GroupResource::new(group, found.resource.resource.as_str());
    let namespace = match object["metadata"]["namespace"].as_str() {
        _ if !found.resource.namespaced() => "",
        None | Some("") => "default",
        Some(namespace) => namespace,
    }
    .to_owned();
    if !namespace.is_empty() {
        ensure_namespace(store, &namespace)?;
    }
    let name = object["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let exists = store
        .get(&gr, &crate::store::object_key(&namespace, &name))
        .is_some();
    let options = WriteOptions::default();
    let written = if exists {
        store.update(&gr, &namespace, &name, object, options)
    } else {
        store.create(&gr, &namespace, object, options)
    };
    written.map(drop).map_err(|status| status.message)
}

/// Creates a namespace unless it is there.
pub(crate) fn ensure_namespace(store: &mut Store, name: &str) -> Result<(), String> {
    let namespaces = GroupResource::new("", "namespaces");
    if store.get(&namespaces, name).is_some() {
        return Ok(());
    }
    let object = json!({"metadata": {"name": name}});
    store
        .create(&namespaces, "", object, WriteOptions::default())
        .map(drop)
        .map_err(|status| status.message)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let failed = |source| LoadError::Read {
        path: path.to_owned(),
        source,
    };
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries: Result<Vec<_>, _> = fs::read_dir(path).map_err(failed)?.collect();
    let mut entries: Vec<PathBuf> = entries
        .map_err(failed)?
        .into_iter()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        let wanted = entry
            .extension()
            .is_some_and(|e| e == "yaml" || e == "yml" || e == "json");
        if entry.is_dir() || wanted {
            found.extend(files(&entry)?);
        }
    }
    Ok(found)
}
