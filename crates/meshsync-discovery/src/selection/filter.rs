//! The objects of one resource that are selected.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::facts::opts_out;
use super::{Because, Candidate, LabelSelector, Namespaces, Rule, Verdict};

/// Which objects of one resource are selected, by rules, opt-out and labels of namespaces.
/// The default selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// Whether objects may opt out.
    pub(super) opt_out: bool,
    /// Namespaces that opted out.
    pub(super) ignored: Arc<BTreeSet<String>>,
    /// Namespaces that are wanted by their labels.
    pub(super) labelled: Option<(LabelSelector, BTreeSet<String>)>,
    /// What is excluded.
    pub(super) reject: Vec<Resolved>,
    /// What is included, where not everything is.
    pub(super) admit: Option<Vec<Resolved>>,
}

/// A rule, and the namespaces that have the labels it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) rule: Rule,
    labelled: BTreeSet<String>,
}

impl Resolved {
    pub(super) fn new(rule: &Rule, namespaces: &Namespaces) -> Self {
        let labels = rule.conditions.namespace_labels.as_ref();
        Self {
            rule: rule.clone(),
            labelled: labels
                .map(|labels| namespaces.labelled(labels))
                .unwrap_or_default(),
        }
    }

    fn holds(&self, subject: &Candidate<'_>) -> Option<bool> {
        self.rule
            .holds(subject, |namespace| self.labelled.contains(namespace))
    }
}

impl Filter {
    /// Whether an object is selected, and why.
    pub(super) fn judge(&self, subject: &Candidate<'_>) -> Verdict<'_> {
        if self.opt_out && subject.object.is_some_and(opts_out) {
            return Verdict::out(Because::OptedOut);
        }
        if let Some(namespace) = subject.namespace {
            if self.ignored.contains(namespace) {
                return Verdict::out(Because::NamespaceOptedOut);
            }
            if let Some((selector, wanted)) = &self.labelled
                && !wanted.contains(namespace)
            {
                return Verdict::out(Because::NamespaceLabels(selector));
            }
        }
        let mut undecided = None;
        for resolved in &self.reject {
            match resolved.holds(subject) {
                // It is pushed: what the server sends is not what it excludes.
                Some(true) if resolved.rule.conditions.fields.is_some() => {}
                Some(true) => return Verdict::out(Because::Excluded(&resolved.rule)),
                Some(false) => {}
                None => undecided = undecided.or(Some(&resolved.rule)),
            }
        }
        let included = match &self.admit {
            None => Verdict::selected(Because::Everything),
            Some(admit) => included(admit, subject),
        };
        match (undecided, included.selected) {
            (None, _) | (_, Some(false)) => included,
            (Some(rule), _) => Verdict::undecided(rule),
        }
    }

    /// Whether it depends on anything that is known of namespaces.
    pub(super) fn follows_namespaces(&self) -> bool {
        let by_labels = |resolved: &Resolved| resolved.rule.conditions.namespace_labels.is_some();
        self.opt_out
            || self.labelled.is_some()
            || self.reject.iter().any(by_labels)
            || self.admit.iter().flatten().any(by_labels)
    }

    /// Whether another has the same rules, whatever is known of namespaces.
    pub(super) fn has_rules_of(&self, other: &Self) -> bool {
        let rules = |list: &[Resolved]| -> Vec<Rule> {
            list.iter().map(|resolved| resolved.rule.clone()).collect()
        };
        let selector = |filter: &Self| {
            filter
                .labelled
                .as_ref()
                .map(|(selector, _)| selector.clone())
        };
        self.opt_out == other.opt_out
            && selector(self) == selector(other)
            && rules(&self.reject) == rules(&other.reject)
            && self.admit.as_deref().map(rules) == other.admit.as_deref().map(rules)
    }

    /// The namespaces of which `next`, with the same rules, may select more.
    pub(super) fn grown(&self, next: &Self) -> Vec<String> {
        let mut grown: BTreeSet<&String> = self.ignored.difference(&next.ignored).collect();
        if let (Some((_, old)), Some((_, new))) = (&self.labelled, &next.labelled) {
            grown.extend(new.difference(old));
        }
        for (old, new) in self.reject.iter().zip(&next.reject) {
            grown.extend(old.labelled.difference(&new.labelled));
        }
        let admits = self.admit.iter().flatten().zip(next.admit.iter().flatten());
        for (old, new) in admits {
            grown.extend(new.labelled.difference(&old.labelled));
        }
        grown.into_iter().cloned().collect()
    }
}

fn included<'a>(admit: &'a [Resolved], subject: &Candidate<'_>) -> Verdict<'a> {
    let mut undecided = None;
    for resolved in admit {
        match resolved.holds(subject) {
            Some(true) => return Verdict::selected(Because::Included(&resolved.rule)),
            Some(false) => {}
            None => undecided = undecided.or(Some(&resolved.rule)),
        }
    }
    match undecided {
        Some(rule) => Verdict::undecided(rule),
        None => Verdict::out(Because::NotIncluded),
    }
}
