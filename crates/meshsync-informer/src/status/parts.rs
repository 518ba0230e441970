//! A resource that is observed in several namespaces, each on its own: one status
//! of all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ResourceSnapshot, ResourceState, ResourceStatus};
use crate::{Access, NotSeen};

/// The namespaces that are observed on their own, and what may be seen.
#[derive(Debug, Default)]
pub(super) struct Parts {
    by_namespace: BTreeMap<String, Arc<ResourceStatus>>,
    access: Option<Arc<Access>>,
}

impl Parts {
    pub(super) fn enter(&mut self, namespace: &str, part: Arc<ResourceStatus>) {
        self.by_namespace.insert(namespace.to_owned(), part);
    }

    pub(super) fn leave(&mut self, namespace: &str) {
        self.by_namespace.remove(namespace);
    }

    /// Returns whether it was another one.
    pub(super) fn set_access(&mut self, access: Option<Access>) -> bool {
        let changed = self.access.as_deref() != access.as_ref();
        if changed {
            self.access = access.map(Arc::new);
        }
        changed
    }

    pub(super) fn are_settled(&self) -> bool {
        self.by_namespace.values().all(|part| part.is_settled())
    }

    pub(super) fn are_gone(&self) -> bool {
        let mut parts = self.by_namespace.values();
        parts.any(|part| part.is_gone())
    }

    /// The whole from what its own task says, which keeps what is not seen.
    pub(super) fn sum(&self, own: ResourceSnapshot) -> ResourceSnapshot {
        let mut whole = ResourceSnapshot {
            access: self.access.clone(),
            ..own
        };
        if self.by_namespace.is_empty() {
            return whole;
        }
        // That it is forbidden as a whole is no error while its parts are not.
        whole.last_error = None;
        whole.remedy = None;
        whole.stale = whole.objects > 0;
        let mut states = Vec::with_capacity(self.by_namespace.len());
        let mut since = None;
        for (namespace, part) in &self.by_namespace {
            let part = part.snapshot();
            states.push(part.state);
            since = since.max(Some(part.since));
            whole.objects += part.objects;
            whole.unseen += part.unseen;
            whole.stale |= part.stale;
            whole.events += part.events;
            whole.bytes += part.bytes;
            whole.restarts += part.restarts;
            whole.malformed += part.malformed;
            whole.owed += part.owed;
            whole.checks += part.checks;
            whole.drift += part.drift;
            whole.last_event = whole.last_event.max(part.last_event);
            for (design, count) in part.designs {
                *whole.designs.entry(design).or_default() += count;
            }
            if let Some(error) = part.last_error {
                whole.last_error = Some(format!("in namespace {namespace}: {error}"));
                whole.remedy = part.remedy;
            }
            whole.verified = match (whole.verified.take(), part.verified) {
                (Some(one), Some(other)) => Some(if one.at < other.at { other } else { one }),
                (one, other) => one.or(other),
            };
        }
        let has = |state| states.contains(&state);
        let is_complete =
            (self.access.as_ref()).is_some_and(|access| access.not_seen == NotSeen::Nothing);
        whole.since = since.unwrap_or(whole.since);
        whole.state = if has(ResourceState::Listing) {
            ResourceState::Listing
        } else if has(ResourceState::BackingOff) {
            ResourceState::BackingOff
        } else if is_complete && !has(ResourceState::Forbidden) {
            ResourceState::Live
        } else {
            ResourceState::Partial
        };
        whole
    }
}
