//! A lock that is a Lease of the API server's: who leads the agents of a cluster.
//!
//! As other controllers have it: <https://kubernetes.io/docs/concepts/architecture/leases/>.

use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;
use meshsync_model::Leadership;
use serde_json::{Value, json};

use crate::api::{RequestError, read, send_document};
use crate::client::Connection;

/// A Lease as a lock: who holds it leads.
#[derive(Debug)]
pub struct LeaseLock {
    connection: Connection,
    namespace: String,
    name: String,
    /// As it was read or written last: what others wrote into it stays.
    known: Option<Value>,
}

impl LeaseLock {
    /// The Lease of that name, in the namespace given or else that of the
    /// connection. It is made when it is first written.
    pub fn new(connection: Connection, namespace: Option<String>, name: String) -> Self {
        let namespace =
            namespace.unwrap_or_else(|| connection.client.default_namespace().to_owned());
        Self {
            connection,
            namespace,
            name,
            known: None,
        }
    }

    /// Who leads; `None` where there is no Lease.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer.
    pub async fn read(&mut self) -> Result<Option<Leadership>, RequestError> {
        let path = self.path();
        let Some(bytes) = self.connection.document(&path).await? else {
            self.known = None;
            return Ok(None);
        };
        let lease = parse(&path, &bytes)?;
        let spec = &lease["spec"];
        let leadership = Leadership {
            holder: spec["holderIdentity"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            lasts: Duration::from_secs(spec["leaseDurationSeconds"].as_u64().unwrap_or(0)),
            version: version_of(&lease),
        };
        self.known = Some(lease);
        Ok(Some(leadership))
    }

    /// Writes who leads in place of the version `of`; returns the new one, or
    /// `None` where another one is there. A Lease counts in whole seconds: a part
    /// of one counts as one.
    ///
    /// # Errors
    ///
    /// When the server refuses or does not answer. It may have been written all
    /// the same.
    pub async fn write(
        &mut self,
        holder: &str,
        lasts: Duration,
        of: Option<&str>,
    ) -> Result<Option<String>, RequestError> {
        let mut lease = self
            .known
            .clone()
            .filter(|_| of.is_some())
            .unwrap_or_else(|| {
                json!({
                    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": {"name": self.name, "namespace": self.namespace},
                })
            });
        if let Some(of) = of {
            lease["metadata"]["resourceVersion"] = of.into();
        }
        let spec = &mut lease["spec"];
        let now = format!("{:.6}", Timestamp::now());
        if spec["holderIdentity"] != holder {
            let before = spec["leaseTransitions"].as_u64().unwrap_or(0);
            spec["leaseTransitions"] = (before + u64::from(of.is_some())).into();
            spec["acquireTime"] = now.clone().into();
        }
        spec["holderIdentity"] = holder.into();
        let seconds = lasts.as_secs() + u64::from(lasts.subsec_nanos() > 0);
        spec["leaseDurationSeconds"] = seconds.max(1).into();
        spec["renewTime"] = now.into();
        let (method, path) = match of {
            Some(_) => (Method::PUT, self.path()),
            None => (Method::POST, self.collection()),
        };
        let document = serde_json::to_vec(&lease).map_err(|e| RequestError::failed(&path, e))?;
        match send_document(&self.connection.client, method, &path, Some(document)).await {
            Ok(response) => {
                let lease = parse(&path, &read(response, &path).await?)?;
                let version = version_of(&lease);
                self.known = Some(lease);
                Ok(Some(version))
            }
            // Somebody was faster, or deleted it.
            Err(RequestError::Refused { refusal, .. })
                if refusal.code == StatusCode::CONFLICT.as_u16()
                    || refusal.code == StatusCode::NOT_FOUND.as_u16() && of.is_some() =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn collection(&self) -> String {
        format!(
            "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
            self.namespace
        )
    }

    fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.name)
    }
}

fn parse(path: &str, bytes: &[u8]) -> Result<Value, RequestError> {
    serde_json::from_slice(bytes).map_err(|error| RequestError::failed(path, error))
}

fn version_of(lease: &Value) -> String {
    let version = &lease["metadata"]["resourceVersion"];
    version.as_str().unwrap_or_default().to_owned()
}
