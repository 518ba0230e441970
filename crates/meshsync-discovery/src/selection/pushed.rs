//! What of a selection the server evaluates.

use super::fields::{FieldRequirement, FieldSelector};
use super::labels::{LabelRequirement, LabelSelector};
use super::rule::Conditions;
use super::{Rule, select::Rules};

/// Selectors that the lists and watches of one resource are asked with.
///
/// A list or watch has one of each, so only that can be asked for which every included object has
/// to meet, and what the exclusion of objects by one requirement alone leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Pushed {
    /// The label selector, where there is one.
    pub fn labels(&self) -> Option<String> {
        (!self.labels.requirements.is_empty()).then(|| self.labels.to_string())
    }

    /// The field selector, where there is one.
    pub fn fields(&self) -> Option<String> {
        (!self.fields.requirements.is_empty()).then(|| self.fields.to_string())
    }

    /// Whether there is any.
    pub fn is_empty(&self) -> bool {
        self.labels.requirements.is_empty() && self.fields.requirements.is_empty()
    }

    /// What can be asked for, or the rule with fields that cannot.
    pub(super) fn new<'a>(rules: &Rules<'a>) -> Result<Self, &'a Rule> {
        let mut pushed = Self::default();
        let mut admit = rules.admit.iter().flatten();
        if let Some(first) = admit.next() {
            let others: Vec<&Rule> = admit.copied().collect();
            let labels = labels(first).iter();
            let is_common = |requirement: &&LabelRequirement| {
                others
                    .iter()
                    .all(|rule| self::labels(rule).contains(requirement))
            };
            let labels = labels.filter(is_common).cloned();
            pushed.labels.requirements.extend(labels);
            let fields = fields(first);
            let is_common = |requirement: &&FieldRequirement| {
                others
                    .iter()
                    .all(|rule| self::fields(rule).contains(requirement))
            };
            pushed.fields.requirements = fields.iter().filter(is_common).cloned().collect();
        }
        for rule in rules.admit.iter().flatten() {
            let asked = &pushed.fields.requirements;
            let by_server = rule
                .conditions
                .fields
                .iter()
                .flat_map(|it| &it.requirements);
            if by_server.clone().any(|field| !asked.contains(field)) {
                return Err(rule);
            }
        }
        for rule in &rules.reject {
            match alone(&rule.conditions) {
                Some(Alone::Label(label)) => pushed.labels.requirements.push(label.negated()),
                Some(Alone::Field(field)) => pushed.fields.requirements.push(field.negated()),
                None if rule.conditions.fields.is_some() => return Err(rule),
                None => {}
            }
        }
        Ok(pushed)
    }
}

fn labels(rule: &Rule) -> &[LabelRequirement] {
    let labels = rule.conditions.labels.as_ref();
    labels.map_or(&[], |labels| labels.requirements.as_slice())
}

/// Fields that a rule asks for, the name included.
fn fields(rule: &Rule) -> Vec<FieldRequirement> {
    let name = rule.conditions.name.as_ref().and_then(|name| name.exact());
    let name = name.map(|name| FieldRequirement {
        path: "metadata.name".to_owned(),
        value: name.to_owned(),
        equal: true,
    });
    let fields = rule.conditions.fields.iter();
    let fields = fields.flat_map(|fields| fields.requirements.iter().cloned());
    name.into_iter().chain(fields).collect()
}

enum Alone<'a> {
    Label(&'a LabelRequirement),
    Field(&'a FieldRequirement),
}

/// The one requirement there is, where there is no other condition.
fn alone(conditions: &Conditions) -> Option<Alone<'_>> {
    let Conditions {
        namespaces: None,
        name: None,
        labels,
        fields,
        namespace_labels: None,
        expression: None,
    } = conditions
    else {
        return None;
    };
    let labels = labels.as_ref().map(|labels| labels.requirements.as_slice());
    let fields = fields.as_ref().map(|fields| fields.requirements.as_slice());
    match (labels, fields) {
        (Some([label]), None) => Some(Alone::Label(label)),
        (None, Some([field])) => Some(Alone::Field(field)),
        _ => None,
    }
}
