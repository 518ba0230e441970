//! Failures as the API server words them: a `Status` body and its HTTP code.

use serde_json::{Map, Value, json};

use super::GroupResource;

/// A failure in the API server's own words.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, for example `NotFound`; empty when the server gives none.
    pub reason: &'static str,
    /// Human-readable message.
    pub message: String,
    /// `details` of the body; `Null` leaves the member out.
    pub details: Value,
    /// `continue` in the body's metadata: the token of an inconsistent continuation.
    pub continue_token: Option<String>,
}

/// What a refusal names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forbidden<'a> {
    pub(crate) gr: &'a GroupResource,
    pub(crate) subresource: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

impl Status {
    /// A failure without details.
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        let (message, details) = (message.into(), Value::Null);
        Self {
            code,
            reason,
            message,
            details,
            continue_token: None,
        }
    }

    fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// A refusal by the authoriser. `resource` is the plural, with `/subresource` if there is one;
    /// an empty namespace is the cluster scope.
    pub(crate) fn forbidden(user: &str, verb: &str, object: &Forbidden<'_>, reason: &str) -> Self {
        let (gr, name) = (object.gr, object.name);
        let place = match object.namespace {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace \"{namespace}\""),
        };
        let named = if name.is_empty() {
            String::new()
        } else {
            format!(" \"{name}\"")
        };
        let resource = match object.subresource {
            "" => gr.plural.clone(),
            subresource => format!("{}/{subresource}", gr.plural),
        };
        let because = if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        };
        Self::new(
            403,
            "Forbidden",
            format!(
                "{gr}{named} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{}\" {place}{because}",
                gr.group
            ),
        )
        .with_details(kind_details(gr, Some(name).filter(|name| !name.is_empty())))
    }

    /// A refusal of a path that is no resource.
    pub(crate) fn forbidden_path(user: &str, verb: &str, path: &str, reason: &str) -> Self {
        let because = if reason.is_empty() {
            String::new()
        } else {
            format!(": {reason}")
        };
        let message = format!("forbidden: User \"{user}\" cannot {verb} path \"{path}\"{because}");
        Self::new(403, "Forbidden", message).with_details(json!({}))
    }

    pub(crate) fn no_resource() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
        .with_details(json!({}))
    }

    pub(crate) fn not_found(gr: &GroupResource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{gr} \"{name}\" not found"))
            .with_details(kind_details(gr, Some(name)))
    }

    pub(crate) fn already_exists(gr: &GroupResource, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{gr} \"{name}\" already exists"),
        )
        .with_details(kind_details(gr, Some(name)))
    }

    pub(crate) fn conflict(gr: &GroupResource, name: &str, why: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on {gr} \"{name}\": {why}"),
        )
        .with_details(kind_details(gr, Some(name)))
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .with_details(json!({}))
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn unsupported_media(message: impl Into<String>) -> Self {
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// A watch older than the history. `oldest` is the oldest version still known.
    pub(crate) fn watch_too_old(rv: u64, oldest: u64) -> Self {
        Self::expired(format!("too old resource version: {rv} ({oldest})"))
    }

    pub(crate) fn rv_too_large(rv: u64, current: u64) -> Self {
        Self::new(
            504,
            "Timeout",
            format!("Timeout: Too large resource version: {rv}, current: {current}"),
        )
        .with_details(json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1
        }))
    }

    /// `ListOptions` that contradict each other: one forbidden field and why.
    pub(crate) fn list_options_forbidden(field: &str, why: &str) -> Self {
        Self::new(
            422,
            "Invalid",
            format!("ListOptions.meta.k8s.io \"\" is invalid: {field}: Forbidden: {why}"),
        )
        .with_details(json!({
            "group": "meta.k8s.io", "kind": "ListOptions",
            "causes": [{"reason": "FieldValueForbidden", "message": format!("Forbidden: {why}"), "field": field}]
        }))
    }

    pub(crate) fn invalid(kind: &str, name: &str, field: &str, why: &str) -> Self {
        Self::new(
            422,
            "Invalid",
            format!("{kind} \"{name}\" is invalid: {field}: {why}"),
        )
        .with_details(json!({
            "name": name, "kind": kind,
            "causes": [{"reason": "FieldValueInvalid", "message": why, "field": field}]
        }))
    }

    /// A status forced by a fault.
    pub(crate) fn forced(code: u16) -> Self {
        let (reason, message) = match code {
            401 => return Self::unauthorized(),
            404 => return Self::no_resource(),
            410 => (
                "Expired",
                "The resourceVersion for the provided list is too old.",
            ),
            429 => (
                "TooManyRequests",
                "too many requests, please try again later",
            ),
            500 => (
                "InternalError",
                "Internal error occurred: simulated failure",
            ),
            503 => (
                "ServiceUnavailable",
                "the server is currently unable to handle the request",
            ),
            504 => (
                "Timeout",
                "Timeout: request did not complete within the allotted timeout",
            ),
            _ => ("", "simulated failure"),
        };
        Self::new(code, reason, message)
    }

    /// The same with when to retry, if that is known.
    pub(crate) fn retry_after(mut self, seconds: Option<u64>) -> Self {
        if let Some(seconds) = seconds {
            self.details = json!({"retryAfterSeconds": seconds});
        }
        self
    }

    /// The JSON body, members in the server's order.
    pub fn body(&self) -> Vec<u8> {
        let mut out = String::from(r#"{"kind":"Status","apiVersion":"v1","metadata":{"#);
        if let Some(token) = &self.continue_token {
            out.push_str(&format!("\"continue\":{}", Value::from(token.as_str())));
        }
        out.push_str(r#"},"status":"Failure","message":"#);
        out.push_str(&Value::from(self.message.as_str()).to_string());
        if !self.reason.is_empty() {
            out.push_str(&format!(",\"reason\":\"{}\"", self.reason));
        }
        if !self.details.is_null() {
            out.push_str(&format!(",\"details\":{}", self.details));
        }
        out.push_str(&format!(",\"code\":{}}}", self.code));
        out.into_bytes()
    }
}

fn kind_details(gr: &GroupResource, name: Option<&str>) -> Value {
    let mut details = Map::new();
    if let Some(name) = name {
        details.insert("name".into(), name.into());
    }
    if !gr.group.is_empty() {
        details.insert("group".into(), gr.group.as_str().into());
    }
    details.insert("kind".into(), gr.plural.as_str().into());
    Value::Object(details)
}
