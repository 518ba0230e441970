//! Who somebody is and what they may, as Kubernetes says.

use meshsync_informer::{ClusterConfig, ConfigError, Connection, RequestError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const TOKENS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const ACCESSES: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/// Asks an API server about tokens that others show to us. It takes the
/// permissions of the ClusterRole `system:auth-delegator`.
#[derive(Clone, Debug)]
pub struct Reviews {
    connection: Connection,
}

/// What the holder of a token may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// The token is none, or no longer.
    Unknown,
    /// It is one, of somebody who may not.
    Forbidden,
    /// It is one, of somebody who may.
    Granted,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<S> {
    api_version: &'static str,
    kind: &'static str,
    spec: S,
}

#[derive(Serialize)]
struct TokenSpec<'a> {
    token: &'a str,
}

/// What a TokenReview says of a user goes into a SubjectAccessReview as it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccessSpec<'a> {
    user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    uid: String,
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    extra: Value,
    non_resource_attributes: Path<'a>,
}

#[derive(Serialize)]
struct Path<'a> {
    path: &'a str,
    verb: &'static str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    authenticated: bool,
    allowed: bool,
    user: User,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    username: String,
    uid: String,
    groups: Vec<String>,
    extra: Value,
}

impl Reviews {
    /// Finds the API server of a cluster. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When there is no configuration or it cannot be used.
    pub async fn connect(cluster: &ClusterConfig) -> Result<Self, ConfigError> {
        let connection = cluster.connect().await?;
        Ok(Self { connection })
    }

    /// Whether the holder of `token` may `get` a path that is no resource.
    ///
    /// # Errors
    ///
    /// When the API server does not say.
    pub async fn may_get(&self, token: &str, path: &str) -> Result<Permission, RequestError> {
        let who = Question {
            api_version: "authentication.k8s.io/v1",
            kind: "TokenReview",
            spec: TokenSpec { token },
        };
        let Status {
            authenticated,
            user,
            ..
        } = self.ask(TOKENS, &who).await?;
        if !authenticated || user.username.is_empty() {
            return Ok(Permission::Unknown);
        }
        let may = Question {
            api_version: "authorization.k8s.io/v1",
            kind: "SubjectAccessReview",
            spec: AccessSpec {
                user: user.username,
                uid: user.uid,
                groups: user.groups,
                extra: user.extra,
                non_resource_attributes: Path { path, verb: "get" },
            },
        };
        Ok(match self.ask(ACCESSES, &may).await?.allowed {
            true => Permission::Granted,
            false => Permission::Forbidden,
        })
    }

    /// An answer that cannot be read grants nothing.
    async fn ask(&self, path: &str, question: &impl Serialize) -> Result<Status, RequestError> {
        let question = serde_json::to_string(question).unwrap_or_default();
        let answer = self.connection.review(path, question).await?;
        let answer: Answer = serde_json::from_slice(&answer).unwrap_or_default();
        Ok(answer.status)
    }
}
