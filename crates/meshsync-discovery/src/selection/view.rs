//! What is observed of one resource that is observed at all.

use meshsync_model::{EventType, Resource};

use super::{NamespaceSelection, Pattern, ResourceDepth, Selection};

/// Which objects of a resource, which of their changes, and how much of each.
///
/// A change of it restarts nothing else: it concerns one resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Objects of these namespaces; all for a resource of cluster scope.
    pub namespaces: NamespaceSelection,
    /// Objects of this origin.
    pub managed: Managed,
    /// Changes that are told.
    pub events: Events,
    /// How much of each object.
    pub depth: ResourceDepth,
}

impl View {
    /// Whether an object is in it: its namespace, and whether Meshery deployed
    /// it, which is looked at only if it matters.
    pub fn admits(&self, namespace: Option<&str>, is_managed: impl FnOnce() -> bool) -> bool {
        self.namespaces.contains(namespace)
            && match self.managed {
                Managed::All => true,
                Managed::Greenfield => is_managed(),
                Managed::Brownfield => !is_managed(),
            }
    }

    /// Whether another view has other objects, and not only other changes.
    pub fn has_other_objects(&self, other: &Self) -> bool {
        (&self.namespaces, self.managed) != (&other.namespaces, other.managed)
    }
}

/// Whether Meshery deployed an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Managed {
    /// Whoever did.
    #[default]
    All,
    /// Only what Meshery deployed, by the marks it leaves on objects.
    Greenfield,
    /// Only what it did not.
    Brownfield,
}

/// The changes of an object that are told. All of them unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events {
    /// The first state of an object.
    pub added: bool,
    /// Every later one.
    pub modified: bool,
    /// The end of it.
    pub deleted: bool,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            added: true,
            modified: true,
            deleted: true,
        }
    }
}

impl Events {
    /// Only these; all where there are none.
    pub fn only(events: impl IntoIterator<Item = EventType>) -> Self {
        let mut only = Self {
            added: false,
            modified: false,
            deleted: false,
        };
        for event in events {
            match event {
                EventType::Added => only.added = true,
                EventType::Modified => only.modified = true,
                EventType::Deleted => only.deleted = true,
                EventType::Synced => {}
            }
        }
        if only.added || only.modified || only.deleted {
            only
        } else {
            Self::default()
        }
    }
}

/// Which changes of some resources are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRule {
    /// The resources.
    pub pattern: Pattern,
    /// The changes.
    pub events: Events,
}

impl Selection {
    /// What is observed of a resource, if it is observed at all.
    pub fn view(&self, resource: &Resource) -> View {
        let rule = self
            .events
            .iter()
            .find(|rule| rule.pattern.matches(resource));
        View {
            namespaces: if resource.namespaced {
                self.namespaces.clone()
            } else {
                NamespaceSelection::all()
            },
            managed: self.managed,
            events: rule.map(|rule| rule.events).unwrap_or_default(),
            depth: self.depth.of(resource),
        }
    }
}
