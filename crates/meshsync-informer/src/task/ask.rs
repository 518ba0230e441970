//! Asking for one object by name.

use http::StatusCode;
use kube::Client;
use meshsync_model::{ResourceVersion, Uid};
use serde::Deserialize;

use crate::api::{ACCEPT_METADATA, RequestError, get, read};

/// What the server says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is none of this name.
    Nothing,
    /// There is this one.
    Object { uid: Uid, version: ResourceVersion },
    /// It does not say, or what it says cannot be read.
    Unknown,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata {
    uid: String,
    resource_version: String,
}

/// Asks for the object at `path`.
pub(super) async fn ask(client: Client, path: String) -> Found {
    // All else may be unreadable, or too large.
    let response = match get(&client, &path, ACCEPT_METADATA, None).await {
        Ok(response) => response,
        Err(RequestError::Refused { refusal, .. })
            if refusal.code == StatusCode::NOT_FOUND.as_u16() =>
        {
            return Found::Nothing;
        }
        Err(_) => return Found::Unknown,
    };
    let Ok(body) = read(response, &path).await else {
        return Found::Unknown;
    };
    match serde_json::from_slice::<Document>(&body) {
        Ok(document) if !document.metadata.uid.is_empty() => Found::Object {
            uid: Uid::new(&document.metadata.uid),
            version: ResourceVersion::new(&document.metadata.resource_version),
        },
        Ok(_) | Err(_) => Found::Unknown,
    }
}
