use std::collections::{BTreeMap, BTreeSet};

use meshsync_sim::{Generate, KUBE_SYSTEM_UID, Sim, Sizes};
use serde_json::Value;

use super::client::{Watch, get, within};

#[tokio::test]
async fn a_generated_cluster_has_the_size_asked_for_and_is_whole() {
    for objects in [200, 1_500] {
        let sim = Sim::builder()
            .generate(Generate { objects, seed: 7 })
            .start()
            .await
            .unwrap();
        let count = sim.object_count();
        assert!(
            count.abs_diff(objects) * 20 < objects,
            "{count} of {objects}"
        );
        let uids: BTreeSet<String> = sim.snapshot().map(|object| object.uid).collect();
        assert_eq!(uids.len(), count, "every object has a uid of its own");
        for object in sim.snapshot() {
            let value: Value = serde_json::from_slice(&object.bytes).unwrap();
            for owner in value["metadata"]["ownerReferences"]
                .as_array()
                .into_iter()
                .flatten()
            {
                assert!(
                    uids.contains(owner["uid"].as_str().unwrap()),
                    "owner of {}",
                    object.name
                );
            }
        }
        assert_eq!(
            sim.object("", "namespaces", None, "kube-system").unwrap()["metadata"]["uid"],
            KUBE_SYSTEM_UID
        );
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_cluster() {
    let picture = async |seed| {
        let sim = Sim::builder()
            .generate(Generate { objects: 400, seed })
            .start()
            .await
            .unwrap();
        sim.snapshot()
            .map(|o| (o.plural, o.namespace, o.name))
            .collect::<Vec<_>>()
    };
    assert_eq!(picture(1).await, picture(1).await);
    assert_ne!(picture(1).await, picture(2).await);
}

/// A picture kept by a watch equals what is there: the point of the whole thing.
#[tokio::test]
async fn a_watch_follows_the_churn_exactly() {
    let sim = Sim::builder()
        .generate(Generate::objects(400))
        .start()
        .await
        .unwrap();
    let list = get(&sim, "/api/v1/pods").await.json();
    let key = |object: &Value| {
        let metadata = &object["metadata"];
        (
            metadata["namespace"].as_str().unwrap().to_owned(),
            metadata["name"].as_str().unwrap().to_owned(),
        )
    };
    let version = |object: &Value| {
        object["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let mut picture: BTreeMap<_, _> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| (key(pod), version(pod)))
        .collect();
    let rv = list["metadata"]["resourceVersion"].as_str().unwrap();
    let mut watch = Watch::open(&sim, &format!("/api/v1/pods?watch=1&resourceVersion={rv}")).await;
    let churn = sim.churn_seeded(300.0, 3);
    for _ in 0..300 {
        apply(&mut picture, &watch.event().await, key, version);
    }
    within("stop of the churn", churn.stop()).await;
    let pods = sim
        .snapshot()
        .filter(|object| object.group.is_empty() && object.plural == "pods");
    let expected: BTreeMap<_, _> = pods
        .map(|pod| ((pod.namespace, pod.name), pod.resource_version.to_string()))
        .collect();
    while picture != expected {
        apply(&mut picture, &watch.event().await, key, version);
    }
}

fn apply<K: Ord>(
    picture: &mut BTreeMap<K, String>,
    event: &Value,
    key: impl Fn(&Value) -> K,
    version: impl Fn(&Value) -> String,
) {
    let object = &event["object"];
    match event["type"].as_str().unwrap() {
        "DELETED" => drop(picture.remove(&key(object))),
        _ => drop(picture.insert(key(object), version(object))),
    }
}

#[test]
fn manifests_are_loaded_definitions_first() {
    let dir = tempfile::tempdir().unwrap();
    let text = r#"
apiVersion: example.org/v1
kind: Widget
metadata: {name: a, namespace: shop}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}
- {apiVersion: v1, kind: Service, metadata: {name: s, namespace: shop}, spec: {ports: [{port: 80}]}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions: [{name: v1, served: true, storage: true}]
"#;
    std::fs::write(dir.path().join("all.yaml"), text).unwrap();
    let builder = Sim::builder().manifests(dir.path()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let sim = builder.start().await.unwrap();
        assert!(
            sim.object("example.org", "widgets", Some("shop"), "a")
                .is_some()
        );
        assert!(sim.object("", "configmaps", Some("default"), "c").is_some());
        assert_eq!(
            sim.object("", "namespaces", None, "shop").unwrap()["status"]["phase"],
            "Active"
        );
        let crd = sim.object(
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            None,
            "widgets.example.org",
        );
        assert_eq!(
            crd.unwrap()["status"]["conditions"][1]["type"],
            "Established"
        );
    });
    std::fs::write(dir.path().join("bad.yaml"), "kind: Nothing\napiVersion: v1").unwrap();
    let error = Sim::builder().manifests(dir.path()).unwrap_err();
    assert!(error.to_string().contains("bad.yaml"), "{error}");
}

#[tokio::test]
async fn sizes_follow_zipf_and_contents_differ() {
    let generate = || Generate {
        objects: 1_500,
        seed: 3,
    };
    let sim = Sim::builder()
        .generate_sized(generate(), Sizes::Zipf)
        .start()
        .await
        .unwrap();
    let (mut sizes, mut contents) = (Vec::new(), std::collections::HashSet::new());
    for object in sim.snapshot() {
        if object.plural != "customresourcedefinitions" {
            sizes.push(object.bytes.len());
            contents.insert(object.bytes);
        }
    }
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    let (median, largest) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
    assert!((4_000..7_500).contains(&mean), "mean {mean}");
    assert!((1_000..4_000).contains(&median), "median {median}");
    assert!((100_000..=201_000).contains(&largest), "largest {largest}");
    assert_eq!(contents.len(), sizes.len(), "no two are the same");
    let again = Sim::builder()
        .generate_sized(generate(), Sizes::Zipf)
        .start()
        .await
        .unwrap();
    let bytes = |sim: &Sim| sim.snapshot().map(|o| o.bytes.len()).sum::<usize>();
    assert_eq!(bytes(&sim), bytes(&again), "the same for the same seed");
}
