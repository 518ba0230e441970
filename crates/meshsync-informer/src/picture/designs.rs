//! Which objects belong to which of Meshery's designs.

use std::sync::Arc;

use hashbrown::HashMap;
use meshsync_model::ObjectRef;
use meshsync_model::design::Marks;

use crate::status::ResourceStatus;

/// More designs than this of one resource are counted together, under this name.
const DESIGNS_MAX: usize = 1000;
const OTHERS: &str = "(others)";

/// Memory only for objects that Meshery deployed.
#[derive(Debug, Default)]
pub(super) struct Designs(HashMap<Key, Arc<str>>);

/// Namespace and name.
type Key = (Option<Box<str>>, Box<str>);

impl Designs {
    /// Gives away what is known of an object.
    pub(super) fn part(
        &mut self,
        object: ObjectRef<'_>,
        status: &ResourceStatus,
    ) -> Option<Arc<str>> {
        if self.0.is_empty() {
            return None;
        }
        let key = (object.namespace.map(Into::into), object.name.into());
        let design = self.0.get(&key).cloned();
        self.note(object, None, status);
        design
    }

    /// Takes over what was known of an object.
    pub(super) fn adopt(
        &mut self,
        object: ObjectRef<'_>,
        design: Arc<str>,
        status: &ResourceStatus,
    ) {
        let key = (object.namespace.map(Into::into), object.name.into());
        *status.designs().entry(Arc::clone(&design)).or_default() += 1;
        self.0.insert(key, design);
    }

    /// Takes the marks of an object as it is now; none of one that is gone.
    pub(super) fn note(
        &mut self,
        object: ObjectRef<'_>,
        marks: Option<&Marks<'_>>,
        status: &ResourceStatus,
    ) {
        if marks.is_none() && self.0.is_empty() {
            return;
        }
        let key = (object.namespace.map(Into::into), object.name.into());
        let mut counts = status.designs();
        let before = match marks {
            Some(marks) => {
                let known = counts.contains_key(&*marks.design) || counts.len() < DESIGNS_MAX;
                let design: Arc<str> = if known { &*marks.design } else { OTHERS }.into();
                *counts.entry(Arc::clone(&design)).or_default() += 1;
                self.0.insert(key, design)
            }
            None => self.0.remove(&key),
        };
        if let Some(before) = before
            && let Some(count) = counts.get_mut(&before)
        {
            *count -= 1;
            if *count == 0 {
                counts.remove(&before);
            }
        }
    }
}
