//! What an engine is asked.

use meshsync_informer::source::SourceError;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use super::http::{Answer, get, get_all};
use super::url::Host;

/// Docker 17.06, the first with lists and events as they are used here.
const VERSION_MIN: (u32, u32) = (1, 30);

/// The newest version that is asked for.
const VERSION_MAX: (u32, u32) = (1, 41);

/// An engine that has said which it is.
#[derive(Clone, Debug)]
pub(super) struct Api {
    pub(super) host: Host,
    /// Prefix of paths, such as `/v1.41`.
    prefix: String,
    pub(super) is_podman: bool,
}

impl Api {
    /// Asks which engine it is, and what it speaks.
    pub(super) async fn open(host: Host) -> Result<Self, SourceError> {
        let version = json(&host, "/version").await?;
        let text = version["ApiVersion"].as_str().unwrap_or_default();
        let speaks = pair(text).ok_or_else(|| {
            SourceError::refused(format!(
                "{host} is no container engine: it does not say which API it speaks"
            ))
        })?;
        if speaks < VERSION_MIN {
            return Err(SourceError::refused(format!(
                "{host} speaks version {text} of the API, and at least {}.{} is needed: update the engine",
                VERSION_MIN.0, VERSION_MIN.1
            )));
        }
        let (major, minor) = speaks.min(VERSION_MAX);
        let parts = version["Components"].as_array();
        let is_podman = parts
            .into_iter()
            .flatten()
            .any(|part| part["Name"] == "Podman Engine");
        Ok(Self {
            host,
            prefix: format!("/v{major}.{minor}"),
            is_podman,
        })
    }

    /// Identity of the engine, the same over restarts.
    pub(super) async fn id(&self) -> Result<String, SourceError> {
        let missing = || SourceError::refused(format!("{} does not say its identity", self.host));
        let text = |value: &Value| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        if !self.is_podman {
            let info = json(&self.host, &format!("{}/info", self.prefix)).await?;
            return text(&info["ID"]).ok_or_else(missing);
        }
        // What Podman says there is another one at every request. What it is, is the
        // storage of a host.
        let info = json(&self.host, "/v3.0.0/libpod/info").await?;
        let host = text(&info["host"]["hostname"]).ok_or_else(missing)?;
        let root = text(&info["store"]["graphRoot"]).ok_or_else(missing)?;
        Ok(format!(
            "podman-{:032x}",
            xxh3_128(format!("{host}\n{root}").as_bytes())
        ))
    }

    /// All containers, or the one of an id.
    pub(super) async fn containers(&self, id: Option<&str>) -> Result<Vec<Value>, SourceError> {
        let filter = match id {
            Some(id) => format!("&filters={}", escaped(&serde_json::json!({"id": [id]}))),
            None => String::new(),
        };
        let all = self
            .list(&format!("/containers/json?all=1{filter}"))
            .await?;
        // A filter may match the beginning of an id.
        Ok(all
            .into_iter()
            .filter(|c| id.is_none_or(|id| c["Id"] == id))
            .collect())
    }

    pub(super) async fn images(&self) -> Result<Vec<Value>, SourceError> {
        self.list("/images/json").await
    }

    pub(super) async fn networks(&self) -> Result<Vec<Value>, SourceError> {
        self.list("/networks").await
    }

    pub(super) async fn volumes(&self) -> Result<Vec<Value>, SourceError> {
        let mut volumes = json(&self.host, &format!("{}/volumes", self.prefix)).await?;
        self.array("/volumes", volumes["Volumes"].take())
    }

    /// Podman's alone.
    pub(super) async fn pods(&self) -> Result<Vec<Value>, SourceError> {
        let pods = json(&self.host, "/v3.0.0/libpod/pods/json").await?;
        self.array("pods", pods)
    }

    /// What happens from now on, a line each.
    pub(super) async fn events(&self) -> Result<Answer, SourceError> {
        get(&self.host, &format!("{}/events", self.prefix)).await
    }

    async fn list(&self, path: &str) -> Result<Vec<Value>, SourceError> {
        let list = json(&self.host, &format!("{}{path}", self.prefix)).await?;
        self.array(path, list)
    }

    fn array(&self, path: &str, value: Value) -> Result<Vec<Value>, SourceError> {
        match value {
            Value::Array(items) => Ok(items),
            // What Go writes for an empty list at times.
            Value::Null => Ok(Vec::new()),
            _ => Err(SourceError::refused(format!(
                "{} answers {path} with no list",
                self.host
            ))),
        }
    }
}

async fn json(host: &Host, path: &str) -> Result<Value, SourceError> {
    let body = get_all(host, path).await?;
    serde_json::from_slice(&body).map_err(|error| {
        // The reader's own words may quote what nobody should see.
        let (path, column) = (path.split('?').next().unwrap_or_default(), error.column());
        SourceError::refused(format!(
            "{host} answers {path} with no JSON, at byte {column}"
        ))
    })
}

fn escaped(value: &Value) -> String {
    ::url::form_urlencoded::byte_serialize(value.to_string().as_bytes()).collect()
}

fn pair(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
