//! Create, update, patch and delete, with the server's rules about versions and generations.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Framing, Object, Store, decode, encode::encode, object_key};
use crate::api::{GroupResource, Status, split_api_version};

/// How strictly a write is treated.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WriteOptions {
    /// Answer as if written; store nothing.
    pub(crate) dry_run: bool,
    /// The request came over HTTP: the namespace must exist, and a write to the object itself
    /// leaves a status subresource alone.
    pub(crate) strict: bool,
    /// The request is to the status subresource: only `status` changes.
    pub(crate) status_only: bool,
}

/// How a delete is treated.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) dry_run: bool,
    /// Only if the object still has this uid.
    pub(crate) uid: Option<String>,
    /// Only if the object is still at this version.
    pub(crate) resource_version: Option<String>,
}

/// The time in the form in which the API writes it.
pub(crate) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string()
}

/// Kinds whose `metadata.generation` the server does not keep.
const NO_GENERATION: &[&str] = &[
    "Namespace",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Service",
];

impl Store {
    /// Creates an object, completing its metadata.
    pub(crate) fn create(
        &mut self,
        gr: &GroupResource,
        namespace: &str,
        mut object: Value,
        options: WriteOptions,
    ) -> Result<Arc<Object>, Status> {
        let framing = self.framing_of(gr, &object)?;
        if options.strict
            && !namespace.is_empty()
            && self
                .get(&GroupResource::new("", "namespaces"), namespace)
                .is_none()
        {
            return Err(Status::not_found(
                &GroupResource::new("", "namespaces"),
                namespace,
            ));
        }
        let has_spec = object.get("spec").is_some();
        let metadata = metadata_of(&mut object)?;
        let name = complete_name(metadata)?;
        if self.get(gr, &object_key(namespace, &name)).is_some() {
            return Err(Status::already_exists(gr, &name));
        }
        if namespace.is_empty() {
            metadata.remove("namespace");
        } else {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
        if metadata
            .get("uid")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            metadata.insert("uid".to_owned(), Uuid::new_v4().to_string().into());
        }
        if metadata.get("creationTimestamp").is_none_or(Value::is_null) {
            metadata.insert("creationTimestamp".to_owned(), now().into());
        }
        let kept = self.loading && metadata.contains_key("generation");
        if has_spec && !kept && !NO_GENERATION.contains(&framing.kind.as_str()) {
            metadata.insert("generation".to_owned(), 1.into());
        }
        self.before_create(gr, &mut object);
        self.store(gr, &framing, object, options.dry_run)
    }

    /// Replaces an object, or only its status.
    pub(crate) fn update(
        &mut self,
        gr: &GroupResource,
        namespace: &str,
        name: &str,
        object: Value,
        options: WriteOptions,
    ) -> Result<Arc<Object>, Status> {
        self.change(gr, namespace, name, options, |_| Ok(object))
    }

    /// Replaces an object by what `change` makes of it.
    pub(crate) fn change(
        &mut self,
        gr: &GroupResource,
        namespace: &str,
        name: &str,
        options: WriteOptions,
        change: impl FnOnce(Value) -> Result<Value, Status>,
    ) -> Result<Arc<Object>, Status> {
        let current = Arc::clone(
            self.get(gr, &object_key(namespace, name))
                .ok_or_else(|| Status::not_found(gr, name))?,
        );
        let framing = self.framing(gr).ok_or_else(Status::no_resource)?;
        let before = decode(&current, &framing).unwrap_or(Value::Null);
        let mut after = change(before.clone())?;
        metadata_of(&mut after)?;
        let framing = self.framing_of(gr, &after)?;
        check_preconditions(gr, name, &current, &after)?;
        let split = options.strict
            && self
                .catalog
                .preferred(gr)
                .is_some_and(|f| f.resource.has_status());
        if options.status_only {
            let status = after["status"].take();
            after = before.clone();
            after["status"] = status;
        } else if split {
            set_or_remove(&mut after, "status", before.get("status"));
        }
        keep_server_fields(&mut after, &before, &current)?;
        if after == before {
            return Ok(current);
        }
        if after.get("spec") != before.get("spec")
            && let Some(generation) = before["metadata"]["generation"].as_i64()
        {
            after["metadata"]["generation"] = (generation + 1).into();
        }
        let deleting = !after["metadata"]["deletionTimestamp"].is_null();
        let held = after["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        let written = self.store(gr, &framing, after, options.dry_run)?;
        if deleting && !held && !options.dry_run && !self.owns_deletion(gr) {
            return self
                .remove(gr, &written.key())
                .ok_or_else(|| Status::not_found(gr, name));
        }
        Ok(written)
    }

    /// Deletes an object; one with finalizers is only marked. Returns its last state and whether
    /// it is gone.
    pub(crate) fn delete(
        &mut self,
        gr: &GroupResource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<(Arc<Object>, bool), Status> {
        let key = object_key(namespace, name);
        let current = Arc::clone(
            self.get(gr, &key)
                .ok_or_else(|| Status::not_found(gr, name))?,
        );
        let differs =
            |wanted: &Option<String>, actual: &str| wanted.as_deref().is_some_and(|w| w != actual);
        if differs(&options.uid, &current.uid)
            || differs(&options.resource_version, &current.rv.to_string())
        {
            return Err(Status::conflict(
                gr,
                name,
                "the preconditions do not hold for the object as it is",
            ));
        }
        if options.dry_run {
            return Ok((current, true));
        }
        let framing = self.framing(gr).ok_or_else(Status::no_resource)?;
        let Some(mut object) = decode(&current, &framing) else {
            return self
                .remove(gr, &key)
                .map(|gone| (gone, true))
                .ok_or_else(|| Status::not_found(gr, name));
        };
        let held = object["metadata"]["finalizers"]
            .as_array()
            .is_some_and(|list| !list.is_empty());
        if !held && !self.owns_deletion(gr) {
            return self
                .remove(gr, &key)
                .map(|gone| (gone, true))
                .ok_or_else(|| Status::not_found(gr, name));
        }
        if object["metadata"]["deletionTimestamp"].is_null() {
            metadata_of(&mut object)?.insert("deletionTimestamp".to_owned(), now().into());
            self.mark_terminating(gr, &mut object);
            self.store(gr, &framing, object, false)?;
        }
        if self.owns_deletion(gr) {
            return self
                .finish_owned_deletion(gr, &key)
                .map(|gone| (gone, true));
        }
        let marked = self.get(gr, &key).map(Arc::clone).unwrap_or(current);
        Ok((marked, false))
    }

    /// Stores bytes as they are under a name. They get a version of their own for ordering, but
    /// nothing is written into them.
    pub(crate) fn put_raw(
        &mut self,
        gr: &GroupResource,
        namespace: &str,
        name: &str,
        body: Bytes,
    ) -> Result<Arc<Object>, Status> {
        self.table(gr)?;
        let known = self
            .get(gr, &object_key(namespace, name))
            .map(|object| object.uid.to_string());
        let uid = known.unwrap_or_else(|| Uuid::new_v4().to_string());
        let rv = self.next_rv();
        let object = Object::verbatim(namespace, name, &uid, rv, body);
        self.insert(gr, object).ok_or_else(Status::no_resource)
    }

    /// Gives the object its version, stores it, and lets the controllers react.
    pub(crate) fn store(
        &mut self,
        gr: &GroupResource,
        framing: &Framing,
        mut object: Value,
        dry_run: bool,
    ) -> Result<Arc<Object>, Status> {
        let metadata = metadata_of(&mut object)?;
        let known = metadata
            .get("resourceVersion")
            .and_then(|rv| rv.as_str()?.parse::<u64>().ok());
        let rv = match known {
            Some(rv) if self.loading => rv,
            _ => self.rv + 1,
        };
        metadata.insert("resourceVersion".to_owned(), rv.to_string().into());
        let body = encode(&object, framing.custom);
        let read = Object::read(body).ok_or_else(|| {
            Status::bad_request("the object provided is unrecognized: metadata has wrong types")
        })?;
        if dry_run {
            return Ok(Arc::new(read));
        }
        let stored = self.insert(gr, read).ok_or_else(Status::no_resource)?;
        self.after_write(gr, &object);
        Ok(stored)
    }

    /// The frame for the version an object names in its `apiVersion`, else the preferred one.
    pub(crate) fn framing_of(&self, gr: &GroupResource, object: &Value) -> Result<Framing, Status> {
        let (_, version) = split_api_version(object["apiVersion"].as_str().unwrap_or_default());
        match self.catalog.find(&gr.group, version, &gr.plural) {
            Some(found) => Ok(Framing::new(&gr.group, found)),
            None => self.framing(gr).ok_or_else(Status::no_resource),
        }
    }
}

fn metadata_of(object: &mut Value) -> Result<&mut Map<String, Value>, Status> {
    let Some(members) = object.as_object_mut() else {
        return Err(Status::bad_request("the body is not a JSON object"));
    };
    let metadata = members
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    metadata
        .as_object_mut()
        .ok_or_else(|| Status::bad_request("metadata is not an object"))
}

fn complete_name(metadata: &mut Map<String, Value>) -> Result<String, Status> {
    let text = |key: &str| {
        metadata
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    if let Some(name) = text("name") {
        return Ok(name.to_owned());
    }
    let Some(prefix) = text("generateName") else {
        return Err(Status::invalid(
            "object",
            "",
            "metadata.name",
            "Required value: name or generateName is required",
        ));
    };
    let suffix = Uuid::new_v4().simple().to_string();
    let name = format!("{prefix}{}", &suffix[..5]);
    metadata.insert("name".to_owned(), name.as_str().into());
    Ok(name)
}

fn check_preconditions(
    gr: &GroupResource,
    name: &str,
    current: &Object,
    after: &Value,
) -> Result<(), Status> {
    let text = |key: &str| {
        after["metadata"][key]
            .as_str()
            .filter(|text| !text.is_empty())
    };
    if text("resourceVersion").is_some_and(|rv| rv != current.rv.to_string()) {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        return Err(Status::conflict(gr, name, why));
    }
    if text("uid").is_some_and(|uid| uid != &*current.uid) {
        return Err(Status::conflict(
            gr,
            name,
            "Precondition failed: UID in precondition does not match",
        ));
    }
    if text("name").is_some_and(|other| other != name) {
        return Err(Status::bad_request(
            "the name of the object does not match the name on the URL",
        ));
    }
    Ok(())
}

/// Restores what a client cannot change.
fn keep_server_fields(after: &mut Value, before: &Value, current: &Object) -> Result<(), Status> {
    let metadata = metadata_of(after)?;
    metadata.insert("name".to_owned(), (*current.name).into());
    if !current.namespace.is_empty() {
        metadata.insert("namespace".to_owned(), (*current.namespace).into());
    }
    metadata.insert("uid".to_owned(), (*current.uid).into());
    metadata.insert("resourceVersion".to_owned(), current.rv.to_string().into());
    for key in ["creationTimestamp", "deletionTimestamp", "generation"] {
        match before["metadata"].get(key) {
            Some(value) => metadata.insert(key.to_owned(), value.clone()),
            None => metadata.remove(key),
        };
    }
    if let Some(members) = after.as_object_mut() {
        for key in ["kind", "apiVersion"] {
            if let Some(value) = before.get(key) {
                members.insert(key.to_owned(), value.clone());
            }
        }
    }
    Ok(())
}

fn set_or_remove(object: &mut Value, key: &str, value: Option<&Value>) {
    let Some(members) = object.as_object_mut() else {
        return;
    };
    match value {
        Some(value) => members.insert(key.to_owned(), value.clone()),
        None => members.remove(key),
    };
}
