//! Sources by URL.

use std::path::PathBuf;

use meshsync_informer::ClusterConfig;
use url::Url;

/// Why a source URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid source {url:?}: {problem}; write k8s: or k8s:?context=NAME&kubeconfig=PATH")]
pub struct SourceUrlError {
    url: String,
    problem: String,
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
            parse_source("k8s:?context=kind-a&kubeconfig=/tmp/my%20config").unwrap(),
            ClusterConfig::Kubeconfig {
                path: Some("/tmp/my config".into()),
                context: Some("kind-a".into()),
            }
        );
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_to_write() {
        for text in ["", "docker:", "k8s:?ctx=a", "k8s:?context=", "k8s:/path"] {
            let error = parse_source(text).unwrap_err().to_string();
            assert!(error.contains("write k8s:"), "{error}");
        }
    }
}
