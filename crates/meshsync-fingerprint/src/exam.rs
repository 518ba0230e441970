//! A rule's own examples.

use std::sync::Arc;

use meshsync_model::Index;
use serde_json::Value;

use crate::rule::Example;
use crate::{Catalog, Engine, State, Verdict};

/// An example that does not come out as its rule says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: example {title:?}: {message}")]
pub struct ExamFailure {
    /// Id of the rule.
    pub rule: String,
    /// Title of the example.
    pub title: String,
    /// What came out instead.
    pub message: String,
}

/// Feeds objects to an engine of their own and returns what it says.
pub fn identify(catalog: &Arc<Catalog>, objects: &[Value]) -> Vec<Verdict> {
    let mut engine = Engine::new(Arc::clone(catalog));
    let mut index = Index::new();
    for object in objects {
        apply_value(&mut engine, &mut index, object);
    }
    engine.verdicts()
}

/// Gives an engine an object that was read as a value, such as one of a manifest.
/// What is no object with a kind is ignored.
pub fn apply_value(engine: &mut Engine, index: &mut Index, object: &Value) {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let (Some(kind), Some(api_version)) = (text("kind"), text("apiVersion")) else {
        return;
    };
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let bytes = object.to_string();
    // A manifest may lack a name, which an object never does.
    if let Ok(parsed) = index.parse(bytes.as_bytes()) {
        engine.apply(group, kind, &parsed);
    }
}

/// Runs the examples and counter-examples of all rules of a catalog.
pub fn examine(catalog: &Arc<Catalog>) -> Vec<ExamFailure> {
    let mut failures = Vec::new();
    for rule in catalog.rules() {
        let mut fail = |example: &Example, message: String| {
            failures.push(ExamFailure {
                rule: rule.id.clone(),
                title: example.title.clone(),
                message,
            });
        };
        let wanted = if rule.unverified {
            State::Probable
        } else {
            State::Identified
        };
        // Rules that a program makes have none; those in files must.
        for (list, missing) in [
            ("examples", rule.examples.is_empty()),
            ("counter-examples", rule.counter_examples.is_empty()),
        ] {
            if missing {
                fail(
                    &Example::default(),
                    format!("no {list}: a rule has at least one"),
                );
            }
        }
        for example in &rule.examples {
            let verdicts = verdicts(catalog, example);
            let own: Vec<&Verdict> = of(&verdicts, &rule.id);
            let Some(best) = own.iter().max_by_key(|verdict| verdict.state) else {
                fail(example, format!("not found; found: {}", summary(&verdicts)));
                continue;
            };
            if best.state < wanted {
                fail(
                    example,
                    format!("{}; found: {}", best.state.as_str(), summary(&verdicts)),
                );
            }
            if best.version != example.version {
                let (found, wanted) = (&best.version, &example.version);
                fail(example, format!("version {found:?} instead of {wanted:?}"));
            }
            if example.edition.is_some() && best.edition != example.edition {
                let (found, wanted) = (&best.edition, &example.edition);
                fail(example, format!("edition {found:?} instead of {wanted:?}"));
            }
            let wrong: Vec<&Verdict> = verdicts
                .iter()
                .filter(|other| other.state == State::Identified && other.product != rule.id)
                .filter(|other| !rule.relations.contains.contains(&other.product))
                .collect();
            if let Some(other) = wrong.first() {
                fail(example, format!("{} is identified too", other.product));
            }
        }
        for example in &rule.counter_examples {
            let verdicts = verdicts(catalog, example);
            if of(&verdicts, &rule.id)
                .iter()
                .any(|found| found.state == State::Identified)
            {
                fail(example, "identified, and must not be".to_owned());
            }
        }
    }
    failures
}

fn verdicts(catalog: &Arc<Catalog>, example: &Example) -> Vec<Verdict> {
    let objects: Vec<Value> = example
        .objects
        .iter()
        .map(|sketch| sketch.object())
        .collect();
    identify(catalog, &objects)
}

fn of<'v>(verdicts: &'v [Verdict], id: &str) -> Vec<&'v Verdict> {
    verdicts
        .iter()
        .filter(|verdict| verdict.product == id)
        .collect()
}

fn summary(verdicts: &[Verdict]) -> String {
    let all: Vec<String> = verdicts
        .iter()
        .map(|verdict| format!("{} ({})", verdict.product, verdict.state.as_str()))
        .collect();
    if all.is_empty() {
        "nothing".to_owned()
    } else {
        all.join(", ")
    }
}
