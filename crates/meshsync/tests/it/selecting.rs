//! Which objects are observed: what the server is asked for, and what joins and leaves while the
//! pipeline runs.

use meshsync::{IGNORE, NamespaceSelection, Preset, Selection};
use meshsync_sim::Sim;
use meshsync_testkit::eventually;
use serde_json::{Value, json};

use crate::support::{Replica, Running, config_map, deletes, only};

fn labelled(name: &str, app: &str) -> Value {
    let mut map = config_map(name, "1");
    map["metadata"]["labels"] = json!({"app": app});
    map
}

fn place(mut object: Value, namespace: &str) -> Value {
    object["metadata"]["namespace"] = namespace.into();
    object
}

fn namespace(name: &str, labels: &Value, annotations: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": name, "labels": labels, "annotations": annotations}})
}

fn pod(name: &str, phase: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {}, "status": {"phase": phase}})
}

/// Names of the live objects of a resource, without those that every namespace has.
fn names(replica: &Replica, plural: &str) -> Vec<String> {
    let live = replica.live.keys().filter(|(id, ..)| id == plural);
    let names = live.map(|(.., name)| name.clone());
    let mut names: Vec<String> = names.filter(|name| name != "kube-root-ca.crt").collect();
    names.sort();
    names
}

async fn sees(running: &Running, plural: &str, expected: &[&str]) {
    let what = format!("{plural} are {expected:?}");
    running
        .sees(&what, |replica| names(replica, plural) == expected)
        .await;
}

fn unselected(name: &str) -> (String, Option<String>) {
    (name.to_owned(), Some("unselected".to_owned()))
}

fn gone(name: &str) -> (String, Option<String>) {
    (name.to_owned(), None)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_selects_by_labels_and_what_leaves_is_told_from_what_is_gone() {
    let sim = Sim::builder().start().await.unwrap();
    for (name, app) in [("a", "web"), ("b", "web"), ("c", "db")] {
        sim.apply(labelled(name, app)).unwrap();
    }
    let running = Running::of(&sim, only(&["configmaps labels=app=web"]));
    running.synced().await;
    sees(&running, "configmaps", &["a", "b"]).await;
    let without = sim.requests().count(|request| {
        request.path.ends_with("/configmaps")
            && request.query_value("labelSelector") != Some("app%3Dweb")
    });
    assert_eq!(without, 0, "each list and watch has the selector");
    sim.apply(labelled("c", "web")).unwrap();
    sees(&running, "configmaps", &["a", "b", "c"]).await;
    sim.apply(labelled("a", "db")).unwrap();
    sees(&running, "configmaps", &["b", "c"]).await;
    sim.delete("", "configmaps", Some("default"), "b").unwrap();
    sees(&running, "configmaps", &["c"]).await;
    let counted = async || running.resource("configmaps").objects == 1;
    eventually("counted", crate::support::DEADLINE, counted).await;
    // Another selector: what it does not show has left.
    sim.apply(labelled("d", "db")).unwrap();
    running
        .handle
        .reconfigure(only(&["configmaps labels=app=db"]));
    sees(&running, "configmaps", &["a", "d"]).await;
    let replica = running.stop().await;
    let replica = replica.lock().unwrap();
    let told = deletes(&replica, "configmaps");
    assert_eq!(told, [unselected("a"), gone("b"), unselected("c")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_selects_by_fields() {
    let sim = Sim::builder().start().await.unwrap();
    for (name, phase) in [("a", "Running"), ("b", "Pending")] {
        sim.apply(pod(name, phase)).unwrap();
    }
    let rule = "pods fields=status.phase=Running";
    let selection = Selection {
        depth: meshsync::Depth {
            preset: Preset::Presence,
            ..Default::default()
        },
        ..only(&[rule])
    };
    let running = Running::of(&sim, selection);
    running.synced().await;
    sees(&running, "pods", &["a"]).await;
    sim.apply(pod("b", "Running")).unwrap();
    sees(&running, "pods", &["a", "b"]).await;
    sim.apply(pod("a", "Succeeded")).unwrap();
    sees(&running, "pods", &["b"]).await;
    // The body decided, and was not transferred.
    let bodies = sim.requests().count(|request| {
        request.path.ends_with("/pods") && !request.accept.contains("PartialObjectMetadata")
    });
    assert_eq!(bodies, 0);
    let replica = running.stop().await;
    let told = deletes(&replica.lock().unwrap(), "pods");
    assert_eq!(told, [unselected("a")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_opts_out_and_in_again() {
    let sim = Sim::builder().start().await.unwrap();
    let map = |ignore: &str| {
        let mut map = config_map("a", "1");
        map["metadata"]["annotations"] = json!({ IGNORE: ignore });
        map
    };
    sim.apply(map("true")).unwrap();
    sim.apply(config_map("b", "1")).unwrap();
    let running = Running::of(&sim, only(&["configmaps"]));
    running.synced().await;
    sees(&running, "configmaps", &["b"]).await;
    sim.apply(map("false")).unwrap();
    sees(&running, "configmaps", &["a", "b"]).await;
    sim.apply(map("true")).unwrap();
    sees(&running, "configmaps", &["b"]).await;
    let replica = running.stop().await;
    let told = deletes(&replica.lock().unwrap(), "configmaps");
    assert_eq!(told, [unselected("a")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_opts_out_without_a_list_and_in_again() {
    let sim = Sim::builder().start().await.unwrap();
    let quiet = |ignore: &str| namespace("quiet", &json!({}), &json!({ IGNORE: ignore }));
    sim.apply(quiet("true")).unwrap();
    sim.apply(place(config_map("a", "1"), "quiet")).unwrap();
    sim.apply(config_map("b", "1")).unwrap();
    let running = Running::of(&sim, only(&["configmaps", "services"]));
    running.synced().await;
    sees(&running, "configmaps", &["b"]).await;
    assert_eq!(
        running.replica.lock().unwrap().deleted,
        0,
        "it never showed"
    );
    let lists = |plural: &str| {
        let suffix = format!("/{plural}");
        sim.requests()
            .count(|request| request.path.ends_with(&suffix))
    };
    sim.requests().clear();
    sim.apply(quiet("false")).unwrap();
    sees(&running, "configmaps", &["a", "b"]).await;
    assert!(lists("configmaps") > 0);
    assert_eq!(lists("services"), 0, "it had none to leave out");
    sim.requests().clear();
    sim.apply(quiet("true")).unwrap();
    sees(&running, "configmaps", &["b"]).await;
    assert_eq!(lists("configmaps"), 0);
    // Of one that opted out nothing is told any more.
    sim.apply(place(config_map("c", "1"), "quiet")).unwrap();
    sim.apply(config_map("d", "1")).unwrap();
    sees(&running, "configmaps", &["b", "d"]).await;
    let replica = running.stop().await;
    let told = deletes(&replica.lock().unwrap(), "configmaps");
    assert!(told.contains(&unselected("a")), "{told:?}");
    assert!(told.iter().all(|(_, why)| why.is_some()), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_of_namespaces_are_followed() {
    let sim = Sim::builder().start().await.unwrap();
    let team = |name: &str, team: &str| namespace(name, &json!({"team": team}), &json!({}));
    for (name, of) in [("one", "a"), ("two", "b")] {
        sim.apply(team(name, of)).unwrap();
        sim.apply(place(config_map(name, "1"), name)).unwrap();
    }
    let selection = Selection {
        namespaces: NamespaceSelection::all().labelled("team=a".parse().unwrap()),
        ..only(&["configmaps", "nodes"])
    };
    let running = Running::of(&sim, selection);
    running.synced().await;
    sees(&running, "configmaps", &["one"]).await;
    sim.apply(team("two", "a")).unwrap();
    sees(&running, "configmaps", &["one", "two"]).await;
    sim.apply(team("new", "a")).unwrap();
    sim.apply(place(config_map("three", "1"), "new")).unwrap();
    sees(&running, "configmaps", &["one", "three", "two"]).await;
    sim.apply(team("one", "b")).unwrap();
    sees(&running, "configmaps", &["three", "two"]).await;
    // The same as a condition of a rule.
    let rules = ["configmaps namespaceLabels=team=b", "nodes"];
    running.handle.reconfigure(only(&rules));
    sees(&running, "configmaps", &["one"]).await;
    let replica = running.stop().await;
    let told = deletes(&replica.lock().unwrap(), "configmaps");
    assert!(told.iter().all(|(_, why)| why.is_some()), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_select_at_presence_too() {
    let sim = Sim::builder().start().await.unwrap();
    for name in ["web-1", "web-2", "db-1"] {
        sim.apply(config_map(name, "1")).unwrap();
    }
    let mut selection = only(&[r#"configmaps cel=metadata.name.startsWith("web-")"#]);
    selection.depth.preset = Preset::Presence;
    let exclude = r#"configmaps cel=metadata.labels.app == "x""#;
    selection.exclude.push(exclude.parse().unwrap());
    let running = Running::of(&sim, selection);
    running.synced().await;
    sees(&running, "configmaps", &["web-1", "web-2"]).await;
    sim.apply(labelled("web-2", "x")).unwrap();
    sees(&running, "configmaps", &["web-1"]).await;
    let bodies = sim.requests().count(|request| {
        request.path.ends_with("/configmaps") && !request.accept.contains("PartialObjectMetadata")
    });
    assert_eq!(bodies, 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_namespace_of_a_rule_is_all_that_is_asked_for() {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(config_map("a", "1")).unwrap();
    sim.apply(config_map("b", "1")).unwrap();
    sim.apply(place(config_map("a", "1"), "kube-system"))
        .unwrap();
    let running = Running::of(&sim, only(&["configmaps@default name=a"]));
    running.synced().await;
    sees(&running, "configmaps", &["a"]).await;
    let asked = sim.requests().matching(|r| r.path.ends_with("/configmaps"));
    assert!(!asked.is_empty());
    for request in asked {
        assert_eq!(request.path, "/api/v1/namespaces/default/configmaps");
        let fields = request.query_value("fieldSelector");
        assert_eq!(fields, Some("metadata%2Ename%3Da"));
    }
    running.stop().await;
}
