//! What is observed of one resource that is observed at all.

use std::sync::Arc;

use meshsync_model::{EventType, Object, Resource};

use super::filter::{Filter, Resolved};
use super::select::Rules;
use super::{
    Because, Candidate, NamespaceSelection, Namespaces, OptOut, Pattern, Pushed, ResourceDepth,
    Selection, Verdict,
};

/// Which objects of a resource, which of their changes, and how much of each.
///
/// A change of it restarts nothing else: it concerns one resource. The default is everything.
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
    /// What the server is asked for.
    pub pushed: Pushed,
    pub(super) filter: Arc<Filter>,
}

/// What it takes to get from one view to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The same objects are in both.
    Same,
    /// Objects leave it, which their namespaces tell; all others stay.
    Narrower,
    /// Objects of these namespaces may join it.
    Wider(Vec<String>),
    /// Other objects are in it, or in another form.
    Other,
}

impl View {
    /// Whether an object is in it. Whether Meshery deployed it is looked at only if it matters.
    pub fn admits(
        &self,
        resource: &Resource,
        object: &Object<'_>,
        is_managed: impl FnOnce() -> bool,
    ) -> bool {
        let subject = Candidate {
            resource,
            namespace: object.namespace(),
            name: Some(object.name()),
            object: Some(object),
        };
        self.judge(&subject, is_managed).selected == Some(true)
    }

    /// Whether an object is in it, and why, as far as what is known of it tells.
    pub fn judge(&self, subject: &Candidate<'_>, is_managed: impl FnOnce() -> bool) -> Verdict<'_> {
        if !self.namespaces.contains(subject.namespace) {
            return Verdict::out(Because::OtherNamespace);
        }
        let verdict = self.filter.judge(subject);
        if verdict.selected == Some(false) || subject.object.is_none() {
            return verdict;
        }
        let is_wanted = match self.managed {
            Managed::All => true,
            Managed::Greenfield => is_managed(),
            Managed::Brownfield => !is_managed(),
        };
        if is_wanted {
            verdict
        } else {
            Verdict::out(Because::Origin)
        }
    }

    /// The one namespace whose objects can be in it, where it is only one.
    pub fn only_namespace(&self) -> Option<&str> {
        if let Some(only) = self.namespaces.only_one() {
            return Some(only);
        }
        let mut admit = self.filter.admit.iter().flatten().map(|resolved| {
            let namespaces = resolved.rule.conditions.namespaces.as_ref();
            namespaces.and_then(|glob| glob.exact())
        });
        let first = admit.next()??;
        admit.all(|other| other == Some(first)).then_some(first)
    }

    /// Whether what is known of namespaces decides what is in it.
    pub fn follows_namespaces(&self) -> bool {
        self.filter.follows_namespaces()
    }

    /// What it takes to get from here to `next`.
    pub fn step(&self, next: &Self) -> Step {
        let same_rules = (&self.namespaces, self.managed, &self.depth, &self.pushed)
            == (&next.namespaces, next.managed, &next.depth, &next.pushed)
            && self.filter.has_rules_of(&next.filter);
        if !same_rules {
            return Step::Other;
        }
        if self.filter == next.filter {
            return Step::Same;
        }
        match self.filter.grown(&next.filter) {
            grown if grown.is_empty() => Step::Narrower,
            grown => Step::Wider(grown),
        }
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
    /// What is observed of a resource, if it is observed at all, where nothing is known of
    /// namespaces.
    pub fn view(&self, resource: &Resource) -> View {
        self.view_in(resource, &Namespaces::default())
    }

    /// What is observed of a resource, if it is observed at all.
    pub fn view_in(&self, resource: &Resource, namespaces: &Namespaces) -> View {
        let event_rule = self
            .events
            .iter()
            .find(|rule| rule.pattern.matches(resource));
        let rules = self.rules(resource);
        let opt_out = self.opt_out == OptOut::Honoured;
        let resolve = |rules: &[&super::Rule]| -> Vec<Resolved> {
            let rules = rules.iter();
            rules.map(|rule| Resolved::new(rule, namespaces)).collect()
        };
        let mut filter = Filter {
            opt_out,
            reject: resolve(&rules.reject),
            admit: rules.admit.as_deref().map(resolve),
            ..Filter::default()
        };
        if resource.namespaced {
            if opt_out {
                filter.ignored = Arc::clone(namespaces.ignored());
            }
            let labels = self.namespaces.labels();
            filter.labelled = labels.map(|it| (it.clone(), namespaces.labelled(it)));
        }
        View {
            namespaces: if resource.namespaced {
                self.namespaces.clone()
            } else {
                NamespaceSelection::all()
            },
            managed: self.managed,
            events: event_rule.map(|rule| rule.events).unwrap_or_default(),
            depth: self.depth.of(resource),
            pushed: pushed(&rules),
            filter: Arc::new(filter),
        }
    }

    /// Whether what is known of namespaces decides what is observed.
    pub fn follows_namespaces(&self) -> bool {
        let by_labels = |rule: &super::Rule| rule.conditions.namespace_labels.is_some();
        let rules = [&self.include, &self.exclude, &self.also];
        self.opt_out == OptOut::Honoured
            || self.namespaces.labels().is_some()
            || rules.into_iter().flatten().any(by_labels)
    }
}

/// What cannot be asked of the server is not observed, so that it does not matter.
fn pushed(rules: &Rules<'_>) -> Pushed {
    Pushed::new(rules).unwrap_or_default()
}
