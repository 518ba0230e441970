//! Label and field selectors.

use serde_json::Value;

use super::Status;

/// A parsed `labelSelector`; every requirement must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

impl LabelSelector {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Status> {
        split_outside_parentheses(text)
            .into_iter()
            .map(requirement)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether labels, looked up by key, satisfy the selector.
    pub(crate) fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => {
                label(key).is_some_and(|v| values.iter().any(|w| w == v))
            }
            Requirement::NotIn(key, values) => {
                label(key).is_none_or(|v| values.iter().all(|w| w != v))
            }
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
        })
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0usize);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

fn requirement(part: &str) -> Result<Requirement, Status> {
    let owned = |s: &str| s.trim().to_owned();
    if let Some((key, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(owned(key), vec![owned(value)]));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement::In(owned(key), vec![owned(value)]));
    }
    if let Some((head, list)) = part.split_once('(') {
        let Some(list) = list.trim_end().strip_suffix(')') else {
            return Err(unparsable(part));
        };
        let values = list.split(',').map(owned).collect();
        let mut words = head.split_whitespace();
        return match (words.next(), words.next()) {
            (Some(key), Some("in")) => Ok(Requirement::In(key.to_owned(), values)),
            (Some(key), Some("notin")) => Ok(Requirement::NotIn(key.to_owned(), values)),
            _ => Err(unparsable(part)),
        };
    }
    match part.strip_prefix('!') {
        Some(key) => Ok(Requirement::Absent(owned(key))),
        None if part.contains(char::is_whitespace) => Err(unparsable(part)),
        None => Ok(Requirement::Exists(owned(part))),
    }
}

fn unparsable(part: &str) -> Status {
    Status::bad_request(format!(
        "unable to parse requirement: found {part:?}, expected: in, notin, =, ==, !=, or a key"
    ))
}

/// A parsed `fieldSelector`: equalities and inequalities of dotted paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSelector(Vec<FieldTerm>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldTerm {
    pub(crate) path: String,
    pub(crate) value: String,
    pub(crate) equal: bool,
}

impl FieldSelector {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Status> {
        let terms = text
            .split(',')
            .map(str::trim)
            .filter(|term| !term.is_empty())
            .map(|term| {
                let (path, value, equal) = if let Some((path, value)) = term.split_once("!=") {
                    (path, value, false)
                } else if let Some((path, value)) =
                    term.split_once("==").or_else(|| term.split_once('='))
                {
                    (path, value, true)
                } else {
                    return Err(Status::bad_request(format!(
                        "invalid selector: {term:?}; can't understand {term:?}"
                    )));
                };
                Ok(FieldTerm {
                    path: path.to_owned(),
                    value: value.to_owned(),
                    equal,
                })
            });
        terms.collect::<Result<_, _>>().map(Self)
    }

    /// Name and namespace are checked first; `body` is parsed only for other paths.
    pub(crate) fn matches(&self, namespace: &str, name: &str, body: impl Fn() -> Value) -> bool {
        let mut parsed = None;
        self.0.iter().all(|term| {
            let actual = match term.path.as_str() {
                "metadata.name" => name.to_owned(),
                "metadata.namespace" => namespace.to_owned(),
                path => text_at(parsed.get_or_insert_with(&body), path),
            };
            (actual == term.value) == term.equal
        })
    }
}

/// The value at a dotted path as the server prints it; absent is the empty string.
fn text_at(value: &Value, path: &str) -> String {
    let found = path
        .split('.')
        .try_fold(value, |value, step| value.get(step));
    match found {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(selector: &str, expected: bool) {
        let labels = [("app", "web"), ("tier", "front")];
        let label = |key: &str| labels.iter().find(|(k, _)| *k == key).map(|(_, v)| *v);
        assert_eq!(
            LabelSelector::parse(selector).unwrap().matches(label),
            expected,
            "{selector}"
        );
    }

    #[test]
    fn label_selectors_follow_the_documented_grammar() {
        check("", true);
        check("app=web", true);
        check("app==web,tier=front", true);
        check("app!=web", false);
        check("other!=x", true);
        check("app in (web, api),tier notin (back)", true);
        check("app notin (web)", false);
        check("tier", true);
        check("!tier", false);
        check("!missing", true);
        assert!(LabelSelector::parse("app what (x)").is_err());
    }

    #[test]
    fn field_selectors_reach_any_path() {
        let body = || serde_json::json!({"spec": {"nodeName": "n1", "replicas": 2}});
        let check = |text: &str| {
            FieldSelector::parse(text)
                .unwrap()
                .matches("ns", "pod", body)
        };
        assert!(check(
            "metadata.name=pod,metadata.namespace=ns,spec.nodeName=n1"
        ));
        assert!(check("spec.replicas=2,status.phase=,metadata.name!=x"));
        assert!(!check("spec.nodeName!=n1"));
        assert!(FieldSelector::parse("nonsense").is_err());
    }
}
