//! Order, repetition and history change nothing.

use std::sync::Arc;

use meshsync_fingerprint::{Engine, Verdict};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{builtin, feed};

/// The objects of all rules' examples: something of everything.
fn objects() -> Vec<Value> {
    let catalog = builtin();
    let examples = catalog
        .rules()
        .iter()
        .flat_map(|rule| rule.examples.iter().chain(&rule.counter_examples));
    let mut objects: Vec<Value> = examples
        .flat_map(|example| &example.objects)
        .map(|sketch| sketch.object())
        .collect();
    // Examples share names; here each is an object of its own.
    for (at, object) in objects.iter_mut().enumerate() {
        if let Some(namespace) = object["metadata"].get_mut("namespace") {
            *namespace = Value::from(format!("n{}", at % 7));
        }
    }
    objects
}

fn remove(engine: &mut Engine, object: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let api_version = text(&object["apiVersion"]);
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let namespace = object["metadata"]["namespace"].as_str();
    engine.remove(
        group,
        &text(&object["kind"]),
        namespace,
        &text(&object["metadata"]["name"]),
    );
}

fn key(object: &Value) -> String {
    let metadata = &object["metadata"];
    format!(
        "{} {} {}",
        object["kind"], metadata["namespace"], metadata["name"]
    )
}

/// What an engine says that only ever saw the last states, in order of keys.
fn afresh(last: &std::collections::BTreeMap<String, Value>) -> Vec<Verdict> {
    let mut engine = Engine::new(builtin());
    let objects: Vec<Value> = last.values().cloned().collect();
    feed(&mut engine, &objects);
    engine.verdicts()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(meshsync_testkit::cases(24)))]

    #[test]
    fn only_what_is_there_counts(
        events in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..4), 1..120),
    ) {
        let objects = objects();
        let mut engine = Engine::new(builtin());
        let mut last = std::collections::BTreeMap::new();
        for (at, event) in events {
            let object = at.get(&objects);
            match event {
                0 => {
                    remove(&mut engine, object);
                    last.remove(&key(object));
                }
                1 => {
                    // In between somebody asks, which must not matter.
                    engine.verdicts();
                }
                _ => {
                    feed(&mut engine, std::slice::from_ref(object));
                    last.insert(key(object), object.clone());
                }
            }
        }
        let found = engine.verdicts();
        prop_assert_eq!(&found, &afresh(&last));
        prop_assert_eq!(serde_json::to_string(&found).ok(), serde_json::to_string(&afresh(&last)).ok());
    }

    #[test]
    fn adding_and_deleting_leads_back(
        base in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        extra in prop::collection::vec(any::<prop::sample::Index>(), 1..30),
    ) {
        let objects = objects();
        let mut engine = Engine::new(Arc::clone(&builtin()));
        let base: Vec<Value> = base.iter().map(|at| at.get(&objects).clone()).collect();
        feed(&mut engine, &base);
        let (before, remembered) = (engine.verdicts(), engine.remembered());
        let known: std::collections::BTreeSet<String> = base.iter().map(key).collect();
        let extra: Vec<Value> = extra
            .iter()
            .map(|at| at.get(&objects).clone())
            .filter(|object| !known.contains(&key(object)))
            .collect();
        feed(&mut engine, &extra);
        for object in extra.iter().rev() {
            remove(&mut engine, object);
        }
        prop_assert_eq!(engine.verdicts(), before);
        prop_assert_eq!(engine.remembered(), remembered);
    }
}
