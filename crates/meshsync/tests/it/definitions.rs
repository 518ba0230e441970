//! Definitions of resources come, go and change: each affects its own watch alone.
//! The simulator's log of requests is the witness.

use std::collections::BTreeMap;

use meshsync::{ResourceState, Selection};
use meshsync_sim::{Failure, FaultScope, Generate, Sim};
use meshsync_testkit::eventually;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Running, only};

const GROUP: &str = "burst.example.com";

fn definition(plural: &str, versions: &[(&str, bool)], scope: &str) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .enumerate()
        .map(|(at, (name, served))| {
            json!({
                "name": name, "served": served, "storage": at == 0,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            })
        })
        .collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {
            "group": GROUP, "scope": scope, "versions": versions,
            "names": {"plural": plural, "kind": kind(plural)},
        },
    })
}

fn kind(plural: &str) -> String {
    let mut kind = plural.trim_end_matches('s').to_owned();
    kind[..1].make_ascii_uppercase();
    kind
}

fn instance(plural: &str, version: &str, namespaced: bool) -> Value {
    let mut metadata = json!({"name": "only"});
    if namespaced {
        metadata["namespace"] = "default".into();
    }
    json!({
        "apiVersion": format!("{GROUP}/{version}"), "kind": kind(plural), "metadata": metadata,
    })
}

/// Lists and watches that were accepted, by path; but of namespaces, which are followed beside the
/// plan, from some time after the start.
fn asked(sim: &Sim) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for request in sim.requests().matching(|request| {
        request.status == 200
            && matches!(request.verb.as_str(), "list" | "watch")
            && request.path != "/api/v1/namespaces"
    }) {
        *asked.entry(request.path).or_default() += 1;
    }
    asked
}

fn discoveries(sim: &Sim) -> usize {
    sim.requests().count(|request| request.path == "/apis")
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_in_one_burst_touch_no_other_watch_and_every_instance_arrives_once() {
    const DEFINITIONS: usize = 400;
    let sim = Sim::builder()
        // `cargo xtask soak` takes 20,000.
        .generate(Generate::objects(meshsync_testkit::objects(2_000)))
        .request_log(100_000)
        .start()
        .await
        .unwrap();
    let running = Running::of(&sim, Selection::default());
    running.synced().await;
    let churn = sim.churn_seeded(100.0, 7);
    sim.requests().clear();
    let plurals: Vec<String> = (0..DEFINITIONS).map(|at| format!("kind{at}s")).collect();
    for plural in &plurals {
        sim.apply(definition(plural, &[("v1", true)], "Namespaced"))
            .unwrap();
        sim.apply(instance(plural, "v1", true)).unwrap();
    }
    running
        .sees("every instance", |replica| {
            let of_group = format!(".{GROUP}");
            replica
                .live
                .keys()
                .filter(|(id, ..)| id.ends_with(&of_group))
                .count()
                == DEFINITIONS
        })
        .await;
    churn.stop().await;
    running.equals(&sim, "all of it").await;
    let asked = asked(&sim);
    let mut own = 0;
    // What churns are definitions, too, now and then.
    for (path, times) in asked
        .iter()
        .filter(|(path, _)| !path.contains("/apis/churn"))
    {
        assert!(
            path.starts_with(&format!("/apis/{GROUP}/v1/")),
            "{path} is listed or watched anew"
        );
        assert_eq!(*times, 1, "{path}");
        own += 1;
    }
    assert_eq!(own, DEFINITIONS);
    let discoveries = discoveries(&sim);
    assert!(discoveries < 100, "{discoveries} discoveries");
    running.stop().await;
}

/// As cert-manager's cainjector does.
#[tokio::test(flavor = "multi_thread")]
async fn definitions_that_are_touched_a_thousand_times_cost_nothing() {
    let sim = Sim::builder().request_log(100_000).start().await.unwrap();
    let mut touched = definition("things", &[("v1", true)], "Namespaced");
    touched["spec"]["conversion"] = json!({
        "strategy": "Webhook", "webhook": {"clientConfig": {"caBundle": "none", "service": {
            "namespace": "default", "name": "webhook", "path": "/convert", "port": 443,
        }}},
    });
    sim.apply(touched).unwrap();
    let running = Running::of(
        &sim,
        only(&["customresourcedefinitions", &format!("*.{GROUP}")]),
    );
    running.synced().await;
    sim.requests().clear();
    let name = format!("things.{GROUP}");
    for time in 0..1_000 {
        let bundle = json!({
            "metadata": {"annotations": {"touched": time.to_string()}},
            "spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": time.to_string()}}}},
        });
        sim.patch(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            None,
            &name,
            &bundle,
        )
        .unwrap();
    }
    running.equals(&sim, "touched").await;
    // One may be due by itself, twice a minute.
    assert!(discoveries(&sim) <= 1, "{}", discoveries(&sim));
    assert_eq!(asked(&sim), BTreeMap::new());

    // What matters is noticed at once.
    let versions = [("v1", true), ("v2", true)];
    sim.apply(definition("others", &versions, "Namespaced"))
        .unwrap();
    eventually("another one is observed", DEADLINE, async || {
        running.observed().contains(&format!("others.{GROUP}"))
    })
    .await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_one_definition_affects_its_own_watch_alone() {
    let sim = Sim::builder().request_log(100_000).start().await.unwrap();
    let plain = |plural| definition(plural, &[("v1", true)], "Namespaced");
    for plural in ["things", "others"] {
        sim.apply(plain(plural)).unwrap();
        sim.apply(instance(plural, "v1", true)).unwrap();
    }
    let running = Running::of(
        &sim,
        only(&[
            "customresourcedefinitions",
            "configmaps",
            &format!("*.{GROUP}"),
        ]),
    );
    running.synced().await;
    running.equals(&sim, "at first").await;
    sim.requests().clear();
    let id = format!("things.{GROUP}");
    let at_version = async |version: &str| {
        eventually(&format!("observed at {version}"), DEADLINE, async || {
            let resources = running.monitor.resources();
            let mut own = resources
                .iter()
                .filter(|r| r.resource.id().to_string() == id);
            own.any(|r| r.resource.gvk.version == version && r.state == ResourceState::Live)
        })
        .await;
        running.equals(&sim, version).await;
    };
    // Another version is served, and preferred; the first one is not any more; and back.
    sim.apply(definition(
        "things",
        &[("v1", true), ("v2", true)],
        "Namespaced",
    ))
    .unwrap();
    at_version("v2").await;
    sim.apply(definition(
        "things",
        &[("v2", true), ("v1", false)],
        "Namespaced",
    ))
    .unwrap();
    at_version("v2").await;
    sim.apply(definition(
        "things",
        &[("v1", true), ("v2", false)],
        "Namespaced",
    ))
    .unwrap();
    at_version("v1").await;
    // It flaps, and comes back with another scope.
    for scope in ["Cluster", "Namespaced", "Cluster"] {
        sim.delete(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            None,
            &id,
        )
        .unwrap();
        sim.apply(definition("things", &[("v1", true)], scope))
            .unwrap();
        sim.apply(instance("things", "v1", scope == "Namespaced"))
            .unwrap();
        let namespace = if scope == "Cluster" { "" } else { "default" };
        running
            .sees(scope, |replica| {
                let mut own = replica.live.keys().filter(|(known, ..)| *known == id);
                own.next().is_some_and(|(_, known, _)| known == namespace) && own.next().is_none()
            })
            .await;
    }
    at_version("v1").await;
    // A webhook that converts its objects fails.
    let scope = FaultScope::resource(GROUP, "things");
    sim.faults().fail(scope, Failure::status(500));
    sim.faults()
        .cut_watches_of(GROUP, "things", meshsync_sim::CutStyle::Clean);
    eventually("it backs off", DEADLINE, async || {
        running.resource(&id).state == ResourceState::BackingOff
    })
    .await;
    assert!(running.resource(&id).last_error.unwrap().contains("500"));
    sim.faults().heal(GROUP, "things");
    at_version("v1").await;
    let others: Vec<String> = asked(&sim)
        .into_keys()
        .filter(|path| !path.contains("/things"))
        .collect();
    assert_eq!(others, Vec::<String>::new(), "nothing else was touched");
    running.stop().await;
}
