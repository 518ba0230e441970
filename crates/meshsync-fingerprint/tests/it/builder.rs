//! Rules in Rust are the same as in YAML.

use meshsync_fingerprint::rule::{Example, Instances, Sketch, parse, to_yaml};
use meshsync_fingerprint::{Catalog, Fingerprint, State};
use proptest::prelude::*;

use crate::support::{products, verdicts};

#[test]
fn builder_and_yaml_make_the_same_rule() {
    let built = Fingerprint::builder("acme-db")
        .name("Acme DB")
        .category("database")
        .images(["registry.acme.io/db"])
        .crds(["databases.acme.io"])
        .charts(["acme-db"])
        .instances(Instances::Workload)
        .deployment(|d| {
            d.name("acme-db")
                .labels(["app=acme-db"])
                .port(5432)
                .args(["--data"])
                .envs(["ACME_*"])
        })
        .exclude_images(["fork/db"])
        .version_from_image_tag()
        .version_from_label("app.kubernetes.io/version")
        .managed_by(["acme-operator"])
        .build()
        .unwrap();
    let yaml = "
id: acme-db
name: Acme DB
category: database
instances: workload
anchors: [{images: [registry.acme.io/db], crds: [databases.acme.io]}]
supports: [{charts: [acme-db]}]
excludes: [{images: [fork/db]}]
components:
- id: deployment
  anchors: [{shapes: [{args: [--data], envs: [ACME_*]}]}]
  supports: [{names: [Deployment/acme-db], labels: [app=acme-db], ports: ['5432']}]
version: [{from: image}, {from: label, key: app.kubernetes.io/version}]
relations: {managed-by: [acme-operator]}
";
    assert_eq!(parse("acme-db.yaml", yaml).unwrap(), built);
}

#[test]
fn a_rule_that_cannot_work_is_refused_with_all_reasons() {
    let error = Fingerprint::builder("Acme DB")
        .charts(["acme"])
        .deployment(|d| d.args(["--one"]))
        .build()
        .unwrap_err();
    let text = error.to_string();
    for part in ["is no id", "fewer than two items"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(
        Fingerprint::builder("empty")
            .build()
            .unwrap_err()
            .to_string()
            .contains("no anchors")
    );
}

#[test]
fn problems_say_file_line_and_column() {
    let check = |yaml: &str, place: (u64, u64), part: &str| {
        let problems = parse("x.yaml", yaml).unwrap_err();
        let text = problems[0].to_string();
        assert_eq!((problems[0].line, problems[0].column), place, "{text}");
        assert!(text.starts_with("x.yaml:") && text.contains(part), "{text}");
    };
    let head = "id: x\nname: X\ncategory: c\n";
    check(
        &format!("{head}anchors:\n- imagse: [a/b]\n"),
        (5, 3),
        "imagse",
    );
    check(
        &format!("{head}anchors:\n- images: ['a/b:1']\n"),
        (5, 13),
        "without its tag",
    );
    check(
        &format!("{head}anchors:\n- images: [a/b]\n  weight: 12\n"),
        (6, 3),
        "1 to 9",
    );
    check(
        &format!("{head}anchors: [{{images: [a/b]}}]\nversion: [{{from: label}}]\n"),
        (5, 12),
        "needs a key",
    );
    check("id: [x\n", (1, 5), "expected string");
}

proptest! {
    #[test]
    fn what_is_built_comes_back_from_yaml(
        id in "[a-z][a-z0-9]{0,8}",
        name in "[ -~]{1,20}",
        images in prop::collection::vec("[a-z]{1,6}/[a-z0-9-]{1,8}[a-z]", 1..4),
        labels in prop::collection::vec("[a-z./]{1,10}=[A-Za-z0-9.:#'\"-]{0,10}", 0..4),
        args in prop::collection::vec("--[a-z.-]{1,12}[a-z]", 2..5),
        port in 1_u16..,
        title in "[ -~]{0,20}",
    ) {
        prop_assume!(!name.trim().is_empty());
        let rule = Fingerprint::builder(id)
            .name(name)
            .images(images)
            .labels(labels)
            .stateful_set(|s| s.args(args).port(port))
            .version_from_image_tag()
            .example(Example {
                title,
                objects: vec![Sketch { kind: "Pod".to_owned(), name: "yes".to_owned(), ..Sketch::default() }],
                ..Example::default()
            })
            .build()
            .unwrap();
        let yaml = to_yaml(&rule).unwrap();
        prop_assert_eq!(parse("x.yaml", &yaml).unwrap(), rule, "{}", yaml);
    }
}

#[test]
fn a_built_rule_identifies() {
    let rule = Fingerprint::builder("acme-db")
        .images(["registry.acme.io/db"])
        .stateful_set(|s| s.name("acme-db").labels(["app=acme-db"]))
        .build()
        .unwrap();
    let catalog = std::sync::Arc::new(Catalog::compile(vec![rule]).unwrap());
    let mut object = crate::support::deployment("x-acme-db", "registry.acme.io/db:1.2.3");
    object["kind"] = "StatefulSet".into();
    object["metadata"]["labels"] = serde_json::json!({"app": "acme-db"});
    let verdicts = verdicts(&catalog, &[object]);
    assert_eq!(products(&verdicts, State::Identified).len(), 1);
}
