//! What the engine makes of evidence, rule by rule.

use std::sync::Arc;

use meshsync_fingerprint::{Engine, State, VersionStatus};
use serde_json::json;

use crate::support::{catalog, deployment, feed, object, products, verdicts};

const STORE: &str = "anchors: [{images: [acme/db]}]\nsupports: [{labels: [app=db], names: [db]}]";

#[test]
fn one_kind_of_evidence_is_not_enough() {
    let catalog = catalog(&[("db", STORE)]);
    let alone = verdicts(&catalog, &[deployment("x", "acme/db:1.2.3")]);
    assert_eq!(alone[0].state, State::Probable);
    let both = verdicts(&catalog, &[deployment("db", "acme/db:1.2.3")]);
    assert_eq!(both[0].state, State::Identified);
    assert_eq!(both[0].version.as_deref(), Some("1.2.3"));
    assert_eq!(both[0].version_status, VersionStatus::Stated);
}

#[test]
fn names_and_labels_without_an_anchor_are_never_enough() {
    let catalog = catalog(&[("db", STORE)]);
    let mut app = deployment("db", "registry.example/team/app:1");
    app["metadata"]["labels"] = json!({"app": "db"});
    let verdicts = verdicts(&catalog, &[app]);
    assert!(
        verdicts
            .iter()
            .all(|verdict| verdict.state < State::Identified)
    );
}

#[test]
fn a_chart_and_an_image_called_like_the_products_anchor_together_and_not_alone() {
    let rule = "anchors: [{images: [acme/store]}]\nsupports: [{charts: [store], names: [store]}]";
    let catalog = catalog(&[("store", rule)]);
    let mut rebuilt = deployment("blue-store", "registry.example/team/store:1.2.3");
    let called = verdicts(&catalog, std::slice::from_ref(&rebuilt));
    assert_eq!(products(&called, State::Identified).len(), 0);
    rebuilt["metadata"]["labels"] = json!({"helm.sh/chart": "store-4.5.6"});
    let both = verdicts(&catalog, std::slice::from_ref(&rebuilt));
    assert_eq!(both[0].state, State::Identified);
    assert_eq!(both[0].version.as_deref(), Some("1.2.3"));
    rebuilt["spec"]["template"]["spec"]["containers"][0]["image"] =
        json!("registry.example/team/app:1");
    let charted = verdicts(&catalog, &[rebuilt]);
    assert_eq!(products(&charted, State::Identified).len(), 0);
}

#[test]
fn what_helm_runs_to_test_a_release_is_no_part_of_it() {
    let catalog = catalog(&[("db", STORE)]);
    let mut test = deployment("db", "acme/db:9.9.9");
    for hook in ["test", "test-success", "pre-install,test"] {
        test["metadata"]["annotations"] = json!({"helm.sh/hook": hook});
        assert_eq!(
            verdicts(&catalog, std::slice::from_ref(&test)),
            [],
            "{hook}"
        );
    }
    test["metadata"]["annotations"] = json!({"helm.sh/hook": "post-install"});
    let kept = verdicts(&catalog, &[test]);
    assert_eq!(products(&kept, State::Identified).len(), 1);
}

#[test]
fn mirrors_and_flattened_names_are_the_same_repository() {
    let catalog = catalog(&[("db", STORE)]);
    for image in [
        "acme/db:1",
        "docker.io/acme/db:1",
        "harbor.corp:5000/proxy/docker/acme/db:1",
        "rancher/mirrored-acme-db:1",
        "registry.example/acme-db:1",
    ] {
        let verdicts = verdicts(&catalog, &[deployment("db", image)]);
        assert_eq!(products(&verdicts, State::Identified).len(), 1, "{image}");
    }
    for image in [
        "acme/db-exporter:1",
        "notacme/db:1",
        "acme/other:1",
        "acme/db/tool:1",
    ] {
        let verdicts = verdicts(&catalog, &[deployment("db", image)]);
        assert_eq!(products(&verdicts, State::Identified).len(), 0, "{image}");
    }
}

#[test]
fn two_products_for_one_container_are_both_named() {
    let fork = "anchors: [{images: [acme/db]}]\nsupports: [{names: [db]}]";
    let catalog = catalog(&[("db", STORE), ("fork", fork)]);
    let verdicts = verdicts(&catalog, &[deployment("db", "acme/db:1")]);
    assert_eq!(verdicts[0].state, State::Ambiguous);
    assert_eq!(verdicts[0].product, "db");
    assert_eq!(verdicts[0].alternatives, ["fork"]);
}

#[test]
fn excluding_evidence_decides_between_forks() {
    let original = "anchors: [{images: [db]}, {shapes: [{envs: [DB_PORT, DB_DIR]}]}]\n\
                    excludes: [{images: [newdb/newdb]}]";
    let fork = "anchors: [{images: [newdb/newdb]}, {shapes: [{envs: [DB_PORT, DB_DIR]}]}]";
    for order in [
        [("a", original), ("b", fork)],
        [("b", original), ("a", fork)],
    ] {
        let fork_id = order[1].0;
        let catalog = catalog(&order);
        let mut object = deployment("db", "newdb/newdb:1");
        object["spec"]["template"]["spec"]["containers"][0]["env"] =
            json!([{"name": "DB_PORT"}, {"name": "DB_DIR"}]);
        let verdicts = verdicts(&catalog, &[object]);
        let found: Vec<&str> = products(&verdicts, State::Identified).into_iter().collect();
        assert_eq!(found, [fork_id]);
    }
}

#[test]
fn two_containers_of_a_pod_are_two_products() {
    let exporter = "anchors: [{images: [acme/exporter]}]\n\
                    supports: [{shapes: [{args: [--db.addr, --web]}]}]";
    let catalog = catalog(&[("db", STORE), ("exporter", exporter)]);
    let mut pod = deployment("db", "acme/db:1.0.0");
    let containers = pod["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap();
    containers.push(json!({"name": "metrics", "image": "acme/exporter:9.9.9",
        "args": ["--db.addr=x", "--web"]}));
    let verdicts = verdicts(&catalog, &[pod]);
    let found: Vec<(&str, Option<&str>)> = verdicts
        .iter()
        .map(|verdict| (verdict.product.as_str(), verdict.version.as_deref()))
        .collect();
    assert_eq!(found, [("db", Some("1.0.0")), ("exporter", Some("9.9.9"))]);
}

#[test]
fn an_injected_sidecar_is_counted_and_defines_nothing() {
    let mesh = "anchors: [{crds: [routes.mesh.io]}]\n\
        components:\n- {id: control, anchors: [{images: [mesh/control]}], supports: [{names: [mesh]}]}\n\
        - {id: proxy, injected: true, anchors: [{images: [mesh/proxy]}]}";
    let catalog = catalog(&[("mesh", mesh), ("db", STORE)]);
    let mut db = deployment("db", "acme/db:1");
    let sidecar = json!({"name": "proxy", "image": "mesh/proxy:1.9.0"});
    db["spec"]["template"]["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(sidecar);
    let control = deployment("mesh", "mesh/control:2.0.0");
    let verdicts = verdicts(&catalog, &[db, control]);
    assert_eq!(verdicts.len(), 2);
    let mesh = &verdicts[1];
    assert_eq!(mesh.components.len(), 1);
    assert_eq!(mesh.versions.proxies[0].version.as_deref(), Some("1.9.0"));
    assert_eq!(mesh.versions.proxies[0].count, 1);
    assert!(mesh.versions.skew);
}

#[test]
fn versions_agree_or_conflict_and_are_never_guessed() {
    let catalog = catalog(&[("db", STORE)]);
    let check = |image: &str, label: Option<&str>, version: Option<&str>, status| {
        let mut object = deployment("db", image);
        if let Some(label) = label {
            object["metadata"]["labels"] = json!({"app.kubernetes.io/version": label});
        }
        let verdicts = verdicts(&catalog, &[object]);
        let found = (verdicts[0].version.as_deref(), verdicts[0].version_status);
        assert_eq!(found, (version, status), "{image} {label:?}");
    };
    use VersionStatus::{Agreed, Conflict, Stated, Unknown};
    check("acme/db:v1.2.3", Some("1.2.3"), Some("1.2.3"), Agreed);
    check("acme/db:1.2", Some("1.2.3"), Some("1.2.3"), Agreed);
    check("acme/db:1.2.4", Some("1.2.3"), Some("1.2.4"), Conflict);
    check("acme/db:1.2.4-alpine", None, Some("1.2.4"), Stated);
    check("acme/db:latest", Some("1.2.3"), Some("1.2.3"), Stated);
    check("acme/db@sha256:00", Some("1.2.3"), Some("1.2.3"), Stated);
    check("acme/db:1.2.3@sha256:00", None, Some("1.2.3"), Stated);
    check("acme/db:latest", None, None, Unknown);
    check("acme/db@sha256:00", None, None, Unknown);
}

#[test]
fn definitions_alone_are_an_api_and_no_installation() {
    let operator = "anchors: [{crds: [dbs.acme.io]}, {images: [acme/operator]}]";
    let catalog = catalog(&[("operator", operator)]);
    let crd = object(
        "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, \
         metadata: {name: dbs.acme.io}}",
    );
    let alone = verdicts(&catalog, std::slice::from_ref(&crd));
    assert_eq!(alone[0].state, State::ApiOnly);
    let both = verdicts(&catalog, &[crd, deployment("x", "acme/operator:1")]);
    assert_eq!(both.len(), 1);
    assert_eq!(both[0].state, State::Identified);
}

#[test]
fn releases_are_installations_of_their_own() {
    let catalog = catalog(&[("db", STORE)]);
    let mut objects = Vec::new();
    for (release, namespace) in [("blue", "a"), ("green", "a"), ("blue", "b")] {
        let mut object = deployment(&format!("{release}-db"), "acme/db:1");
        object["metadata"]["namespace"] = json!(namespace);
        object["metadata"]["annotations"] = json!({"meta.helm.sh/release-name": release});
        objects.push(object);
    }
    let verdicts = verdicts(&catalog, &objects);
    let found: Vec<(Option<&str>, &str)> = verdicts
        .iter()
        .map(|verdict| (verdict.namespace.as_deref(), verdict.instance.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (Some("a"), "blue"),
            (Some("a"), "green"),
            (Some("b"), "blue")
        ]
    );
}

#[test]
fn a_pod_says_nothing_that_its_owner_said() {
    let catalog = catalog(&[("db", STORE)]);
    let pod = object(
        "{apiVersion: v1, kind: Pod, metadata: {name: db-1-x, namespace: default, \
         ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: db-1, controller: true}]}, \
         spec: {containers: [{name: main, image: acme/db:1}]}}",
    );
    let mut engine = Engine::new(Arc::clone(&catalog));
    feed(&mut engine, &[pod]);
    assert_eq!(engine.remembered(), 0);
}

#[test]
fn pods_say_what_runs_where_the_image_of_a_sidecar_does_not() {
    let mesh = "anchors: [{crds: [routes.mesh.io]}]\n\
        components:\n- {id: control, anchors: [{images: [mesh/control]}], supports: [{names: [mesh]}]}\n\
        - {id: proxy, injected: true, anchors: [{images: [mesh/proxy]}]}";
    let catalog = catalog(&[("mesh", mesh)]);
    let pod = |at: usize, tag: &str, digest: &str| {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("web-{at}"), "namespace": "default", "ownerReferences":
                [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": true}]},
            "spec": {"containers": [{"name": "web", "image": "app:1"},
                {"name": "proxy", "image": format!("mesh/proxy:{tag}")}]},
            "status": {"containerStatuses": [
                {"name": "web", "imageID": "app@sha256:ff"},
                {"name": "proxy", "imageID": format!("docker-pullable://mesh/proxy@sha256:{digest}")}]},
        })
    };
    let mut objects = vec![deployment("mesh", "mesh/control:2.0.0")];
    objects.extend([pod(1, "latest", "aa"), pod(2, "latest", "aa")]);
    let same = &verdicts(&catalog, &objects)[0].versions;
    assert_eq!(same.proxies.len(), 1);
    assert_eq!(same.proxies[0].digest.as_deref(), Some("sha256:aa"));
    assert_eq!((same.proxies[0].count, same.skew), (2, false));
    objects.extend([pod(3, "latest", "bb"), pod(4, "2.0.0", "cc")]);
    let mixed = &verdicts(&catalog, &objects)[0].versions;
    let counts: Vec<usize> = mixed.proxies.iter().map(|proxy| proxy.count).collect();
    assert_eq!(counts, [2, 1, 1]);
    assert!(mixed.skew);
    let stated = mixed.proxies.iter().find(|proxy| proxy.version.is_some());
    assert_eq!(stated.unwrap().digest, None);
}

#[test]
fn what_matches_nothing_is_not_remembered() {
    let catalog = catalog(&[("db", STORE)]);
    let mut engine = Engine::new(Arc::clone(&catalog));
    feed(
        &mut engine,
        &[deployment("web", "registry.example/team/web:1")],
    );
    assert_eq!(engine.remembered(), 0);
}

#[test]
fn evidence_goes_with_its_object() {
    let catalog = catalog(&[("db", STORE)]);
    let mut engine = Engine::new(Arc::clone(&catalog));
    feed(&mut engine, &[deployment("db", "acme/db:1")]);
    assert_eq!(engine.verdicts().len(), 1);
    assert!(engine.remove("apps", "Deployment", Some("default"), "db"));
    assert_eq!(engine.verdicts(), []);
    assert_eq!(engine.remembered(), 0);
}

#[test]
fn a_resource_declares_what_its_operator_will_run() {
    let db = "anchors: [{resources: [Db.acme.io], images: [acme/db]}]";
    let catalog = catalog(&[("db", db)]);
    let declared = object(
        "{apiVersion: acme.io/v1, kind: Db, metadata: {name: main, namespace: data}, \
         spec: {image: 'acme/db:3.1.4'}}",
    );
    let running = object(
        "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db-main, namespace: data, \
         ownerReferences: [{apiVersion: acme.io/v1, kind: Db, name: main, controller: true}]}, \
         spec: {template: {spec: {containers: [{name: db, image: 'acme/db:3.1.4'}]}}}}",
    );
    let verdicts = verdicts(&catalog, &[declared, running]);
    assert_eq!(verdicts.len(), 1);
    assert_eq!(verdicts[0].state, State::Identified);
    assert_eq!(verdicts[0].instance, "Db/main");
    assert_eq!(verdicts[0].version.as_deref(), Some("3.1.4"));
}

#[test]
fn a_bundle_is_told_by_what_it_contains() {
    let stack = "bundle: true\nanchors: [{charts: [acme-stack]}]\n\
                 supports: [{labels: [app.kubernetes.io/part-of=acme-stack]}]\n\
                 relations: {contains: [db]}";
    let catalog = catalog(&[("stack", stack), ("db", STORE)]);
    let mut db = deployment("db", "acme/db:1.0.0");
    db["metadata"]["labels"] = json!({"helm.sh/chart": "acme-stack-7.0.1"});
    let verdicts = verdicts(&catalog, &[db]);
    let (db, stack) = (&verdicts[0], &verdicts[1]);
    assert_eq!(
        (db.state, &db.part_of[..]),
        (State::Identified, &["stack".to_owned()][..])
    );
    assert_eq!(stack.contains, ["db"]);
    assert_eq!(stack.state, State::Identified);
    assert_eq!(stack.version, None);
}

/// A Secret as Helm keeps a release in.
fn release(status: &str, chart: &str, app_version: &str) -> serde_json::Value {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use std::io::Write as _;

    let record = json!({
        "name": "blue", "info": {"notes": "{\"chart\": \"no\"}"},
        "chart": {"metadata": {"name": chart, "version": "4.5.6", "appVersion": app_version},
            "templates": [{"data": "x"}], "values": {"password": "hunter2"}},
        "config": {"password": "hunter2"}, "manifest": "kind: Pod",
    });
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed
        .write_all(record.to_string().as_bytes())
        .expect("memory takes it");
    let packed = STANDARD.encode(packed.finish().expect("memory takes it"));
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": format!("sh.helm.release.v1.blue.{status}"), "namespace": "default",
            "labels": {"owner": "helm", "name": "blue", "status": status}},
        "data": {"release": STANDARD.encode(packed)},
    })
}

#[test]
fn helms_record_of_a_release_is_evidence_where_that_is_wanted() {
    let rule = "anchors: [{images: [acme/store]}]\nsupports: [{charts: [store]}]";
    let catalog = catalog(&[("store", rule)]);
    let mut store = deployment("blue", "acme/store@sha256:00");
    store["metadata"]["annotations"] = json!({"meta.helm.sh/release-name": "blue"});
    let objects = [
        store,
        release("superseded", "store", "1.0.0"),
        release("deployed", "store", "1.2.3"),
        release("deployed-elsewhere", "other", "9.9.9"),
    ];
    let mut off = Engine::new(Arc::clone(&catalog));
    feed(&mut off, &objects);
    assert_eq!(off.verdicts()[0].state, State::Probable);
    assert_eq!(off.verdicts()[0].version, None);

    let mut on = Engine::new(Arc::clone(&catalog)).with_releases();
    feed(&mut on, &objects);
    let verdicts = on.verdicts();
    assert_eq!(verdicts[0].state, State::Identified);
    assert_eq!(verdicts[0].version.as_deref(), Some("1.2.3"));
    let source = &verdicts[0].versions.controller.as_ref().unwrap().sources[0];
    assert_eq!(source.from, "app-version");
    let told = serde_json::to_string(&verdicts).unwrap();
    assert!(
        told.contains("\"release\"") && !told.contains("hunter2"),
        "{told}"
    );

    // The release goes, and what it said with it.
    let name = "sh.helm.release.v1.blue.deployed";
    assert!(on.remove("", "Secret", Some("default"), name));
    assert_eq!(on.verdicts(), off.verdicts());
}
