//! How deep a cluster is observed, and that it can change while the pipeline runs.

use meshsync::{Depth, Preset, Selection};
use meshsync_sim::{Generate, Sim};
use serde_json::Value;

use crate::support::{Replica, Running, builder, config_map, everything, only};

fn depth(preset: Preset, rules: &[&str]) -> Depth {
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    Depth {
        preset,
        rules,
        ..Depth::default()
    }
}

/// The tiers at which objects of a resource are known, each once.
fn tiers(replica: &Replica, resource: &str, namespace: Option<&str>) -> Vec<String> {
    let of = replica.live.iter().filter(|((id, ns, _), _)| {
        id == resource && namespace.is_none_or(|namespace| namespace == ns)
    });
    let mut tiers: Vec<String> = of
        .map(|(_, record)| record["tier"].as_str().unwrap_or_default().to_owned())
        .collect();
    tiers.sort_unstable();
    tiers.dedup();
    tiers
}

fn members(record: &Value) -> Vec<&str> {
    let object = record["object"].as_object().unwrap();
    object.keys().map(String::as_str).collect()
}

/// Lists and watches that asked for whole objects of what `wanted` says.
fn whole(sim: &Sim, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let requests = sim.requests().all().into_iter();
    requests
        .filter(|r| r.status == 200 && (r.is_watch() || r.query.contains("limit=")))
        .filter(|r| wanted(&r.path) && !r.accept.contains("as=PartialObjectMetadata"))
        .map(|r| format!("{} {}", r.path, r.accept))
        .collect()
}

async fn a_presence_only_run(sim: Sim) {
    let selection = Selection {
        depth: depth(Preset::Presence, &[]),
        ..everything()
    };
    let running = Running::of(&sim, selection);
    running.synced().await;
    running.equals(&sim, "the presence of everything").await;
    sim.apply(config_map("later", "1")).unwrap();
    running.equals(&sim, "after a change").await;
    assert_eq!(whole(&sim, |_| true), Vec::<String>::new());
    {
        let replica = running.replica.lock().unwrap();
        for ((resource, ..), record) in &replica.live {
            assert_eq!(record["tier"], "presence");
            assert_eq!(members(record), ["apiVersion", "kind", "metadata"]);
            assert_ne!(
                record["object"]["kind"], "PartialObjectMetadata",
                "{resource}"
            );
        }
    }
    assert_eq!(running.resource("pods").tier, meshsync::Tier::Presence);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_presence_only_run_never_asks_for_a_whole_object() {
    let sim = Sim::builder().generate(Generate::objects(300));
    a_presence_only_run(sim.start().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_it_where_lists_come_in_pages() {
    let sim = Sim::builder().generate(Generate::objects(300));
    let sim = sim.start().await.unwrap();
    sim.faults().refuse_watch_list();
    a_presence_only_run(sim).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_tier_of_one_kind_touches_its_watch_alone_and_tells_every_object_anew() {
    let sim = Sim::builder().generate(Generate::objects(300));
    let sim = sim.start().await.unwrap();
    let at = |rules: &[&str]| Selection {
        depth: depth(Preset::Full, rules),
        ..only(&["pods", "configmaps", "services"])
    };
    let running = Running::of(&sim, at(&[]));
    running.synced().await;
    running.equals(&sim, "in detail").await;
    for (rules, tier) in [(&["pods=presence"][..], "presence"), (&[], "detail")] {
        sim.requests().clear();
        let before = {
            let replica = running.replica.lock().unwrap();
            (replica.added, replica.deleted)
        };
        running.handle.reconfigure(at(rules));
        running
            .sees("pods at another tier", |replica| {
                tiers(replica, "pods", None) == [tier]
            })
            .await;
        running.equals(&sim, "at another tier").await;
        let replica = running.replica.lock().unwrap();
        assert_eq!(tiers(&replica, "configmaps", None), ["detail"]);
        assert_eq!(
            (replica.added, replica.deleted),
            before,
            "an object at another tier is modified, neither new nor gone"
        );
        let others = sim.requests().count(|r| !r.path.ends_with("/pods"));
        assert_eq!(others, 0, "no other watch is touched");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_transfers_bodies_of_what_says_which_infrastructure_there_is() {
    let sim = Sim::builder().generate(Generate::objects(500));
    let sim = sim.start().await.unwrap();
    let running = Running::start(builder(&sim).select(Selection {
        depth: depth(Preset::Standard, &[]),
        ..Selection::default()
    }));
    running.synced().await;
    running.equals(&sim, "standard").await;
    let bodies = |path: &str| path.ends_with("/pods") || path.ends_with("/secrets");
    assert_eq!(whole(&sim, bodies), Vec::<String>::new());
    let replica = running.replica.lock().unwrap();
    assert_eq!(tiers(&replica, "pods", None), ["presence"]);
    assert_eq!(tiers(&replica, "deployments.apps", None), ["detail"]);
    assert_eq!(tiers(&replica, "services", None), ["detail"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tier_may_differ_by_namespace() {
    let sim = Sim::builder().start().await.unwrap();
    for namespace in ["default", "kube-system"] {
        let mut map = config_map("a", "1");
        map["metadata"]["namespace"] = namespace.into();
        sim.apply(map).unwrap();
    }
    let running = Running::of(
        &sim,
        Selection {
            depth: depth(Preset::Full, &["configmaps@kube-*=presence"]),
            ..only(&["configmaps"])
        },
    );
    running.synced().await;
    running.equals(&sim, "both namespaces").await;
    let replica = running.replica.lock().unwrap();
    let of = |namespace| tiers(&replica, "configmaps", Some(namespace));
    assert_eq!(of("kube-system"), ["presence"]);
    assert_eq!(of("default"), ["detail"]);
    let key = (
        "configmaps".to_owned(),
        "kube-system".to_owned(),
        "a".to_owned(),
    );
    assert_eq!(
        members(&replica.live[&key]),
        ["apiVersion", "kind", "metadata"]
    );
}
