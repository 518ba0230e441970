//! What a path is about.

/// A path below `/api/V` or `/apis/G/V`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) namespace: Option<String>,
    pub(crate) plural: String,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
}

impl Target {
    /// Reads a path; `None` when it does not name a resource.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let steps: Vec<String> = path
            .trim_matches('/')
            .split('/')
            .map(|step| {
                percent_encoding::percent_decode_str(step)
                    .decode_utf8_lossy()
                    .into_owned()
            })
            .collect();
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let (group, version, rest) = match steps[..] {
            ["api", version, ref rest @ ..] => ("", version, rest),
            ["apis", group, version, ref rest @ ..] => (group, version, rest),
            _ => return None,
        };
        let (namespace, rest) = match *rest {
            // `namespaces/N/status` and `namespaces/N/finalize` are about the namespace itself.
            ["namespaces", _, "status" | "finalize"] => (None, rest),
            ["namespaces", namespace, ref rest @ ..] if !rest.is_empty() => (Some(namespace), rest),
            _ => (None, rest),
        };
        let (plural, name, subresource) = match *rest {
            [plural] => (plural, None, None),
            [plural, name] => (plural, Some(name), None),
            [plural, name, subresource] => (plural, Some(name), Some(subresource)),
            _ => return None,
        };
        if plural.is_empty() || name.is_some_and(str::is_empty) {
            return None;
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Self {
            group: group.to_owned(),
            version: version.to_owned(),
            namespace: owned(namespace),
            plural: plural.to_owned(),
            name: owned(name),
            subresource: owned(subresource),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Group, version, namespace, plural, name and subresource joined by spaces; `-` is none.
    fn check(path: &str, expected: &str) {
        let read = Target::parse(path).map(|t| {
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let group = Some(t.group).filter(|group| !group.is_empty());
            [
                or_dash(group),
                t.version,
                or_dash(t.namespace),
                t.plural,
                or_dash(t.name),
                or_dash(t.subresource),
            ]
            .join(" ")
        });
        assert_eq!(read.unwrap_or_default(), expected, "{path}");
    }

    #[test]
    fn paths_name_resources_as_the_server_reads_them() {
        check("/api/v1/pods", "- v1 - pods - -");
        check("/api/v1/namespaces", "- v1 - namespaces - -");
        check("/api/v1/namespaces/a", "- v1 - namespaces a -");
        check("/api/v1/namespaces/a/status", "- v1 - namespaces a status");
        check("/api/v1/namespaces/a/pods", "- v1 a pods - -");
        check(
            "/apis/apps/v1/namespaces/a/deployments/b/scale",
            "apps v1 a deployments b scale",
        );
        check("/apis/g.io/v1/things/x%3Ay", "g.io v1 - things x:y -");
        check("/apis/apps/v1", "");
        check("/version", "");
    }
}
