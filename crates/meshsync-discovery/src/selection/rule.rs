//! One rule: resources, and conditions on their objects.

use std::fmt;
use std::str::FromStr;

use globset::GlobMatcher;
use meshsync_model::{Object, Resource};
use thiserror::Error;

use super::{
    Expression, ExpressionError, FieldSelector, FieldSelectorError, LabelSelector,
    LabelSelectorError, Pattern, PatternError, grammar,
};

/// Resources, and conditions that their objects have to meet, all of them.
///
/// The same text in options, files and Rust:
///
/// ```text
/// PATTERN[@NAMESPACES] [name=GLOB] [labels=SELECTOR] [fields=SELECTOR] [namespaceLabels=SELECTOR] [cel=EXPRESSION]
/// ```
///
/// | condition | holds for objects | evaluated |
/// |---|---|---|
/// | `@shop`, `@team-*` | of namespaces of that name | here |
/// | `name=web-*` | of that name | here; by the server where it is written out |
/// | `labels=app=web,!canary` | with such labels | by the server where it can, and here |
/// | `fields=status.phase=Running` | with such fields | by the server alone |
/// | `namespaceLabels=team=a` | of namespaces with such labels, which are followed | here |
/// | `cel=metadata.name.startsWith("a")` | for which the [`Expression`] is true; goes last | here |
///
/// Conditions on namespaces hold for no object of cluster scope.
///
/// ```
/// # use meshsync_discovery::Rule;
/// let rule: Rule = "pods@team-* labels=app in (web, api)".parse()?;
/// assert!(rule.has_conditions());
/// assert_eq!(rule.pattern().as_str(), "pods");
/// # Ok::<(), meshsync_discovery::RuleError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    text: String,
    pattern: Pattern,
    pub(super) conditions: Conditions,
}

/// What an object has to meet; nothing where all are `None`.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    pub(super) namespaces: Option<NameGlob>,
    pub(super) name: Option<NameGlob>,
    pub(super) labels: Option<LabelSelector>,
    pub(super) fields: Option<FieldSelector>,
    pub(super) namespace_labels: Option<LabelSelector>,
    pub(super) expression: Option<Expression>,
}

/// A name that is written out, or a glob over names.
#[derive(Clone, Debug)]
pub(super) enum NameGlob {
    Exact(String),
    Glob(String, GlobMatcher),
}

/// What is known of an object: all of it, or what its place tells.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its resource.
    pub resource: &'a Resource,
    /// Its namespace; none for an object of cluster scope.
    pub namespace: Option<&'a str>,
    /// Its name, where it is known.
    pub name: Option<&'a str>,
    /// The object, where it is known.
    pub object: Option<&'a Object<'a>>,
}

/// Why a text is no [`Rule`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// Its resources cannot be told.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A condition that there is not.
    #[error(
        "rule {rule:?}: {condition:?} is no condition; behind the resources stand name=, labels=, \
         fields=, namespaceLabels= or cel="
    )]
    Condition {
        /// The rule.
        rule: String,
        /// The text.
        condition: String,
    },
    /// A condition that is given twice.
    #[error("rule {rule:?}: {condition}= is given twice; write one, or two rules")]
    Twice {
        /// The rule.
        rule: String,
        /// The condition.
        condition: &'static str,
    },
    /// A name that cannot be one.
    #[error("rule {rule:?}: {name:?} is no name or glob such as kube-*")]
    Name {
        /// The rule.
        rule: String,
        /// The text.
        name: String,
    },
    /// A label selector that is none.
    #[error("rule {rule:?}: {problem}")]
    Labels {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        problem: LabelSelectorError,
    },
    /// A field selector that is none.
    #[error("rule {rule:?}: {problem}")]
    Fields {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        problem: FieldSelectorError,
    },
    /// An expression that is none.
    #[error("rule {rule:?}: {problem}")]
    Expression {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        problem: ExpressionError,
    },
}

impl Rule {
    /// The text it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The resources it speaks of.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Whether it speaks of some of their objects only.
    pub fn has_conditions(&self) -> bool {
        let Conditions {
            namespaces,
            name,
            labels,
            fields,
            namespace_labels,
            expression,
        } = &self.conditions;
        namespaces.is_some()
            || name.is_some()
            || labels.is_some()
            || fields.is_some()
            || namespace_labels.is_some()
            || expression.is_some()
    }

    /// Whether it speaks of objects of the resource: none of cluster scope where it has a
    /// condition on namespaces.
    pub fn matches(&self, resource: &Resource) -> bool {
        self.pattern.matches(resource) && self.can_hold(resource)
    }

    /// As [`Pattern::names`].
    pub fn names(&self, resource: &Resource) -> bool {
        self.pattern.names(resource) && self.can_hold(resource)
    }

    fn can_hold(&self, resource: &Resource) -> bool {
        let conditions = &self.conditions;
        resource.namespaced
            || (conditions.namespaces.is_none() && conditions.namespace_labels.is_none())
    }

    /// Whether its conditions hold, as far as that can be told; `in_labelled` says whether the
    /// namespace has the labels asked for. What the server evaluates is taken to hold.
    pub(super) fn holds(
        &self,
        subject: &Candidate<'_>,
        in_labelled: impl FnOnce(&str) -> bool,
    ) -> Option<bool> {
        let conditions = &self.conditions;
        if let Some(glob) = &conditions.namespaces
            && !subject.namespace.is_some_and(|name| glob.matches(name))
        {
            return Some(false);
        }
        if conditions.namespace_labels.is_some() && !subject.namespace.is_some_and(in_labelled) {
            return Some(false);
        }
        let mut unknown = false;
        if let Some(glob) = &conditions.name {
            match subject.name {
                Some(name) if !glob.matches(name) => return Some(false),
                Some(_) => {}
                None => unknown = true,
            }
        }
        let Some(object) = subject.object else {
            unknown |= conditions.labels.is_some()
                || conditions.fields.is_some()
                || conditions.expression.is_some();
            return (!unknown).then_some(true);
        };
        if let Some(labels) = &conditions.labels
            && !labels.matches(|key| label(object, key))
        {
            return Some(false);
        }
        match &conditions.expression {
            Some(expression) => Some(expression.holds(subject.resource, object)),
            None => (!unknown).then_some(true),
        }
    }
}

fn label<'a>(object: &Object<'a>, key: &str) -> Option<std::borrow::Cow<'a, str>> {
    let mut labels = object.labels();
    labels.find(|(name, _)| name == key).map(|(_, value)| value)
}

impl NameGlob {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let matcher = grammar::glob(text)?;
        Some(if grammar::is_glob(text) {
            Self::Glob(text.to_owned(), matcher)
        } else {
            Self::Exact(text.to_owned())
        })
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Glob(_, glob) => glob.is_match(name),
        }
    }

    /// The name, where it is written out.
    pub(super) fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(name) => Some(name),
            Self::Glob(..) => None,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Glob(text, _) => text,
        }
    }
}

impl PartialEq for NameGlob {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for NameGlob {}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Rule {}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Pattern> for Rule {
    fn from(pattern: Pattern) -> Self {
        Self {
            text: pattern.to_string(),
            pattern,
            conditions: Conditions::default(),
        }
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (what, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let (pattern, namespaces) = match what.split_once('@') {
            None => (what, None),
            Some((pattern, glob)) => (pattern, Some(name_glob(text, glob)?)),
        };
        let pattern = pattern.parse()?;
        let conditions = Conditions {
            namespaces,
            ..Conditions::default()
        };
        let mut rule = Self {
            text: text.to_owned(),
            pattern,
            conditions,
        };
        let mut rest = rest.trim();
        while !rest.is_empty() {
            rest = rule.condition(rest)?;
        }
        Ok(rule)
    }
}

const CONDITIONS: [&str; 5] = ["name", "labels", "fields", "namespaceLabels", "cel"];

impl Rule {
    /// Takes one condition and returns what follows it.
    fn condition<'a>(&mut self, text: &'a str) -> Result<&'a str, RuleError> {
        let rule = self.text.clone();
        let known = |key: &&str| text.split_once('=').is_some_and(|(name, _)| name == *key);
        let Some(key) = CONDITIONS.into_iter().find(known) else {
            let condition = text.split_whitespace().next().unwrap_or(text).to_owned();
            return Err(RuleError::Condition { rule, condition });
        };
        let value = &text[key.len() + 1..];
        // An expression may hold anything, so it is the last.
        let end = if key == "cel" {
            value.len()
        } else {
            end(value)
        };
        let (value, rest) = (value[..end].trim(), value[end..].trim());
        let conditions = &mut self.conditions;
        let twice = match key {
            "name" => {
                let name = name_glob(&rule, value)?;
                conditions.name.replace(name).is_some()
            }
            "labels" | "namespaceLabels" => {
                let selector = value.parse::<LabelSelector>();
                let selector = selector.map_err(|problem| RuleError::Labels {
                    rule: rule.clone(),
                    problem,
                })?;
                let to = match key {
                    "labels" => &mut conditions.labels,
                    _ => &mut conditions.namespace_labels,
                };
                to.replace(selector).is_some()
            }
            "fields" => {
                let selector = value.parse::<FieldSelector>();
                let selector = selector.map_err(|problem| RuleError::Fields {
                    rule: rule.clone(),
                    problem,
                })?;
                conditions.fields.replace(selector).is_some()
            }
            _ => {
                let expression = Expression::parse(value);
                let expression = expression.map_err(|problem| RuleError::Expression {
                    rule: rule.clone(),
                    problem,
                })?;
                conditions.expression.replace(expression).is_some()
            }
        };
        if twice {
            let condition = key;
            return Err(RuleError::Twice { rule, condition });
        }
        Ok(rest)
    }
}

/// Where the value of a condition ends: before the next one.
fn end(text: &str) -> usize {
    let starts = |at: usize| {
        let rest = text[at..].trim_start();
        let key = rest.split_once('=').map(|(key, _)| key);
        key.is_some_and(|key| CONDITIONS.contains(&key))
    };
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            // Behind a comma the same selector goes on.
            _ if character.is_whitespace() && depth == 0 && before != ',' && starts(at) => {
                return at;
            }
            _ => {}
        }
        if !character.is_whitespace() {
            before = character;
        }
    }
    text.len()
}

fn name_glob(rule: &str, name: &str) -> Result<NameGlob, RuleError> {
    NameGlob::parse(name).ok_or_else(|| RuleError::Name {
        rule: rule.to_owned(),
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(text: &str) -> String {
        let rule: Rule = text.parse().unwrap();
        let Conditions {
            namespaces,
            name,
            labels,
            fields,
            namespace_labels,
            expression,
        } = &rule.conditions;
        let glob = |glob: &Option<NameGlob>| glob.as_ref().map(|glob| glob.as_str().to_owned());
        let parts = [
            Some(rule.pattern.to_string()),
            glob(namespaces),
            glob(name),
            labels.as_ref().map(ToString::to_string),
            fields.as_ref().map(ToString::to_string),
            namespace_labels.as_ref().map(ToString::to_string),
            expression.as_ref().map(|it| it.as_str().to_owned()),
        ];
        parts
            .map(|part| part.unwrap_or_else(|| "-".into()))
            .join(" | ")
    }

    #[test]
    fn conditions_stand_in_any_order_behind_the_resources() {
        let check = |text, expected: &str| assert_eq!(conditions(text), expected, "{text}");
        check("pods", "pods | - | - | - | - | - | -");
        check(
            "apps/v1/Deployment@a-*",
            "apps/v1/Deployment | a-* | - | - | - | - | -",
        );
        check(
            " pods  fields=a=b, c!=d   labels=x in (a, b), name=n name=web ",
            "pods | - | web | x in (a,b),name=n | a=b,c!=d | - | -",
        );
        check("*@a namespaceLabels=t=1", "* | a | - | - | - | t=1 | -");
    }

    #[cfg(feature = "cel")]
    #[test]
    fn an_expression_goes_on_to_the_end() {
        assert_eq!(
            conditions("pods name=a cel=metadata.name == \"x labels=y\""),
            "pods | - | a | - | - | - | metadata.name == \"x labels=y\""
        );
    }

    #[test]
    fn what_a_rule_cannot_mean_is_said() {
        let error = |text: &str| text.parse::<Rule>().unwrap_err().to_string();
        assert!(error("").contains("it is empty"));
        assert!(error("pods.v1 name=a").contains("write \"pods.v1.\""));
        assert!(error("pods app=web").contains("\"app=web\" is no condition"));
        assert!(error("pods labels").contains("\"labels\" is no condition"));
        assert!(error("pods@{ name=a").contains("\"{\" is no name"));
        assert!(error("pods labels=a= =").contains("value of a label"));
        assert!(error("pods fields=a").contains("is no field selector"));
        assert!(error("pods name=a name=b").contains("name= is given twice"));
    }
}
