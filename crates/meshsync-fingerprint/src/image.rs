//! Image references.

/// An image reference, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// Registry, such as `quay.io`; `None` for Docker Hub's short names.
    pub registry: Option<&'a str>,
    /// Repository without the registry, such as `jetstack/cert-manager-controller`.
    pub path: &'a str,
    /// Tag.
    pub tag: Option<&'a str>,
    /// Digest, such as `sha256:…`.
    pub digest: Option<&'a str>,
}

impl<'a> Image<'a> {
    /// Takes a reference apart: `[registry[:port]/]path[:tag][@digest]`. The first
    /// segment is a registry if it has a dot or a port or is `localhost`, as in
    /// Docker's own grammar.
    pub fn parse(reference: &'a str) -> Self {
        let reference = reference.trim();
        // As containerd and CRI-O report images in a status.
        let reference = reference
            .strip_prefix("docker-pullable://")
            .unwrap_or(reference);
        let (rest, digest) = match reference.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (reference, None),
        };
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (rest, None),
        };
        let (registry, path) = match repository.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => {
                (Some(first), path)
            }
            _ => (None, repository),
        };
        Self {
            registry,
            path,
            tag: tag.filter(|tag| !tag.is_empty()),
            digest,
        }
    }

    /// Whether this is one of Docker's official images (`redis`,
    /// `docker.io/library/redis`), under its own or an implied name.
    pub fn is_official(&self) -> bool {
        !self.path.contains('/')
            && matches!(
                self.registry,
                None | Some("docker.io" | "index.docker.io" | "registry-1.docker.io")
            )
    }

    /// Ends of the repository, longest first: `docker.io/a/b`, `a/b`, `b`.
    pub fn suffixes(&self) -> impl Iterator<Item = &'a str> {
        let path = self.path;
        let slashes = path.match_indices('/').map(|(at, _)| at + 1);
        std::iter::once(0).chain(slashes).map(move |at| &path[at..])
    }
}
/// A repository without what tools append to its name: the platform that older ones
/// are called after (`kubernetes-dashboard-amd64`), and the MD5 sum of the path that
/// `ko` publishes under (`controller-10a3e32792f33651396d02b6855a6e36`).
pub(crate) fn plainly_called(path: &str) -> &str {
    const PLATFORMS: [&str; 5] = ["amd64", "arm64", "arm", "ppc64le", "s390x"];
    const MD5_CHARS: usize = 32;
    let Some((name, end)) = path.rsplit_once('-') else {
        return path;
    };
    if PLATFORMS.contains(&end) {
        return name.strip_suffix("-linux").unwrap_or(name);
    }
    let is_sum = end.len() == MD5_CHARS && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_sum { name } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let check = |reference: &str, registry, path, tag, digest| {
            let image = Image {
                registry,
                path,
                tag,
                digest,
            };
            assert_eq!(Image::parse(reference), image, "{reference}");
        };
        check("redis", None, "redis", None, None);
        check("redis:7.2-alpine", None, "redis", Some("7.2-alpine"), None);
        check("bitnami/redis", None, "bitnami/redis", None, None);
        check(
            "localhost:5000/a/b:1",
            Some("localhost:5000"),
            "a/b",
            Some("1"),
            None,
        );
        check(
            "localhost:5000/a/b",
            Some("localhost:5000"),
            "a/b",
            None,
            None,
        );
        check(
            "quay.io/cilium/cilium:v1.15.1@sha256:abc",
            Some("quay.io"),
            "cilium/cilium",
            Some("v1.15.1"),
            Some("sha256:abc"),
        );
        check(
            "r.io/a@sha256:abc",
            Some("r.io"),
            "a",
            None,
            Some("sha256:abc"),
        );
        check("", None, "", None, None);
        check("a:", None, "a", None, None);
    }

    #[test]
    fn suffixes_end_at_segments() {
        let image = Image::parse("harbor.corp/quay/argoproj/argocd:v1");
        let suffixes: Vec<&str> = image.suffixes().collect();
        assert_eq!(
            suffixes,
            ["quay/argoproj/argocd", "argoproj/argocd", "argocd"]
        );
        assert!(Image::parse("redis").is_official());
        assert!(!Image::parse("quay.io/redis").is_official());
    }

    #[test]
    fn platforms_and_sums_are_no_part_of_a_name() {
        let check = |path, plain| assert_eq!(plainly_called(path), plain, "{path}");
        check("kubernetes-dashboard-amd64", "kubernetes-dashboard");
        check("a/tool-linux-arm64", "a/tool");
        check(
            "tektoncd/pipeline/controller-10a3e32792f33651396d02b6855a6e36",
            "tektoncd/pipeline/controller",
        );
        check("fluent-bit", "fluent-bit");
        check("a/charm", "a/charm");
    }
}
