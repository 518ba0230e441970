use meshsync_sim::Sim;
use serde_json::json;

use super::client::{Call, config_map, get, names};

async fn with_config_maps(count: usize) -> Sim {
    let sim = Sim::builder().start().await.unwrap();
    for at in 0..count {
        sim.apply(config_map(&format!("c{at:02}"), &(at % 2).to_string()))
            .unwrap();
    }
    sim
}

#[tokio::test]
async fn items_of_built_in_lists_carry_no_kind() {
    let sim = with_config_maps(1).await;
    let list = get(&sim, "/api/v1/configmaps").await;
    assert!(list.body.starts_with(
        br#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":""#
    ));
    let list = list.json();
    assert_eq!(list["items"][0].get("kind"), None);
    assert_eq!(
        list["metadata"]["resourceVersion"],
        sim.resource_version().to_string()
    );
    let one = get(&sim, "/api/v1/namespaces/default/configmaps/c00").await;
    assert!(
        one.body
            .starts_with(br#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"c00""#)
    );
}

#[tokio::test]
async fn pages_show_the_state_of_the_first_page() {
    let sim = with_config_maps(5).await;
    let first = get(&sim, "/api/v1/namespaces/default/configmaps?limit=2")
        .await
        .json();
    assert_eq!(names(&first), ["c00", "c01"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 3);
    sim.delete("", "configmaps", Some("default"), "c02")
        .unwrap();
    sim.apply(config_map("c03", "changed")).unwrap();
    sim.apply(config_map("c035", "new")).unwrap();
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = get(
        &sim,
        &format!("/api/v1/namespaces/default/configmaps?limit=2&continue={token}"),
    )
    .await
    .json();
    assert_eq!(names(&second), ["c02", "c03"]);
    assert_eq!(second["items"][1]["data"]["value"], "1");
    assert_eq!(
        second["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    let token = second["metadata"]["continue"].as_str().unwrap();
    let last = get(
        &sim,
        &format!("/api/v1/namespaces/default/configmaps?limit=2&continue={token}"),
    )
    .await
    .json();
    assert_eq!(names(&last), ["c04"]);
    assert_eq!(last["metadata"].get("continue"), None);
    assert_eq!(last["metadata"].get("remainingItemCount"), None);
}

#[tokio::test]
async fn a_continue_token_expires_with_the_history() {
    let sim = with_config_maps(5).await;
    let first = get(&sim, "/api/v1/configmaps?limit=2").await.json();
    sim.apply(config_map("c99", "x")).unwrap();
    sim.compact();
    let token = first["metadata"]["continue"].as_str().unwrap();
    let answer = get(
        &sim,
        &format!("/api/v1/configmaps?limit=2&continue={token}"),
    )
    .await;
    assert_eq!(
        (answer.status, answer.json()["reason"].as_str()),
        (410, Some("Expired"))
    );
    let anew = answer.json()["metadata"]["continue"]
        .as_str()
        .unwrap()
        .to_owned();
    let rest = get(&sim, &format!("/api/v1/configmaps?continue={anew}"))
        .await
        .json();
    assert_eq!(names(&rest), ["c02", "c03", "c04", "c99"]);
}

#[tokio::test]
async fn resource_version_match_is_honoured() {
    let sim = with_config_maps(1).await;
    let old = sim.resource_version();
    sim.apply(config_map("later", "x")).unwrap();
    let path = |rv: u64, rest: &str| format!("/api/v1/configmaps?resourceVersion={rv}{rest}");
    assert_eq!(
        names(
            &get(&sim, &path(old, "&resourceVersionMatch=Exact"))
                .await
                .json()
        ),
        ["c00"]
    );
    assert_eq!(
        names(
            &get(&sim, &path(old, "&resourceVersionMatch=NotOlderThan"))
                .await
                .json()
        )
        .len(),
        2
    );
    assert_eq!(
        names(&get(&sim, &path(0, "&limit=1")).await.json()).len(),
        2,
        "the watch cache does not page"
    );
    assert_eq!(
        get(&sim, &path(0, "&resourceVersionMatch=Exact"))
            .await
            .status,
        422
    );
    assert_eq!(get(&sim, &path(old + 1000, "")).await.status, 504);
    sim.compact();
    assert_eq!(
        get(&sim, &path(old, "&resourceVersionMatch=Exact"))
            .await
            .status,
        410
    );
}

#[tokio::test]
async fn selectors_narrow_lists() {
    let sim = with_config_maps(4).await;
    let list = async |query: &str| {
        let list = get(&sim, &format!("/api/v1/configmaps?{query}"))
            .await
            .json();
        names(&list)
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(list("labelSelector=value%3D1").await, ["c01", "c03"]);
    assert_eq!(
        list("labelSelector=value%20notin%20(1),!other").await,
        ["c00", "c02"]
    );
    assert_eq!(list("fieldSelector=metadata.name%3Dc02").await, ["c02"]);
    assert_eq!(
        list("fieldSelector=data.value%3D1,metadata.name!%3Dc01").await,
        ["c03"]
    );
    assert_eq!(
        get(&sim, "/api/v1/configmaps?labelSelector=a%20b")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn metadata_and_tables_are_served_on_request() {
    let sim = with_config_maps(1).await;
    let as_ = |what: &str| format!("application/json;as={what};g=meta.k8s.io;v=v1");
    let list =
        Call::new("GET", "/api/v1/configmaps").header("accept", &as_("PartialObjectMetadataList"));
    let list = list.send(&sim).await.json();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["kind"], "PartialObjectMetadata");
    assert_eq!(list["items"][0].get("data"), None);
    let path = "/api/v1/namespaces/default/configmaps/c00";
    let one = Call::new("GET", path)
        .header("accept", &as_("PartialObjectMetadata"))
        .send(&sim)
        .await
        .json();
    assert_eq!(
        (&one["kind"], &one["metadata"]["name"]),
        (&json!("PartialObjectMetadata"), &json!("c00"))
    );
    let table = Call::new("GET", "/api/v1/configmaps")
        .header("accept", &as_("Table"))
        .send(&sim)
        .await
        .json();
    assert_eq!(table["columnDefinitions"][1]["name"], "Data");
    assert_eq!(table["rows"][0]["cells"][0], "c00");
    let protobuf = Call::new("GET", path).header("accept", "application/vnd.kubernetes.protobuf");
    assert_eq!(protobuf.send(&sim).await.status, 406);
}
