//! Which objects a list or watch is about.

use serde_json::Value;

use super::Object;
use crate::api::{FieldSelector, LabelSelector};

/// Namespace, labels and fields a request selects by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) namespace: Option<String>,
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
}

impl Filter {
    /// Whether only labels or fields narrow the result; the server then cannot count what remains.
    pub(crate) fn selects(&self) -> bool {
        !self.labels.is_empty() || !self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Object) -> bool {
        if self
            .namespace
            .as_deref()
            .is_some_and(|namespace| namespace != &*object.namespace)
        {
            return false;
        }
        self.labels.matches(|key| object.label(key))
            && self.fields.matches(&object.namespace, &object.name, || {
                serde_json::from_slice(&object.body).unwrap_or(Value::Null)
            })
    }
}
