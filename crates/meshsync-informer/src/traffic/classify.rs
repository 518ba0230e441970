//! From a method and a path to the verb and the resource that Kubernetes calls it.

use http::{Method, Uri};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) verb: &'static str,
    /// `pods`, `deployments.apps`, `pods/log`; `discovery`, `version` or `other` where
    /// it is no resource.
    pub(super) resource: String,
}

/// Reads a path as the API server does:
/// <https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb>.
pub(super) fn classify(method: &Method, uri: &Uri) -> Asked {
    let path: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
    let (group, rest) = match path.as_slice() {
        ["api"] | ["apis"] | ["api", _] | ["apis", _] | ["apis", _, _] | ["openapi", ..] => {
            return other(method, "discovery");
        }
        ["version"] => return other(method, "version"),
        ["api", _version, rest @ ..] => ("", rest),
        ["apis", group, _version, rest @ ..] => (*group, rest),
        _ => return other(method, "other"),
    };
    let rest = match rest {
        // What is of a namespace, unless it is the namespace itself.
        ["namespaces", _, rest @ ..] if !matches!(rest, [] | ["status" | "finalize"]) => rest,
        rest => rest,
    };
    let (plural, name, sub) = match rest {
        [plural] => (*plural, false, None),
        [plural, _] => (*plural, true, None),
        [plural, _, sub, ..] => (*plural, true, Some(*sub)),
        [] => return other(method, "other"),
    };
    let mut resource = plural.to_owned();
    if !group.is_empty() {
        resource.push('.');
        resource.push_str(group);
    }
    if let Some(sub) = sub {
        resource.push('/');
        resource.push_str(sub);
    }
    let query = uri.query().unwrap_or_default();
    let watches = query
        .split('&')
        .any(|pair| matches!(pair, "watch" | "watch=1" | "watch=true"));
    let verb = match (method, name) {
        (&Method::GET, _) if watches => "watch",
        (&Method::GET, false) => "list",
        (&Method::DELETE, false) => "deletecollection",
        _ => verb(method),
    };
    Asked { verb, resource }
}

fn other(method: &Method, resource: &str) -> Asked {
    Asked {
        verb: verb(method),
        resource: resource.to_owned(),
    }
}

fn verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_the_api_server_reads_them() {
        let check = |method: Method, path: &str, verb: &str, resource: &str| {
            let asked = classify(&method, &path.parse().unwrap());
            assert_eq!(
                (asked.verb, asked.resource.as_str()),
                (verb, resource),
                "{path}"
            );
        };
        let get = || Method::GET;
        check(get(), "/version", "get", "version");
        check(get(), "/apis", "get", "discovery");
        check(get(), "/apis/apps/v1", "get", "discovery");
        check(get(), "/api/v1/pods?limit=500", "list", "pods");
        check(
            get(),
            "/api/v1/pods?watch=1&resourceVersion=3",
            "watch",
            "pods",
        );
        check(
            get(),
            "/api/v1/pods?labelSelector=watch%3D1",
            "list",
            "pods",
        );
        check(get(), "/api/v1/namespaces/shop/pods/web-0", "get", "pods");
        check(
            get(),
            "/api/v1/namespaces/shop/pods/web-0/log",
            "get",
            "pods/log",
        );
        check(get(), "/api/v1/namespaces", "list", "namespaces");
        check(get(), "/api/v1/namespaces/kube-system", "get", "namespaces");
        check(
            get(),
            "/api/v1/namespaces/shop/status",
            "get",
            "namespaces/status",
        );
        check(
            get(),
            "/apis/apps/v1/namespaces/shop/deployments",
            "list",
            "deployments.apps",
        );
        check(get(), "/api/v1/nodes/a", "get", "nodes");
        check(get(), "/healthz", "get", "other");
        check(get(), "/", "get", "other");
        let leases = "/apis/coordination.k8s.io/v1/namespaces/a/leases";
        check(Method::POST, leases, "create", "leases.coordination.k8s.io");
        let lease = format!("{leases}/meshsync");
        check(Method::PUT, &lease, "update", "leases.coordination.k8s.io");
        check(
            Method::DELETE,
            &lease,
            "delete",
            "leases.coordination.k8s.io",
        );
    }
}
