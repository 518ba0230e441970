//! What our custom resource says: those keys of a file that can change while running.

use serde_saphyr::Spanned;

use super::Config;
use super::document::{self, Node};
use super::resolve::{self, KEYS, LIVE};

impl Config {
    /// Reads the `spec` of our custom resource, as JSON; `null` says nothing.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, each with the path of the field.
    pub(crate) fn of_spec(spec: &str) -> Result<Self, Vec<String>> {
        let mut config = Self::default();
        // JSON is YAML.
        let entries = match document::parse(spec).map(|document| document.value) {
            Ok(Node::Null) => return Ok(config),
            Ok(Node::Map(entries)) => entries,
            Ok(other) => return Err(vec![format!("spec: it is {}, not an object", other.name())]),
            Err(problem) => return Err(vec![format!("spec: {}", problem.message)]),
        };
        let mut problems = Vec::new();
        for (key, value) in entries {
            let name = key.value.as_str();
            if !LIVE.contains(&name) && KEYS.contains(&name) {
                problems.push(format!(
                    "spec.{name}: it cannot change while running: write it into the configuration \
                     file"
                ));
                continue;
            }
            let (said, wrong) = resolve::entry(config, name, &value);
            config = said;
            if !LIVE.contains(&name) {
                let wrong = wrong.into_iter();
                problems.extend(wrong.map(|problem| format!("spec: {}", problem.message)));
                continue;
            }
            match value.value {
                Node::List(items) if resolve::is_list(name) => {
                    problems.extend(of_items(name, items));
                }
                _ => {
                    let wrong = wrong.into_iter();
                    problems
                        .extend(wrong.map(|problem| format!("spec.{name}: {}", problem.message)));
                }
            }
        }
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(problems)
        }
    }
}

/// What is wrong with each entry of a list.
fn of_items(key: &str, items: Vec<Spanned<Node>>) -> Vec<String> {
    let mut problems = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let place = item.referenced;
        let alone = Spanned::new(Node::List(vec![item]), place, place);
        let (_, wrong) = resolve::entry(Config::default(), key, &alone);
        let wrong = wrong.into_iter();
        problems.extend(wrong.map(|problem| format!("spec.{key}[{at}]: {}", problem.message)));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_a_file_is() {
        let spec = r#"{"include":["pods","services"],"depth":"standard","tiers":["pods=detail"]}"#;
        let yaml = "include: [pods, services]\ndepth: standard\ntiers: ['pods=detail']\n";
        assert_eq!(
            Config::of_spec(spec).unwrap(),
            Config::parse(yaml, "f").unwrap()
        );
        assert_eq!(Config::of_spec("null").unwrap(), Config::default());
        assert_eq!(Config::of_spec("{}").unwrap(), Config::default());
    }

    #[test]
    fn everything_that_is_wrong_is_said_with_its_path() {
        let check = |spec: &str, expected: &[&str]| {
            let problems = Config::of_spec(spec).unwrap_err();
            assert_eq!(problems.len(), expected.len(), "{problems:?}");
            for (problem, expected) in problems.iter().zip(expected) {
                assert!(problem.contains(expected), "{problem}: {expected}");
            }
        };
        check(
            r#"{"include":["pods","a.b c"],"depth":"deep","sinks":["stdout:"],"exclud":[]}"#,
            &[
                "spec.include[1]: ",
                "spec.depth: \"deep\"",
                "spec.sinks: it cannot change while running",
                "spec: unknown key \"exclud\": did you mean \"exclude\"",
            ],
        );
        check(r#"{"include":"pods"}"#, &["spec.include: expected a list"]);
        check(r#"[1]"#, &["spec: it is a list"]);
    }
}
