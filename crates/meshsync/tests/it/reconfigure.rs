//! A selection that changes while the pipeline runs.

use meshsync::{EventRule, EventType, Events, NamespaceSelection, Selection};
use meshsync_sim::{Generate, Sim};
use serde_json::json;

use crate::support::{DEADLINE, Running, config_map, only};

async fn cluster() -> Sim {
    Sim::builder()
        .generate(Generate::objects(300))
        .start()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_watches_that_change_are_touched() {
    let sim = cluster().await;
    let running = Running::of(&sim, only(&["pods", "configmaps"]));
    running.synced().await;
    running.equals(&sim, "at first").await;
    sim.requests().clear();
    running
        .handle
        .reconfigure(only(&["configmaps", "services"]));
    running
        .sees("pods are gone and services there", |replica| {
            let has = |plural: &str| replica.live.keys().any(|(id, ..)| id == plural);
            !has("pods") && has("services") && has("configmaps")
        })
        .await;
    running.equals_soon(&sim).await;
    assert_eq!(running.observed(), ["configmaps", "services"]);
    let lists = sim.requests().count(|r| r.path.ends_with("/configmaps"));
    assert_eq!(lists, 0, "the watch that stays is not touched");
    sim.apply(config_map("after", "1")).unwrap();
    running.equals(&sim, "after a change").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_the_namespaces_is_deleted_and_what_joins_them_is_added() {
    let sim = cluster().await;
    let selection = |names: &[&str]| Selection {
        namespaces: NamespaceSelection::only(names.iter().copied()).unwrap(),
        ..only(&["configmaps", "nodes"])
    };
    let in_namespace = |namespace: &str| {
        let mut map = config_map("probe", "1");
        map["metadata"]["namespace"] = namespace.into();
        map
    };
    for namespace in ["default", "kube-system"] {
        sim.apply(in_namespace(namespace)).unwrap();
    }
    let running = Running::of(&sim, selection(&["default"]));
    running.synced().await;
    sim.requests().clear();
    let moves: [&[&str]; 4] = [
        &["kube-system"],
        &["default", "kube-system"],
        &[],
        &["default"],
    ];
    for names in moves {
        running.handle.reconfigure(selection(names));
        running
            .sees(&format!("the maps of {names:?}"), |replica| {
                let wanted = sim.snapshot().filter(|object| {
                    let in_it = names.is_empty() || names.contains(&object.namespace.as_str());
                    object.plural == "configmaps" && in_it
                });
                let known = replica.live.keys().filter(|(id, ..)| id == "configmaps");
                let known: Vec<_> = known
                    .map(|(_, ns, name)| (ns.clone(), name.clone()))
                    .collect();
                let mut wanted: Vec<_> = wanted.map(|o| (o.namespace, o.name)).collect();
                wanted.sort();
                known == wanted
            })
            .await;
    }
    assert_eq!(sim.requests().count(|r| r.path.ends_with("/nodes")), 0);
    running.stop().await;
}

/// The reasons of the deletes of a resource's objects.
fn reasons(replica: &crate::support::Replica, plural: &str) -> Vec<Option<String>> {
    let deletes = replica.payloads.iter().filter(|delivery| {
        let of = delivery.key.is_some() && delivery.event == EventType::Deleted;
        let resource = delivery.resource.as_ref();
        of && resource.is_some_and(|resource| resource.plural == plural)
    });
    let records = deletes.map(|d| serde_json::from_slice::<serde_json::Value>(&d.payload).unwrap());
    records
        .map(|record| record["reason"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_says_whether_it_is_one_or_nobody_wants_the_object_any_more() {
    let sim = cluster().await;
    for name in ["stays", "goes", "marked"] {
        sim.apply(config_map(name, "1")).unwrap();
    }
    let selection = |names: &[&str], patterns: &[&str]| Selection {
        namespaces: NamespaceSelection::only(names.iter().copied()).unwrap(),
        ..only(patterns)
    };
    let running = Running::of(&sim, selection(&[], &["configmaps", "services"]));
    running.synced().await;
    let unselected = Some("unselected".to_owned());
    sim.delete("", "configmaps", Some("default"), "goes")
        .unwrap();
    running
        .sees("a delete", |replica| {
            reasons(replica, "configmaps") == [None]
        })
        .await;
    // Another namespace, and one object that is deleted on the way.
    running
        .handle
        .reconfigure(selection(&["default"], &["configmaps", "services"]));
    running
        .sees("those of other namespaces leave", |replica| {
            let known = |key: &crate::support::Key| key.0 == "configmaps" && key.1 != "default";
            !replica.live.keys().any(known) && reasons(replica, "configmaps").len() > 1
        })
        .await;
    {
        let replica = running.replica.lock().unwrap();
        let reasons = reasons(&replica, "configmaps");
        assert!(
            reasons[1..].iter().all(|why| *why == unselected),
            "{reasons:?}"
        );
    }
    // The whole resource.
    let services = |replica: &crate::support::Replica| {
        replica
            .live
            .keys()
            .filter(|key| key.0 == "services")
            .count()
    };
    let before = reasons(&running.replica.lock().unwrap(), "services").len();
    running
        .handle
        .reconfigure(selection(&["default"], &["configmaps"]));
    running
        .sees("they leave", |replica| services(replica) == 0)
        .await;
    let why = reasons(&running.replica.lock().unwrap(), "services").split_off(before);
    assert!(why.iter().all(|why| *why == unselected), "{why:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_are_not_wanted_are_not_told_and_the_list_is_not_read_again() {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(config_map("a", "1")).unwrap();
    let rules = |events: &[EventType]| Selection {
        events: vec![EventRule {
            pattern: "configmaps".parse().unwrap(),
            events: Events::only(events.iter().copied()),
        }],
        ..only(&["configmaps"])
    };
    let running = Running::of(&sim, rules(&[EventType::Modified]));
    running.synced().await;
    sim.requests().clear();
    assert_eq!(running.replica.lock().unwrap().added, 0);
    running.handle.reconfigure(rules(&[]));
    // When the task hears of it is not known: one of these is after that.
    let mut next = 0;
    meshsync_testkit::eventually("the next one is told", DEADLINE, async || {
        next += 1;
        sim.apply(config_map(&format!("next-{next}"), "1")).unwrap();
        running.replica.lock().unwrap().added > 0
    })
    .await;
    assert_eq!(sim.requests().count(|r| r.path.ends_with("/configmaps")), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_meshery_deployed_can_be_had_alone_and_is_counted_by_design() {
    let sim = Sim::builder().start().await.unwrap();
    let deployed = |name: &str, design: Option<&str>| {
        let mut map = config_map(name, "1");
        if let Some(design) = design {
            map["metadata"]["labels"] = json!({"design.meshery.io/id": design});
        }
        map
    };
    sim.apply(deployed("green", Some("d-1"))).unwrap();
    sim.apply(deployed("brown", None)).unwrap();
    let running = Running::of(
        &sim,
        Selection {
            managed: meshsync::Managed::Greenfield,
            ..only(&["configmaps"])
        },
    );
    running.synced().await;
    let names = |replica: &crate::support::Replica| {
        let names = replica.live.keys().map(|(.., name)| name.clone());
        names.collect::<Vec<_>>()
    };
    running
        .sees("one of them", |replica| names(replica) == ["green"])
        .await;
    let count = || running.resource("configmaps").designs.get("d-1").copied();
    assert_eq!(count(), Some(1));
    sim.apply(deployed("brown", Some("d-1"))).unwrap();
    running
        .sees("another joins", |replica| {
            names(replica) == ["brown", "green"]
        })
        .await;
    assert_eq!(count(), Some(2));
    sim.apply(deployed("green", None)).unwrap();
    running
        .sees("one leaves", |replica| names(replica) == ["brown"])
        .await;
    assert_eq!(count(), Some(1));
    let brown = Selection {
        managed: meshsync::Managed::Brownfield,
        ..only(&["configmaps"])
    };
    running.handle.reconfigure(brown);
    running
        .sees("the others", |replica| {
            names(replica).contains(&"green".to_owned())
        })
        .await;
    running.stop().await;
}
