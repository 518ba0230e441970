//! Canaries: objects that a synthetic test makes and takes away again.

use meshsync_model::{Object, Resource};

/// The label of a canary.
pub const CANARY_LABEL: &str = "meshsync.io/canary";

/// The label of a canary that is to be told like any other object.
pub const CANARY_VISIBLE_LABEL: &str = "meshsync.io/canary-visible";

/// Whether canaries are of this resource: no other object is looked at for them.
pub(crate) fn are_of(resource: &Resource) -> bool {
    resource.plural == "configmaps" && resource.gvk.group.is_empty()
}

/// Whether an object is a canary that nobody is told of.
pub(crate) fn is_hidden(object: &Object<'_>) -> bool {
    let has = |label: &str| object.labels().any(|(name, _)| name == label);
    has(CANARY_LABEL) && !has(CANARY_VISIBLE_LABEL)
}
