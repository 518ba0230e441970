//! What the tests share.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use meshsync_fingerprint::{Catalog, Engine, State, Verdict, apply_value, builtin_rules, rule};
use meshsync_model::Index;
use serde_json::{Value, json};

/// The catalog that comes with the program.
pub(crate) fn builtin() -> Arc<Catalog> {
    static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
    let catalog = CATALOG.get_or_init(|| {
        let rules = builtin_rules().expect("tests/it/builtin.rs says what is wrong");
        Arc::new(Catalog::compile(rules).unwrap())
    });
    Arc::clone(catalog)
}

/// A catalog of rules in YAML, without the parts that every rule needs.
pub(crate) fn catalog(rules: &[(&str, &str)]) -> Arc<Catalog> {
    let rules = rules.iter().map(|(id, yaml)| {
        let text = format!(
            "id: {id}\nname: {id}\ncategory: test\nhome: https://x.example\n{yaml}\n\
             examples: [{{title: t, objects: [{{kind: Pod, name: p}}]}}]\n\
             counter-examples: [{{title: t, objects: [{{kind: Pod, name: p}}]}}]\n"
        );
        rule::parse(id, &text).unwrap_or_else(|problems| panic!("{problems:?}"))
    });
    Arc::new(Catalog::compile(rules.collect()).unwrap())
}

/// An object from YAML.
pub(crate) fn object(yaml: &str) -> Value {
    let mut objects = meshsync_fingerprint::objects(yaml).unwrap();
    assert_eq!(objects.len(), 1, "{yaml}");
    objects.remove(0)
}

/// A Deployment with one container.
pub(crate) fn deployment(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}},
    })
}

pub(crate) fn feed(engine: &mut Engine, objects: &[Value]) {
    let mut index = Index::new();
    for object in objects {
        apply_value(engine, &mut index, object);
    }
}

pub(crate) fn verdicts(catalog: &Arc<Catalog>, objects: &[Value]) -> Vec<Verdict> {
    meshsync_fingerprint::identify(catalog, objects)
}

/// Products in a state.
pub(crate) fn products(verdicts: &[Verdict], state: State) -> BTreeSet<&str> {
    verdicts
        .iter()
        .filter(|verdict| verdict.state == state)
        .map(|verdict| verdict.product.as_str())
        .collect()
}
