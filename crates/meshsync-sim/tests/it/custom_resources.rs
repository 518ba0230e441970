use meshsync_sim::Sim;
use serde_json::{Value, json};

use super::client::{Call, End, Watch, get};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const WIDGETS: &str = "/apis/example.org/v1/widgets";

fn crd() -> Value {
    let version = |name: &str, storage: bool, served: bool| json!({"name": name, "served": served, "storage": storage, "subresources": {"status": {}}, "schema": {}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "widgets.example.org"},
        "spec": {"group": "example.org", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets", "shortNames": ["wd"]},
                 "versions": [version("v1alpha1", false, false), version("v1beta1", false, true), version("v1", true, true)]},
    })
}

#[tokio::test]
async fn a_definition_brings_its_resources_and_takes_them_along() {
    let sim = Sim::builder().start().await.unwrap();
    let mut definitions = Watch::open(&sim, &format!("{CRDS}?watch=1")).await;
    assert_eq!(
        Call::new("POST", CRDS).json(&crd()).send(&sim).await.status,
        201
    );
    assert_eq!(definitions.change().await, "ADDED widgets.example.org");
    let established = definitions.event().await;
    assert_eq!(
        established["object"]["status"]["conditions"][1]["type"],
        "Established"
    );

    let group = get(&sim, "/apis/example.org").await.json();
    assert_eq!(group["preferredVersion"]["version"], "v1");
    assert_eq!(
        group["versions"].as_array().unwrap().len(),
        2,
        "only served versions"
    );
    let mut watch = Watch::open(&sim, &format!("{WIDGETS}?watch=1")).await;
    let widget = json!({"apiVersion": "example.org/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": null, "status": null});
    let created = Call::new("POST", "/apis/example.org/v1/namespaces/default/widgets")
        .json(&widget)
        .send(&sim)
        .await;
    assert_eq!(
        (created.status, &created.json()["spec"]),
        (201, &Value::Null)
    );
    assert_eq!(watch.change().await, "ADDED a");

    let list = get(&sim, WIDGETS).await;
    assert!(list.body.starts_with(br#"{"apiVersion":"example.org/v1","items":[{"apiVersion":"example.org/v1","kind":"Widget","metadata":"#));
    assert_eq!(list.json()["kind"], "WidgetList");
    let beta = get(&sim, "/apis/example.org/v1beta1/widgets").await.json();
    assert_eq!(beta["items"][0]["apiVersion"], "example.org/v1beta1");

    assert_eq!(
        Call::new("DELETE", format!("{CRDS}/widgets.example.org"))
            .send(&sim)
            .await
            .status,
        200
    );
    assert_eq!(watch.change().await, "DELETED a");
    assert_eq!(watch.end().await, End::Clean);
    assert_eq!(get(&sim, WIDGETS).await.status, 404);
    assert_eq!(get(&sim, "/apis/example.org").await.status, 404);
    assert_eq!(definitions.change().await, "MODIFIED widgets.example.org");
    assert_eq!(definitions.change().await, "DELETED widgets.example.org");

    assert_eq!(
        Call::new("POST", CRDS).json(&crd()).send(&sim).await.status,
        201
    );
    assert_eq!(get(&sim, WIDGETS).await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_changed_definition_changes_discovery() {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(crd()).unwrap();
    let mut changed = crd();
    changed["spec"]["versions"][0]["served"] = true.into();
    sim.apply(changed).unwrap();
    assert_eq!(
        get(&sim, "/apis/example.org/v1alpha1/widgets").await.status,
        200
    );
    let kept = get(&sim, WIDGETS).await;
    assert_eq!(kept.status, 200);
}
