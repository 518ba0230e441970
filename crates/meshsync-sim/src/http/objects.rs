//! Single objects: get, create, update, patch, delete; and deleting collections.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{Method, Response};
use serde_json::{Value, json};

use super::{
    accept::Representation,
    protobuf::decode_protobuf,
    reply::{Body, JSON, complete, json as reply_json},
    table::table,
};
use crate::{
    api::{GroupResource, Query, Status, split_api_version},
    auth::{User, review, token_request},
    load::yaml_documents,
    shared::Shared,
    store::{
        DeleteOptions, Filter, Framing, Object, PageRequest, PatchKind, WriteOptions, apply_patch,
        decode, merge_patch, object_key,
    },
};

/// A request about one object, or a write to a collection, with its resource resolved.
#[derive(Debug)]
pub(crate) struct ObjectRequest {
    pub(crate) gr: GroupResource,
    pub(crate) framing: Framing,
    pub(crate) representation: Representation,
    pub(crate) user: User,
    pub(crate) namespace: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
    pub(crate) query: Query,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

impl ObjectRequest {
    fn options(&self) -> WriteOptions {
        WriteOptions {
            dry_run: self.query.value("dryRun").is_some(),
            strict: true,
            status_only: self.subresource.as_deref() == Some("status"),
        }
    }

    /// Answers the request.
    pub(crate) fn answer(self, shared: &Shared, method: &Method) -> Result<Response<Body>, Status> {
        match (method.as_str(), self.name.clone()) {
            ("GET", Some(name)) => {
                let key = object_key(&self.namespace, &name);
                let object = self.current(shared, &key);
                let object = object.ok_or_else(|| Status::not_found(&self.gr, &name))?;
                Ok(self.reply(shared, 200, &object))
            }
            ("POST", None) => self.create(shared),
            ("POST", Some(name)) if self.subresource.as_deref() == Some("token") => {
                self.token(shared, &name)
            }
            ("PUT", Some(name)) => {
                let object = self.object_body(Some(&name))?;
                let written = shared.write().update(
                    &self.gr,
                    &self.namespace,
                    &name,
                    object,
                    self.options(),
                )?;
                Ok(self.reply(shared, 200, &written))
            }
            ("PATCH", Some(name)) => self.patch(shared, &name),
            ("DELETE", Some(name)) => self.delete(shared, &name),
            _ => Err(Status::method_not_allowed()),
        }
    }

    /// The object as it is; where any version will do, as a replica that lags knows it.
    fn current(&self, shared: &Shared, key: &str) -> Option<Arc<Object>> {
        let store = shared.read();
        let lag = self
            .query
            .value("resourceVersion")
            .and_then(|_| shared.faults.lag(&self.gr, "get"));
        match lag {
            Some(at) if at < store.rv => store.get_at(&self.gr, key, at),
            _ => store.get(&self.gr, key).map(Arc::clone),
        }
    }

    /// A token for the ServiceAccount named.
    fn token(&self, shared: &Shared, name: &str) -> Result<Response<Body>, Status> {
        let request = self.read_body()?;
        let known = shared
            .read()
            .get(&self.gr, &object_key(&self.namespace, name))
            .is_some();
        if !known {
            return Err(Status::not_found(&self.gr, name));
        }
        let answer = token_request(&shared.users, &self.namespace, name, &request);
        Ok(reply_json(201, &answer))
    }

    fn create(&self, shared: &Shared) -> Result<Response<Body>, Status> {
        let object = self.object_body(None)?;
        let answer = review(
            &shared.read(),
            &shared.authorizer,
            &shared.users,
            &self.user,
            &self.gr,
            &object,
        );
        if let Some(answer) = answer {
            return Ok(reply_json(201, &answer?));
        }
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        if !namespace.is_empty() && namespace != self.namespace {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        let written = shared
            .write()
            .create(&self.gr, &self.namespace, object, self.options())?;
        Ok(self.reply(shared, 201, &written))
    }

    fn patch(&self, shared: &Shared, name: &str) -> Result<Response<Body>, Status> {
        let kind = PatchKind::of(&self.content_type).ok_or_else(|| {
            Status::unsupported_media(format!(
                "the body of the request was in an unknown format: {}",
                self.content_type
            ))
        })?;
        let patch = parse(&self.body, kind == PatchKind::Apply)?;
        let mut store = shared.write();
        let missing = store
            .get(&self.gr, &object_key(&self.namespace, name))
            .is_none();
        if kind == PatchKind::Apply && missing {
            let mut object = patch;
            merge_patch(&mut object, &json!({"metadata": {"name": name}}));
            let written = store.create(&self.gr, &self.namespace, object, self.options())?;
            return Ok(self.reply(shared, 201, &written));
        }
        let written = store.change(&self.gr, &self.namespace, name, self.options(), |current| {
            apply_patch(kind, current, &patch)
        })?;
        Ok(self.reply(shared, 200, &written))
    }

    fn delete(&self, shared: &Shared, name: &str) -> Result<Response<Body>, Status> {
        let options = self.delete_options()?;
        let (object, gone) = shared
            .write()
            .delete(&self.gr, &self.namespace, name, &options)?;
        if !gone {
            return Ok(self.reply(shared, 200, &object));
        }
        let mut details = json!({"name": name, "kind": self.gr.plural, "uid": object.uid});
        if !self.gr.group.is_empty() {
            details["group"] = self.gr.group.as_str().into();
        }
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
        });
        Ok(reply_json(200, &status))
    }

    /// Deletes every object a filter selects; answers with the list of them.
    pub(crate) fn delete_collection(
        &self,
        shared: &Shared,
        filter: &Filter,
    ) -> Result<Response<Body>, Status> {
        let options = self.delete_options()?;
        let mut store = shared.write();
        let page = store.page(&self.gr, filter, &PageRequest::default())?;
        for object in &page.objects {
            store.delete(&self.gr, &object.namespace, &object.name, &options)?;
        }
        let (head, tail) = self.framing.list_frame(store.rv, None, None);
        drop(store);
        let mut out = BytesMut::from(head.as_bytes());
        for (at, object) in page.objects.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b",");
            }
            self.framing.put_item(&mut out, object);
        }
        out.extend_from_slice(tail.as_bytes());
        Ok(complete(200, JSON, out.freeze()))
    }

    fn delete_options(&self) -> Result<DeleteOptions, Status> {
        let body = if self.body.is_empty() {
            Value::Null
        } else {
            parse(&self.body, true)?
        };
        let precondition = |key: &str| body["preconditions"][key].as_str().map(str::to_owned);
        Ok(DeleteOptions {
            dry_run: self.query.value("dryRun").is_some()
                || body["dryRun"].as_array().is_some_and(|d| !d.is_empty()),
            uid: precondition("uid"),
            resource_version: precondition("resourceVersion"),
        })
    }

    fn read_body(&self) -> Result<Value, Status> {
        if !self.content_type.contains("protobuf") {
            return parse(&self.body, self.content_type.contains("yaml"));
        }
        decode_protobuf(&self.body).ok_or_else(|| {
            Status::unsupported_media(
                "of protobuf, the simulator reads only a few kinds; send JSON",
            )
        })
    }

    /// The body as an object of the right kind.
    fn object_body(&self, name: Option<&str>) -> Result<Value, Status> {
        let object = self.read_body()?;
        let kind = object["kind"].as_str().unwrap_or_default();
        if !kind.is_empty() && kind != self.framing.kind {
            return Err(Status::bad_request(format!(
                "the object provided is of kind {kind:?}, the resource takes {:?}",
                self.framing.kind
            )));
        }
        let (group, _) = split_api_version(object["apiVersion"].as_str().unwrap_or_default());
        if !kind.is_empty() && group != self.gr.group {
            return Err(Status::bad_request(
                "the API version in the data does not match the expected API version",
            ));
        }
        let given = object["metadata"]["name"].as_str();
        if name.is_some() && given.is_some() && given != name {
            return Err(Status::bad_request(
                "the name of the object does not match the name on the URL",
            ));
        }
        Ok(object)
    }

    fn reply(&self, shared: &Shared, code: u16, object: &Arc<Object>) -> Response<Body> {
        if self.representation == Representation::Table {
            let mut rows = table(
                &self.gr,
                &self.framing,
                std::slice::from_ref(object),
                true,
                shared.now(),
            );
            rows["metadata"]["resourceVersion"] = object.rv.to_string().into();
            return reply_json(code, &rows);
        }
        let mut out = BytesMut::new();
        if self.subresource.as_deref() == Some("scale") {
            return reply_json(code, &scale(&self.framing, object));
        }
        self.framing.put_object(&mut out, object);
        out.extend_from_slice(b"\n");
        complete(code, JSON, out.freeze())
    }
}

/// The `Scale` of a workload, read only.
fn scale(framing: &Framing, object: &Object) -> Value {
    let value = decode(object, framing).unwrap_or(Value::Null);
    let replicas = |part: &str| value[part]["replicas"].as_i64().unwrap_or(0);
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": object.name, "namespace": object.namespace, "uid": object.uid,
                     "resourceVersion": object.rv.to_string()},
        "spec": {"replicas": replicas("spec")}, "status": {"replicas": replicas("status")},
    })
}

fn parse(body: &[u8], may_be_yaml: bool) -> Result<Value, Status> {
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        Err(_) if may_be_yaml => {
            let text = String::from_utf8_lossy(body);
            let mut documents = yaml_documents(&text).map_err(Status::bad_request)?;
            if documents.is_empty() {
                return Err(Status::bad_request("the body is empty"));
            }
            Ok(documents.remove(0))
        }
        Err(error) => Err(Status::bad_request(format!(
            "the body is no JSON object: {error}"
        ))),
    }
}
