//! Which requests a fault is about.

use crate::api::GroupResource;

/// Requests to which a fault applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultScope {
    /// Only this resource; `None` is every resource.
    pub resource: Option<GroupResource>,
    /// Only these verbs (`get`, `list`, `watch`, `create`, ...); empty is every verb.
    pub verbs: Vec<&'static str>,
}

impl FaultScope {
    /// Every verb of every resource.
    pub fn everything() -> Self {
        Self::default()
    }

    /// Every verb of one resource.
    pub fn resource(group: &str, plural: &str) -> Self {
        Self {
            resource: Some(GroupResource::new(group, plural)),
            verbs: Vec::new(),
        }
    }

    /// The same, narrowed to some verbs.
    #[must_use]
    pub fn verbs(mut self, verbs: &[&'static str]) -> Self {
        self.verbs = verbs.to_vec();
        self
    }

    pub(crate) fn covers(&self, gr: &GroupResource, verb: &str) -> bool {
        self.resource.as_ref().is_none_or(|wanted| wanted == gr)
            && (self.verbs.is_empty() || self.verbs.contains(&verb))
    }
}
