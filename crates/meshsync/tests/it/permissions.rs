//! What is not permitted everywhere is observed where it is, and nothing else
//! suffers. The simulator's authoriser decides; its log of requests is the witness.

use std::collections::BTreeSet;
use std::time::Duration;

use meshsync::{
    ClusterConfig, ClusterId, MeshSync, NamespaceSelection, ResourceState, Selection, Timing,
};
use meshsync_sim::{CutStyle, Sim, User};
use meshsync_testkit::eventually;
use serde_json::{Value, json};

use crate::support::{DEADLINE, Replica, Running, only};

const RBAC: &str = "rbac.authorization.k8s.io";
const AGENT: (&str, &str) = ("agents", "agent");

async fn cluster(namespaces: &[&str]) -> Sim {
    let sim = Sim::builder().rbac().request_log(100_000).start();
    let sim = sim.await.unwrap();
    for namespace in namespaces {
        add_namespace(&sim, namespace);
    }
    sim
}

fn add_namespace(sim: &Sim, name: &str) {
    sim.apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        .unwrap();
    put(sim, name, "one", "1");
    put(sim, name, "two", "1");
}

fn put(sim: &Sim, namespace: &str, name: &str, value: &str) {
    sim.apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace}, "data": {"value": value},
    }))
    .unwrap();
}

/// Permits reading ConfigMaps in a namespace, or everywhere.
fn permit(sim: &Sim, namespace: Option<&str>) {
    let rules =
        json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list", "watch"]}]);
    grant(sim, "reader", namespace, &rules);
}

fn grant(sim: &Sim, name: &str, namespace: Option<&str>, rules: &Value) {
    let kind = if namespace.is_some() {
        "Role"
    } else {
        "ClusterRole"
    };
    let mut metadata = json!({"name": name});
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    let api = format!("{RBAC}/v1");
    sim.apply(json!({"apiVersion": api, "kind": kind, "metadata": metadata, "rules": rules}))
        .unwrap();
    sim.apply(json!({
        "apiVersion": api, "kind": format!("{kind}Binding"), "metadata": metadata,
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
        "subjects": [{"kind": "ServiceAccount", "namespace": AGENT.0, "name": AGENT.1}],
    }))
    .unwrap();
}

fn forbid(sim: &Sim, namespace: Option<&str>) {
    let plural = if namespace.is_some() {
        "rolebindings"
    } else {
        "clusterrolebindings"
    };
    sim.delete(RBAC, plural, namespace, "reader").unwrap();
    // A server asks who may watch when a watch begins.
    sim.faults()
        .cut_watches_of("", "configmaps", CutStyle::Clean);
}

fn permit_namespaces(sim: &Sim) {
    let rules =
        json!([{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch"]}]);
    grant(sim, "namespaces", None, &rules);
}

fn start(sim: &Sim, selection: Selection) -> Running {
    let mut timing = Timing::default();
    timing.permissions = Duration::from_millis(300);
    timing.permissions_min = Duration::from_millis(50);
    let agent = User::service_account(AGENT.0, AGENT.1);
    let builder = MeshSync::builder()
        .cluster(ClusterConfig::Text(sim.kubeconfig_as(agent)))
        .cluster_id(ClusterId::new("c").unwrap())
        .timing(timing)
        .select(selection);
    Running::start(builder)
}

/// The ConfigMaps that a sink knows, as `namespace/name`.
fn known(replica: &Replica) -> BTreeSet<String> {
    let keys = replica.live.keys();
    keys.filter(|(id, ..)| id == "configmaps")
        .map(|(_, namespace, name)| format!("{namespace}/{name}"))
        .collect()
}

/// `one` and `two` of each.
fn both(namespaces: &[&str]) -> BTreeSet<String> {
    let names = |namespace: &&str| ["one", "two"].map(|name| format!("{namespace}/{name}"));
    namespaces.iter().flat_map(names).collect()
}

async fn sees(running: &Running, what: &str, namespaces: &[&str]) {
    let expected = both(namespaces);
    running
        .sees(what, |replica| known(replica) == expected)
        .await;
}

async fn is(running: &Running, state: ResourceState) {
    eventually(&format!("{state:?}"), DEADLINE, async || {
        running.resource("configmaps").state == state
    })
    .await;
}

/// Watches of ConfigMaps that were begun and accepted, by namespace.
fn watches(sim: &Sim) -> Vec<String> {
    let mut watches: Vec<String> = sim
        .requests()
        .matching(|r| r.is_watch() && r.status == 200 && r.path.ends_with("/configmaps"))
        .into_iter()
        .map(|request| request.namespace)
        .collect();
    watches.sort_unstable();
    watches
}

fn part(running: &Running, name: &str) -> Value {
    let document = serde_json::to_value(running.monitor.document()).unwrap();
    let resources = document["resources"].as_array().unwrap().iter();
    let mut found = resources.filter(|r| r["resource"] == "configmaps");
    match name {
        "" => document["permissions"].clone(),
        name => found.next().unwrap()[name].clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_permitted_it_is_observed_and_the_status_names_the_roles_that_are_missing() {
    let sim = cluster(&["a", "b", "c"]).await;
    permit_namespaces(&sim);
    permit(&sim, Some("a"));
    permit(&sim, Some("b"));
    let running = start(&sim, only(&["configmaps"]));
    sees(&running, "what is permitted", &["a", "b"]).await;
    is(&running, ResourceState::Partial).await;
    running.synced().await;
    assert_eq!(watches(&sim), ["a", "b"]);
    let refused = sim
        .requests()
        .count(|r| r.status == 403 && r.namespace == "c");
    assert_eq!(refused, 0, "what is known to be forbidden is not asked for");
    let access = part(&running, "access");
    assert_eq!(access["namespaces"], json!(["a", "b"]));
    assert!(
        access["notSeen"].as_str().unwrap().contains("c, "),
        "{access}"
    );
    // Nobody is told that all of it was shown: a sink may keep the rest.
    running
        .sees("no word of being in sync", |replica| {
            replica.full_syncs == 1 && !replica.log.contains(&"SYNCED configmaps".to_owned())
        })
        .await;

    // Exactly what the status says is missing is given.
    let fix = part(&running, "")["fix"].as_str().unwrap().to_owned();
    let manifests: Vec<Value> = serde_saphyr::from_multiple(&fix).unwrap();
    assert!(
        manifests
            .iter()
            .all(|it| it["metadata"]["name"] == "meshsync-missing"),
        "{fix}"
    );
    for manifest in manifests {
        sim.apply(manifest).unwrap();
    }
    is(&running, ResourceState::Live).await;
    running
        .sees("the rest", |replica| {
            both(&["a", "b", "c"]).is_subset(&known(replica))
        })
        .await;
    running
        .sees("in sync now", |replica| {
            replica.log.contains(&"SYNCED configmaps".to_owned())
        })
        .await;
    assert_eq!(part(&running, ""), Value::Null);
    let running = running.stop().await;
    assert_eq!(running.lock().unwrap().deleted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_a_namespace_deletes_only_what_is_of_it() {
    let sim = cluster(&["a", "b"]).await;
    permit_namespaces(&sim);
    permit(&sim, Some("a"));
    permit(&sim, Some("b"));
    let running = start(&sim, only(&["configmaps"]));
    sees(&running, "what is permitted", &["a", "b"]).await;
    // b is taken away, and both are listed anew.
    forbid(&sim, Some("b"));
    eventually("b is kept, and known to be stale", DEADLINE, async || {
        running.resource("configmaps").unseen == 2
    })
    .await;
    sim.delete("", "configmaps", Some("a"), "two").unwrap();
    sim.delete("", "configmaps", Some("b"), "two").unwrap();
    sim.compact();
    sim.faults()
        .cut_watches_of("", "configmaps", CutStyle::Clean);
    put(&sim, "a", "three", "1");
    let expected: BTreeSet<String> = ["a/one", "a/three", "b/one", "b/two"]
        .map(str::to_owned)
        .into();
    running
        .sees("only a has changed", |replica| known(replica) == expected)
        .await;
    eventually("the status has them too", DEADLINE, async || {
        running.resource("configmaps").objects == 4
    })
    .await;
    // Given back, it shows what has happened meanwhile.
    permit(&sim, Some("b"));
    let expected: BTreeSet<String> = ["a/one", "a/three", "b/one"].map(str::to_owned).into();
    running
        .sees("b as it is", |replica| known(replica) == expected)
        .await;
    let replica = running.stop().await;
    let replica = replica.lock().unwrap();
    assert_eq!((replica.added, replica.deleted), (5, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_come_and_go_while_it_runs_and_no_object_is_told_twice() {
    let sim = cluster(&["a", "b"]).await;
    permit_namespaces(&sim);
    permit(&sim, None);
    let running = start(&sim, only(&["configmaps"]));
    running.synced().await;
    let before = known(&running.replica.lock().unwrap());
    assert!(both(&["a", "b"]).is_subset(&before));
    permit(&sim, Some("a"));
    for round in 0..3 {
        forbid(&sim, None);
        is(&running, ResourceState::Partial).await;
        // What is seen is followed, what is not is kept.
        put(&sim, "a", "one", &format!("seen {round}"));
        put(&sim, "b", "one", &format!("unseen {round}"));
        let modified = 2 * round + 1;
        running
            .sees("a change of a", |replica| replica.modified == modified)
            .await;
        permit(&sim, None);
        is(&running, ResourceState::Live).await;
        running
            .sees("a change of b", |replica| replica.modified == modified + 1)
            .await;
    }
    let replica = running.stop().await;
    let replica = replica.lock().unwrap();
    assert_eq!(known(&replica), before);
    assert_eq!((replica.added, replica.deleted), (before.len() as u64, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_that_appear_and_go_are_noticed() {
    let sim = cluster(&["a"]).await;
    permit_namespaces(&sim);
    permit(&sim, Some("a"));
    let running = start(&sim, only(&["configmaps", "namespaces"]));
    sees(&running, "the first", &["a"]).await;
    add_namespace(&sim, "later");
    permit(&sim, Some("later"));
    sees(&running, "another one", &["a", "later"]).await;
    assert_eq!(
        watches(&sim),
        ["a", "later"],
        "the first one is not disturbed"
    );
    for name in ["one", "two"] {
        sim.delete("", "configmaps", Some("later"), name).unwrap();
    }
    sim.delete("", "namespaces", None, "later").unwrap();
    sees(&running, "gone again", &["a"]).await;
    eventually("no task is left for it", DEADLINE, async || {
        let access = running.resource("configmaps").access.unwrap();
        !access.namespaces.contains("later")
    })
    .await;
    running.stop().await;
}

/// Named namespaces, and no right to see which others there are: all that is wanted
/// is seen.
#[tokio::test(flavor = "multi_thread")]
async fn roles_in_the_wanted_namespaces_are_enough() {
    let sim = cluster(&["a", "b", "c"]).await;
    permit(&sim, Some("a"));
    permit(&sim, Some("b"));
    let selection = Selection {
        namespaces: NamespaceSelection::only(["a", "b"])
            .unwrap()
            .namespaced_only(),
        ..only(&["configmaps"])
    };
    let running = start(&sim, selection.clone());
    running.synced().await;
    sees(&running, "what is wanted", &["a", "b"]).await;
    is(&running, ResourceState::Live).await;
    running
        .sees("in sync", |replica| {
            replica.log.contains(&"SYNCED configmaps".to_owned())
        })
        .await;
    // Another namespace is wanted, and one is not any more.
    let other = Selection {
        namespaces: NamespaceSelection::only(["b", "c"])
            .unwrap()
            .namespaced_only(),
        ..selection
    };
    running.handle.reconfigure(other);
    sees(&running, "one has left", &["b"]).await;
    eventually("the other is missing", DEADLINE, async || {
        part(&running, "access")["rules"][0]["namespace"] == "c"
    })
    .await;
    permit(&sim, Some("c"));
    sees(&running, "the other", &["b", "c"]).await;
    is(&running, ResourceState::Live).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_of_cluster_scope_is_tried_again_as_soon_as_it_is_permitted() {
    let sim = cluster(&[]).await;
    let running = start(&sim, only(&["storageclasses"]));
    running.synced().await;
    let resource = running.resource("storageclasses.storage.k8s.io");
    assert_eq!(resource.state, ResourceState::Forbidden);
    let missing = part(&running, "");
    assert_eq!(missing["user"], "system:serviceaccount:agents:agent");
    assert!(
        missing["fix"]
            .as_str()
            .unwrap()
            .contains("kind: ClusterRole\n"),
        "{missing}"
    );
    let rules = json!([{
        "apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["list", "watch"],
    }]);
    grant(&sim, "classes", None, &rules);
    // Its own back-off alone would take at least 7.5 s.
    eventually("it is seen", DEADLINE, async || {
        running.resource("storageclasses.storage.k8s.io").state == ResourceState::Live
    })
    .await;
    running.stop().await;
}
