//! The file with which clients find the simulator.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

/// How a client says who it is.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Credential<'a> {
    /// It does not.
    None,
    /// With a token.
    Token(&'a str),
    /// With a token read from a file, again and again, as a pod does.
    TokenFile(&'a Path),
}

/// A kubeconfig of one cluster, one user and one context, all named `sim`. JSON texts are YAML.
pub(crate) fn kubeconfig(url: &str, ca_pem: Option<&str>, credential: Credential<'_>) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let authority = ca_pem.map_or_else(String::new, |pem| {
        format!(
            ", certificate-authority-data: {}",
            quoted(&STANDARD.encode(pem))
        )
    });
    let user = match credential {
        Credential::None => String::new(),
        Credential::Token(token) => format!("token: {}", quoted(token)),
        Credential::TokenFile(path) => format!("tokenFile: {}", quoted(&path.to_string_lossy())),
    };
    format!(
        "apiVersion: v1\nkind: Config\nclusters:\n- name: sim\n  cluster: {{server: \"{url}\"{authority}}}\nusers:\n- name: sim\n  user: {{{user}}}\ncontexts:\n- name: sim\n  context: {{cluster: sim, user: sim}}\ncurrent-context: sim\n"
    )
}
