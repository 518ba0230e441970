//! Tokens that look like those of ServiceAccounts, and the `token` subresource that makes them.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{User, Users};
use crate::store::now;

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// What the server grants at least, and what it grants when asked for nothing.
const LIFETIME_SECONDS: (u64, u64) = (600, 3600);

/// A token of the usual shape. The signature is random: only the simulator itself checks tokens,
/// and it knows them.
pub(super) fn jwt(user: &User, lifetime: Duration) -> String {
    let issued = jiff::Timestamp::now().as_second();
    let expires = issued.saturating_add_unsigned(lifetime.as_secs());
    let mut claims = json!({
        "aud": [ISSUER], "exp": expires, "iat": issued, "iss": ISSUER, "jti": Uuid::new_v4().to_string(),
        "nbf": issued, "sub": user.name,
    });
    if let Some((namespace, name)) = user.as_service_account() {
        claims["kubernetes.io"] = json!({"namespace": namespace, "serviceaccount": {"name": name}});
    }
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signature: Vec<u8> = (0..16).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    format!(
        "{}.{}.{}",
        encode(br#"{"alg":"RS256","kid":"kubesim"}"#),
        encode(claims.to_string().as_bytes()),
        encode(&signature)
    )
}

/// Answers a `TokenRequest` for a ServiceAccount that exists.
pub(crate) fn token_request(users: &Users, namespace: &str, name: &str, request: &Value) -> Value {
    let (least, usual) = LIFETIME_SECONDS;
    let seconds = request["spec"]["expirationSeconds"].as_u64();
    let lifetime = Duration::from_secs(seconds.unwrap_or(usual).max(least));
    let token = users.issue_for(User::service_account(namespace, name), lifetime);
    let audiences = match &request["spec"]["audiences"] {
        Value::Array(audiences) if !audiences.is_empty() => audiences.clone(),
        _ => vec![ISSUER.into()],
    };
    let expires = jiff::Timestamp::now()
        .checked_add(jiff::SignedDuration::from_secs(
            i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX),
        ))
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    json!({
        "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": now()},
        "spec": {"audiences": audiences, "expirationSeconds": lifetime.as_secs(),
                 "boundObjectRef": request["spec"]["boundObjectRef"]},
        "status": {"token": token, "expirationTimestamp": expires.unwrap_or_default()},
    })
}
