use meshsync_sim::Sim;

use super::client::{Call, get};

const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

#[tokio::test]
async fn aggregated_discovery_has_an_etag_and_answers_not_modified() {
    let sim = Sim::builder().start().await.unwrap();
    let first = Call::new("GET", "/apis")
        .header("accept", AGGREGATED)
        .send(&sim)
        .await;
    assert_eq!(first.json()["kind"], "APIGroupDiscoveryList");
    assert!(
        first
            .header("content-type")
            .contains("as=APIGroupDiscoveryList")
    );
    let etag = first.header("etag").to_owned();
    assert!(etag.starts_with('"'));
    let again = Call::new("GET", "/apis")
        .header("accept", AGGREGATED)
        .header("if-none-match", &etag)
        .send(&sim)
        .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let core = Call::new("GET", "/api")
        .header("accept", AGGREGATED)
        .send(&sim)
        .await
        .json();
    assert_eq!(
        core["items"][0]["versions"][0]["resources"][2]["responseKind"]["kind"],
        "ConfigMap"
    );
}

#[tokio::test]
async fn legacy_discovery_names_every_group_and_resource() {
    let sim = Sim::builder()
        .without_aggregated_discovery()
        .start()
        .await
        .unwrap();
    let groups = Call::new("GET", "/apis")
        .header("accept", AGGREGATED)
        .send(&sim)
        .await
        .json();
    assert_eq!(groups["kind"], "APIGroupList");
    assert_eq!(
        groups["groups"][1]["preferredVersion"]["groupVersion"],
        "apps/v1"
    );
    let apps = get(&sim, "/apis/apps/v1").await.json();
    let names: Vec<_> = apps["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"deployments") && names.contains(&"deployments/scale"),
        "{names:?}"
    );
    assert_eq!(get(&sim, "/api").await.json()["versions"][0], "v1");
    assert_eq!(
        get(&sim, "/apis/autoscaling").await.json()["versions"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    assert_eq!(get(&sim, "/apis/nothing.example.com").await.status, 404);
    for path in ["/healthz", "/livez", "/readyz", "/version"] {
        assert_eq!(get(&sim, path).await.status, 200);
    }
}

#[tokio::test]
async fn an_unavailable_group_is_stale_in_one_and_503_in_the_other() {
    let sim = Sim::builder().start().await.unwrap();
    sim.faults().group_unavailable("batch");
    let groups = Call::new("GET", "/apis")
        .header("accept", AGGREGATED)
        .send(&sim)
        .await
        .json();
    let batch = groups["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|g| g["metadata"]["name"] == "batch")
        .unwrap();
    assert_eq!(batch["versions"][0]["freshness"], "Stale");
    assert!(batch["versions"][0].get("resources").is_none());
    assert_eq!(get(&sim, "/apis/batch/v1").await.status, 503);
    assert_eq!(get(&sim, "/apis/batch/v1/jobs").await.status, 503);
    sim.faults().group_available("batch");
    assert_eq!(get(&sim, "/apis/batch/v1/jobs").await.status, 200);
}
