//! The least of OpenAPI with which kubectl is content: which kinds exist, and that writes accept
//! `fieldValidation`. There are no schemas, so kubectl validates nothing on its side.

use http::Response;
use serde_json::{Map, Value, json};

use super::reply::{Body, complete, json as reply_json, text};
use crate::api::{Catalog, DiscoveryResource, group_version};

const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/// Answers `/openapi/v2`, `/openapi/v3` and `/openapi/v3/...`.
pub(crate) fn openapi(catalog: &Catalog, path: &str, accept: &str) -> Response<Body> {
    if path == "/openapi/v2" {
        if accept.contains("protobuf") {
            return complete(200, V2_PROTOBUF, document_v2());
        }
        let info = json!({"title": "Kubernetes", "version": "unversioned"});
        return reply_json(200, &json!({"swagger": "2.0", "info": info, "paths": {}}));
    }
    if path == "/openapi/v3" {
        let mut paths = Map::new();
        for (group, version, _) in catalog.resources() {
            let root = root_of(group, version);
            let url = format!("/openapi/v3/{root}");
            paths.insert(root, json!({ "serverRelativeURL": url }));
        }
        return reply_json(200, &json!({ "paths": paths }));
    }
    let wanted = path.trim_start_matches("/openapi/v3/");
    let mut paths = Map::new();
    for (group, version, resource) in catalog.resources() {
        if root_of(group, version) == wanted {
            let (path, item) = path_item(group, version, resource);
            paths.insert(path, item);
        }
    }
    if paths.is_empty() {
        return text(404, "404 page not found\n");
    }
    let info = json!({"title": "Kubernetes", "version": "unversioned"});
    reply_json(
        200,
        &json!({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}),
    )
}

fn root_of(group: &str, version: &str) -> String {
    let root = if group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", group_version(group, version))
}

fn path_item(group: &str, version: &str, resource: &DiscoveryResource) -> (String, Value) {
    let namespace = if resource.namespaced() {
        "namespaces/{namespace}/"
    } else {
        ""
    };
    let path = format!(
        "/{}/{namespace}{}/{{name}}",
        root_of(group, version),
        resource.resource
    );
    let parameters = ["dryRun", "fieldManager", "fieldValidation", "force"]
        .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}}));
    let operation = |action: &str| {
        json!({
            "parameters": parameters,
            "responses": {"200": {"description": "OK"}},
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind":
                {"group": group, "version": version, "kind": resource.response_kind.kind},
        })
    };
    (
        path,
        json!({"patch": operation("patch"), "put": operation("put")}),
    )
}

/// `Document { swagger: "2.0", info { title, version }, paths {} }` in protocol buffers: each
/// member is tag, length, bytes.
fn document_v2() -> Vec<u8> {
    let member = |tag: u8, bytes: &[u8]| {
        let mut out = vec![tag << 3 | 2, u8::try_from(bytes.len()).unwrap_or(0)];
        out.extend_from_slice(bytes);
        out
    };
    let info = [member(1, b"Kubernetes"), member(2, b"unversioned")].concat();
    [member(1, b"2.0"), member(2, &info), member(8, b"")].concat()
}
