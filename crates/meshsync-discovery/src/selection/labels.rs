//! Label selectors, as Kubernetes writes them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Requirements on labels; all of them have to hold.
///
/// Written as Kubernetes writes them: `app=web,tier!=cache`, `env in (dev,test)`,
/// `env notin (prod)`, `canary`, `!canary`. `!=` and `notin` hold where the label is missing.
///
/// ```
/// # use std::collections::BTreeMap;
/// # use meshsync_discovery::LabelSelector;
/// let selector: LabelSelector = "app in (web, api), !canary".parse()?;
/// let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
/// assert!(selector.matches(|key| labels.get(key).map(|value| value.as_str().into())));
/// assert_eq!(selector.to_string(), "app in (api,web),!canary");
/// # Ok::<(), meshsync_discovery::LabelSelectorError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    pub(super) requirements: Vec<LabelRequirement>,
}

/// One requirement on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LabelRequirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Exists,
    Absent,
}

/// A text that is no [`LabelSelector`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} is no label selector: {problem}; write them as in app=web,env in (dev,test),!canary"
)]
pub struct LabelSelectorError {
    /// The text of the requirement.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl LabelSelector {
    /// Whether labels meet it; `value` gives the value of a label, where there is one.
    pub fn matches<'a>(&self, value: impl Fn(&str) -> Option<Cow<'a, str>>) -> bool {
        self.requirements
            .iter()
            .all(|requirement| requirement.holds(value(&requirement.key).as_deref()))
    }
}

impl LabelRequirement {
    fn holds(&self, value: Option<&str>) -> bool {
        match (&self.test, value) {
            (Test::In(values), Some(value)) => values.contains(value),
            (Test::In(_), None) | (Test::Exists, None) | (Test::Absent, Some(_)) => false,
            (Test::NotIn(values), Some(value)) => !values.contains(value),
            (Test::NotIn(_) | Test::Absent, None) | (Test::Exists, Some(_)) => true,
        }
    }

    /// What holds just where this does not.
    pub(super) fn negated(&self) -> Self {
        Self {
            key: self.key.clone(),
            test: match &self.test {
                Test::In(values) => Test::NotIn(values.clone()),
                Test::NotIn(values) => Test::In(values.clone()),
                Test::Exists => Test::Absent,
                Test::Absent => Test::Exists,
            },
        }
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for LabelRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        let (one, many, values) = match &self.test {
            Test::Exists => return f.write_str(key),
            Test::Absent => return write!(f, "!{key}"),
            Test::In(values) => ("=", "in", values),
            Test::NotIn(values) => ("!=", "notin", values),
        };
        match values.first() {
            Some(value) if values.len() == 1 => write!(f, "{key}{one}{value}"),
            _ => {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                write!(f, "{key} {many} ({})", values.join(","))
            }
        }
    }
}

impl FromStr for LabelSelector {
    type Err = LabelSelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let requirements = split(text).map(requirement).collect::<Result<_, _>>()?;
        Ok(Self { requirements })
    }
}

/// The parts between commas that stand in no parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    text.split(move |character| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        character == ',' && depth == 0
    })
}

fn requirement(text: &str) -> Result<LabelRequirement, LabelSelectorError> {
    let text = text.trim();
    let wrong = |problem| LabelSelectorError {
        text: text.to_owned(),
        problem,
    };
    let (key, test) = if let Some((key, values)) = text.split_once('(') {
        let values = values
            .strip_suffix(')')
            .ok_or_else(|| wrong("the list of values has no end"))?;
        let values: BTreeSet<String> = values.split(',').map(|v| v.trim().to_owned()).collect();
        match key.trim().rsplit_once(char::is_whitespace) {
            Some((key, "in")) => (key, Test::In(values)),
            Some((key, "notin")) => (key, Test::NotIn(values)),
            _ => return Err(wrong("before a list of values stands in or notin")),
        }
    } else if let Some((key, value)) = text.split_once("!=") {
        (key, Test::NotIn(BTreeSet::from([value.trim().to_owned()])))
    } else if let Some((key, value)) = text.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        (key, Test::In(BTreeSet::from([value.trim().to_owned()])))
    } else if let Some(key) = text.strip_prefix('!') {
        (key, Test::Absent)
    } else {
        (text, Test::Exists)
    };
    let key = key.trim();
    if !is_key(key) {
        return Err(wrong("this cannot be the key of a label"));
    }
    if let Test::In(values) | Test::NotIn(values) = &test
        && !values.iter().all(|value| is_value(value))
    {
        return Err(wrong("this cannot be the value of a label"));
    }
    Ok(LabelRequirement {
        key: key.to_owned(),
        test,
    })
}

/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>.
fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').unwrap_or(("x", key));
    let is_prefix = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    !name.is_empty()
        && is_value(name)
        && !prefix.is_empty()
        && prefix.len() <= 253
        && prefix.bytes().all(is_prefix)
}

fn is_value(value: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_outer = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    value.len() <= 63
        && value.bytes().all(is_inner)
        && is_outer(value.bytes().next())
        && is_outer(value.bytes().last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(selector: &str, labels: &str, expected: bool) {
        let selector: LabelSelector = selector.parse().unwrap();
        let value = |key: &str| {
            let mut labels = labels.split(',').filter_map(|label| label.split_once('='));
            let found = labels.find(|(name, _)| *name == key);
            found.map(|(_, value)| Cow::Borrowed(value))
        };
        assert_eq!(selector.matches(value), expected);
        // What is sent means the same.
        let again: LabelSelector = selector.to_string().parse().unwrap();
        assert_eq!(again, selector);
        for requirement in &selector.requirements {
            let value = value(&requirement.key);
            let value = value.as_deref();
            assert_ne!(requirement.holds(value), requirement.negated().holds(value));
        }
    }

    #[test]
    fn requirements_hold_as_kubernetes_says() {
        check("", "a=1", true);
        check("a=1", "a=1", true);
        check("a==1", "a=2", false);
        check("a!=1", "", true);
        check("a!=1", "a=1", false);
        check("a in (1, 2),b", "a=2,b=", true);
        check("a in (1,2)", "", false);
        check("a notin (1,2)", "", true);
        check("a notin (1,2)", "a=2", false);
        check("!a", "a=1", false);
        check("!a,x.io/b=", "x.io/b=", true);
    }

    #[test]
    fn what_cannot_be_a_selector_is_said() {
        let error = |text: &str| text.parse::<LabelSelector>().unwrap_err().to_string();
        assert!(error("a in (b").contains("has no end"));
        assert!(error("a of (b)").contains("stands in or notin"));
        assert!(error("a=b c").contains("value of a label"));
        assert!(error("a b").contains("key of a label"));
        assert!(error(",a").contains("key of a label"));
    }
}
