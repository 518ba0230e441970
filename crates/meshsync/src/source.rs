//! Sources by URL.

use std::fmt;
use std::path::PathBuf;

use meshsync_informer::ClusterConfig;
use meshsync_informer::source::{Cluster, Source};
use url::Url;

/// What a source URL names.
///
/// | URL | source |
/// |---|---|
/// | `k8s:[?context=NAME&kubeconfig=PATH]` | a Kubernetes cluster |
/// | `docker:[unix:///PATH]`, `docker:tcp://HOST:PORT[?ca=FILE&cert=FILE&key=FILE]`, `docker:ssh://[USER@]HOST`, `docker:?context=NAME` | a container engine: Docker or Podman |
/// | `manifests:PATH[?namespace=NAME]`, `manifests:-` | a folder or a file of manifests, standard input |
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceUrl {
    /// A cluster.
    Cluster(ClusterConfig),
    /// A container engine.
    #[cfg(feature = "docker")]
    Docker(meshsync_sources::DockerUrl),
    /// Manifests.
    #[cfg(feature = "manifests")]
    Manifests(meshsync_sources::ManifestsUrl),
}

/// Why a source URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid source {url:?}: {problem}; write {KNOWN}")]
pub struct SourceUrlError {
    url: String,
    problem: String,
}

/// The forms of a source URL, for messages.
const KNOWN: &str = "k8s:, k8s:?context=NAME&kubeconfig=PATH, docker:, docker:unix:///PATH, \
    docker:tcp://HOST:PORT, manifests:PATH or manifests:-, as far as they were built in";

impl SourceUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// When it names no source, or a part of it is wrong.
    pub fn parse(text: &str) -> Result<Self, SourceUrlError> {
        #[cfg(any(feature = "docker", feature = "manifests"))]
        let invalid = |problem| SourceUrlError {
            url: text.to_owned(),
            problem,
        };
        #[cfg(feature = "docker")]
        if let Some(rest) = text.strip_prefix("docker:") {
            let url = meshsync_sources::DockerUrl::parse(rest);
            return url.map(Self::Docker).map_err(invalid);
        }
        #[cfg(feature = "manifests")]
        if let Some(rest) = text.strip_prefix("manifests:") {
            let url = meshsync_sources::ManifestsUrl::parse(rest);
            return url.map(Self::Manifests).map_err(invalid);
        }
        parse_source(text).map(Self::Cluster)
    }

    /// Opens it. Nothing is connected or read yet.
    pub fn open(self) -> Box<dyn Source> {
        match self {
            Self::Cluster(config) => Box::new(Cluster::new(config)),
            #[cfg(feature = "docker")]
            Self::Docker(url) => Box::new(meshsync_sources::docker(url)),
            #[cfg(feature = "manifests")]
            Self::Manifests(url) => Box::new(meshsync_sources::manifests(url)),
        }
    }
}

/// As it is written. What it names in files and standard input stays as it was given.
impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, context) = match self {
            Self::Cluster(ClusterConfig::Kubeconfig { path, context }) => (path, context),
            Self::Cluster(_) => return f.write_str("k8s:"),
            #[cfg(any(feature = "docker", feature = "manifests"))]
            other => return f.write_str(&other.clone().open().name()),
        };
        f.write_str("k8s:")?;
        let path = path
            .as_ref()
            .map(|path| format!("kubeconfig={}", path.display()));
        let context = context.as_ref().map(|context| format!("context={context}"));
        for (at, option) in context.iter().chain(&path).enumerate() {
            write!(f, "{}{option}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

/// Reads `k8s:[?context=NAME&kubeconfig=PATH]`.
///
/// # Errors
///
/// When it is anything else.
pub fn parse_source(text: &str) -> Result<ClusterConfig, SourceUrlError> {
    let invalid = |problem: String| SourceUrlError {
        url: text.to_owned(),
        problem,
    };
    if text == "k8s" {
        return Ok(ClusterConfig::Infer);
    }
    let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
    if url.scheme() != "k8s" {
        return Err(invalid(format!("unknown scheme {:?}", url.scheme())));
    }
    if !matches!(url.path(), "" | "/" | "//") {
        return Err(invalid(format!("unexpected {:?}", url.path())));
    }
    let (mut context, mut path) = (None, None);
    for (key, value) in url.query_pairs() {
        match (&*key, value.is_empty()) {
            ("context" | "kubeconfig", true) => return Err(invalid(format!("{key} is empty"))),
            ("context", false) => context = Some(value.into_owned()),
            ("kubeconfig", false) => path = Some(PathBuf::from(value.into_owned())),
            _ => return Err(invalid(format!("unknown option {key:?}"))),
        }
    }
    Ok(if context.is_none() && path.is_none() {
        ClusterConfig::Infer
    } else {
        ClusterConfig::Kubeconfig { path, context }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_source_are_read() {
        assert_eq!(parse_source("k8s:").unwrap(), ClusterConfig::Infer);
        assert_eq!(
            SourceUrl::parse("k8s:?context=kind-a&kubeconfig=/tmp/my%20config").unwrap(),
            SourceUrl::Cluster(ClusterConfig::Kubeconfig {
                path: Some("/tmp/my config".into()),
                context: Some("kind-a".into()),
            })
        );
        #[cfg(feature = "manifests")]
        for (url, name) in [
            ("manifests:deploy", "manifests:deploy"),
            ("manifests:./a b?namespace=shop", "manifests:./a b"),
            ("manifests:-", "manifests:-"),
        ] {
            assert_eq!(SourceUrl::parse(url).unwrap().open().name(), name);
        }
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_to_write() {
        for text in [
            "",
            "ftp:",
            "docker:nowhere",
            "k8s:?ctx=a",
            "k8s:?context=",
            "k8s:/path",
        ] {
            let error = SourceUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains("write k8s:"), "{error}");
        }
        #[cfg(feature = "manifests")]
        for text in ["manifests:", "manifests:a?x=y", "manifests:a?namespace="] {
            let error = SourceUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains("manifests:PATH"), "{error}");
        }
    }
}
