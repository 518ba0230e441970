//! Subjects: where in the stream something is.
//!
//! `meshsync.v1.<scope>.obj.<group>.<plural>.<namespace>.<name>` for objects,
//! `meshsync.v1.<scope>.fp.<product>.<namespace>/<instance>` for fingerprints and
//! `meshsync.v1.<scope>.ctl.…` for everything else. The version of a resource is
//! no part of it: an object that is served at another version is the same object.

use std::fmt;

use meshsync_model::{ObjectKey, Resource, ResourceId};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What all subjects of the state stream begin with.
pub(crate) const STATE: &str = "meshsync.v1";
/// What all subjects of the events stream begin with.
pub(crate) const EVENTS: &str = "meshsync.events.v1";

/// Every byte but letters, digits and `-` is written as `%XX`: NATS gives `.`,
/// `*`, `>` and white space a meaning, and `_` stands for *none* here.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-');

/// The token for no namespace and for the core group.
const NONE: &str = "_";

/// How many tokens end the subject of a claim. Each may be written as itself or
/// as `*`, so that there are two to the power of it ways to name it: see
/// [`guard`].
const CLAIM_TOKENS: u32 = 12;

/// How many ways there are to name the subject of a claim.
pub(crate) const GUARDS: usize = 1 << CLAIM_TOKENS;

/// What a subject of the state stream is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// The last state of an object, or that it is gone.
    Object {
        /// The cluster.
        scope: String,
        /// The object.
        key: ObjectKey,
    },
    /// The last `SYNCED` of a resource.
    Synced {
        /// The cluster.
        scope: String,
        /// The resource.
        resource: ResourceId,
    },
    /// The last `SYNCED` of all resources.
    FullSync {
        /// The cluster.
        scope: String,
    },
    /// The last request to empty the stream.
    Flush {
        /// The cluster.
        scope: String,
    },
    /// Who may write.
    Claim {
        /// The cluster.
        scope: String,
    },
}

/// Why a subject is none of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{subject:?} is no subject of this stream")]
pub struct SubjectError {
    subject: String,
}

impl Subject {
    /// Reads a subject of the state stream, or the same in the events stream.
    ///
    /// # Errors
    ///
    /// When it is none of ours, or of a later version.
    pub fn parse(subject: &str) -> Result<Self, SubjectError> {
        parse(subject).ok_or_else(|| SubjectError {
            subject: subject.to_owned(),
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&match self {
            Self::Object { scope, key } => object(scope, key),
            Self::Synced { scope, resource } => synced(scope, resource),
            Self::FullSync { scope } => full_sync(scope),
            Self::Flush { scope } => flush(scope),
            Self::Claim { scope } => claim(scope),
        })
    }
}

fn parse(subject: &str) -> Option<Subject> {
    let rest = subject
        .strip_prefix(STATE)
        .or_else(|| subject.strip_prefix(EVENTS))?
        .strip_prefix('.')?;
    let tokens: Vec<&str> = rest.split('.').collect();
    let (scope, what) = tokens.split_first()?;
    let scope = decode(scope)?;
    match *what {
        ["obj", group, plural, namespace, name] => Some(Subject::Object {
            scope,
            key: ObjectKey {
                resource: resource(group, plural)?.into(),
                namespace: optional(namespace)?.map(Into::into),
                name: decode(name)?.into(),
            },
        }),
        ["fp", product, instance] => {
            let (product, instance) = (decode(product)?, decode(instance)?);
            let (namespace, instance) = instance.split_once('/')?;
            Some(Subject::Object {
                scope,
                key: ObjectKey {
                    resource: Resource::fingerprints().id().into(),
                    namespace: (!namespace.is_empty()).then(|| namespace.into()),
                    name: format!("{product}/{instance}").into(),
                },
            })
        }
        ["ctl", "synced"] => Some(Subject::FullSync { scope }),
        ["ctl", "flush"] => Some(Subject::Flush { scope }),
        ["ctl", "writer", ..] => Some(Subject::Claim { scope }),
        ["ctl", group, plural] => Some(Subject::Synced {
            scope,
            resource: resource(group, plural)?,
        }),
        _ => None,
    }
}

fn resource(group: &str, plural: &str) -> Option<ResourceId> {
    Some(ResourceId::new(
        optional(group)?.unwrap_or_default(),
        decode(plural)?,
    ))
}

fn optional(token: &str) -> Option<Option<String>> {
    if token == NONE {
        return Some(None);
    }
    decode(token).map(Some)
}

fn decode(token: &str) -> Option<String> {
    let text = percent_decode_str(token).decode_utf8().ok()?;
    (!text.is_empty()).then(|| text.into_owned())
}

pub(crate) fn token(text: &str) -> impl fmt::Display + '_ {
    utf8_percent_encode(if text.is_empty() { NONE } else { text }, {
        // The one `_` that is not escaped.
        if text.is_empty() { NONE_SET } else { ESCAPED }
    })
}

const NONE_SET: &AsciiSet = &ESCAPED.remove(b'_');

pub(crate) fn object(scope: &str, key: &ObjectKey) -> String {
    if let Some((product, instance)) = fingerprint_of(key) {
        let namespace = key.namespace.as_deref().unwrap_or_default();
        let instance = format!("{namespace}/{instance}");
        return format!(
            "{STATE}.{}.fp.{}.{}",
            token(scope),
            token(product),
            token(&instance)
        );
    }
    format!(
        "{STATE}.{}.obj.{}.{}.{}.{}",
        token(scope),
        token(&key.resource.group),
        token(&key.resource.plural),
        token(key.namespace.as_deref().unwrap_or_default()),
        token(&key.name)
    )
}

/// Product and instance of a fingerprint, whose name is both.
fn fingerprint_of(key: &ObjectKey) -> Option<(&str, &str)> {
    (*key.resource == Resource::fingerprints().id()).then(|| key.name.split_once('/'))?
}

/// Objects of this name, of whatever resource and cluster, in the stream whose
/// subjects begin with `root`.
pub(crate) fn named(root: &str, namespace: Option<&str>, name: &str) -> String {
    let namespace = token(namespace.unwrap_or_default());
    format!("{root}.*.obj.*.*.{namespace}.{}", token(name))
}

/// All objects of a cluster, fingerprints among them, or of one of its resources.
pub(crate) fn objects(scope: &str, resource: Option<&ResourceId>) -> Vec<String> {
    let scope = token(scope);
    let fingerprints = format!("{STATE}.{scope}.fp.>");
    match resource {
        None => vec![format!("{STATE}.{scope}.obj.>"), fingerprints],
        Some(resource) if *resource == Resource::fingerprints().id() => vec![fingerprints],
        Some(ResourceId { group, plural }) => {
            let (group, plural) = (token(group), token(plural));
            vec![format!("{STATE}.{scope}.obj.{group}.{plural}.>")]
        }
    }
}

pub(crate) fn synced(scope: &str, resource: &ResourceId) -> String {
    let (group, plural) = (token(&resource.group), token(&resource.plural));
    format!("{STATE}.{}.ctl.{group}.{plural}", token(scope))
}

pub(crate) fn full_sync(scope: &str) -> String {
    format!("{STATE}.{}.ctl.synced", token(scope))
}

/// Where the writer of a cluster is asked to empty the stream.
pub(crate) fn flush(scope: &str) -> String {
    format!("{STATE}.{}.ctl.flush", token(scope))
}

/// The claims of all clusters.
pub(crate) fn claims() -> String {
    format!("{STATE}.*.ctl.writer.>")
}

pub(crate) fn claim(scope: &str) -> String {
    guard(scope, 0)
}

/// The subject of a claim, its last tokens written as `*` where `n` has a bit.
///
/// A server that replicates checks what is expected of a subject against what it
/// has applied, and refuses a second check of the same name while the first is
/// on its way. Names that differ and mean the same let many be on their way.
pub(crate) fn guard(scope: &str, n: usize) -> String {
    let mut subject = format!("{STATE}.{}.ctl.writer", token(scope));
    for at in 0..CLAIM_TOKENS {
        subject.push_str(if n >> at & 1 == 1 { ".*" } else { ".w" });
    }
    subject
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(group: &str, plural: &str, namespace: Option<&str>, name: &str) -> ObjectKey {
        ObjectKey {
            resource: ResourceId::new(group, plural).into(),
            namespace: namespace.map(Into::into),
            name: name.into(),
        }
    }

    #[test]
    fn subjects_read_as_documented() {
        let check = |key: ObjectKey, expected: &str| {
            assert_eq!(object("s-1", &key), expected);
            let read = Subject::parse(expected).unwrap();
            let scope = "s-1".to_owned();
            assert_eq!(read, Subject::Object { scope, key });
        };
        check(
            key("", "pods", Some("shop"), "web-1"),
            "meshsync.v1.s-1.obj._.pods.shop.web-1",
        );
        check(
            key("apps.example.com", "things", None, "a.b:c*d>e%f g_"),
            "meshsync.v1.s-1.obj.apps%2Eexample%2Ecom.things._.a%2Eb%3Ac%2Ad%3Ee%25f%20g%5F",
        );
        let print = Resource::fingerprints();
        check(
            key(
                &print.gvk.group,
                &print.plural,
                Some("data"),
                "redis/blue.1",
            ),
            "meshsync.v1.s-1.fp.redis.data%2Fblue%2E1",
        );
        check(
            key("", "namespaces", None, "_"),
            "meshsync.v1.s-1.obj._.namespaces._.%5F",
        );
    }

    #[test]
    fn control_subjects_are_told_apart() {
        let scope = || "s".to_owned();
        let resource = ResourceId::new("apps", "deployments");
        for subject in [
            Subject::FullSync { scope: scope() },
            Subject::Claim { scope: scope() },
            Subject::Flush { scope: scope() },
            Subject::Synced {
                scope: scope(),
                resource,
            },
        ] {
            assert_eq!(Subject::parse(&subject.to_string()), Ok(subject));
        }
        let events = "meshsync.events.v1.s.obj._.pods.n.a";
        assert!(matches!(Subject::parse(events), Ok(Subject::Object { .. })));
        for other in ["", "meshsync.v2.s.obj._.pods.n.a", "meshsync.v1.s.obj._.a"] {
            assert!(Subject::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn every_guard_is_another_name_of_the_claim() {
        let guards: std::collections::HashSet<_> = (0..GUARDS).map(|n| guard("s", n)).collect();
        assert_eq!(guards.len(), GUARDS);
        assert!(guards.contains(&claim("s")));
    }

    proptest! {
        #[test]
        fn whatever_a_name_is_made_of_it_comes_back(
            scope in ".{1,8}", group in ".{0,8}", plural in "[a-z]{1,8}",
            namespace in prop::option::of(".{1,8}"), name in ".{1,12}",
        ) {
            let key = key(&group, &plural, namespace.as_deref(), &name);
            let subject = object(&scope, &key);
            prop_assert!(subject.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.%".contains(&b)));
            prop_assert_eq!(subject.split('.').count(), 8);
            prop_assert_eq!(Subject::parse(&subject), Ok(Subject::Object { scope, key }));
        }
    }
}
