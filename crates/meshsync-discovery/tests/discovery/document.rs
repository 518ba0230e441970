//! Documents: from bytes to names.

use meshsync_discovery::{Answer, GroupVersionDocument, RootDocument};
use meshsync_model::Resource;

/// `expected` is a line for each group version.
fn check(document: &str, expected: &[&str]) {
    let lines: Vec<String> = match RootDocument::parse(document.as_bytes()).expect("a document") {
        RootDocument::Aggregated(groups) => groups
            .iter()
            .flat_map(|group| group.versions.iter().map(move |version| (group, version)))
            .map(|(group, version)| match &version.answer {
                Answer::Served(all) => format!("{}/{}: {}", group.name, version.version, line(all)),
                Answer::Unavailable(why) => format!("{}/{}! {why}", group.name, version.version),
            })
            .collect(),
        RootDocument::Listed(groups) => groups
            .iter()
            .flat_map(|group| group.group_versions())
            .map(|name| name.path())
            .collect(),
    };
    assert_eq!(lines, expected, "{document}");
}

fn line(resources: &[Resource]) -> String {
    let words: Vec<String> = resources.iter().map(word).collect();
    words.join(" ")
}

fn word(resource: &Resource) -> String {
    let mut word = format!("{}={}", resource, resource.gvk.kind);
    for (is_on, mark) in [
        (resource.namespaced, "+ns"),
        (resource.listable, "+list"),
        (resource.watchable, "+watch"),
    ] {
        if is_on {
            word.push_str(mark);
        }
    }
    word
}

fn aggregated(version: &str, items: &str) -> String {
    format!(
        r#"{{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/{version}","items":{items}}}"#
    )
}

#[test]
fn both_versions_of_the_aggregated_form_are_read() {
    let items = r#"[{"metadata":{"name":"apps","creationTimestamp":null},"versions":[
        {"version":"v1","freshness":"Current","later":{"unknown":1},"resources":[
          {"resource":"deployments","responseKind":{"group":"apps","version":"v1","kind":"Deployment"},
           "scope":"Namespaced","singularResource":"deployment","verbs":["get","list","watch"],
           "subresources":[{"subresource":"status"}]},
          {"resource":"things","responseKind":{"group":"","version":"","kind":"Thing"},
           "scope":"Cluster","verbs":["list"]}]}]}]"#;
    for version in ["v2", "v2beta1"] {
        check(
            &aggregated(version, items),
            &["apps/v1: deployments.v1.apps=Deployment+ns+list+watch things.v1.apps=Thing+list"],
        );
    }
}

#[test]
fn a_resource_without_a_kind_is_left_out() {
    let items = r#"[{"versions":[{"version":"v1","resources":[
        {"resource":"parents","verbs":[],"subresources":[{"subresource":"scale"}]},
        {"resource":"nulls","responseKind":null,"verbs":null}]}]}]"#;
    check(&aggregated("v2", items), &["/v1: "]);
}

#[test]
fn one_group_version_that_cannot_be_decoded_spoils_no_other() {
    let items = r#"[{"metadata":{"name":"a.io"},"versions":[
        {"version":"v2","resources":[{"resource":7}]},
        {"version":"v1","resources":null},
        {"version":"v0","freshness":"Stale"}]}]"#;
    check(
        &aggregated("v2", items),
        &[
            "a.io/v2! its answer cannot be decoded: invalid type: integer `7`, expected a string \
             at line 1 column 14",
            "a.io/v1: ",
            "a.io/v0! the server behind it cannot be reached (stale)",
        ],
    );
}

#[test]
fn the_preferred_version_of_a_listed_group_comes_first() {
    check(r#"{"kind":"APIVersions","versions":["v1"]}"#, &["/api/v1"]);
    check(
        r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[
            {"name":"a.io","versions":[{"groupVersion":"a.io/v3","version":"v3"},{"version":"v2"},
             {"version":"v1"}],"preferredVersion":{"groupVersion":"a.io/v1","version":"v1"}},
            {"name":"b.io","versions":[{"version":"v2"},{"version":"v1"}],
             "preferredVersion":{"version":"v9"}},
            {"name":"c.io","versions":null}]}"#,
        &[
            "/apis/a.io/v1",
            "/apis/a.io/v3",
            "/apis/a.io/v2",
            "/apis/b.io/v2",
            "/apis/b.io/v1",
        ],
    );
}

#[test]
fn a_resource_list_is_read_without_its_subresources() {
    let document = GroupVersionDocument::parse(
        br#"{"kind":"APIResourceList","groupVersion":"apps/v1","resources":[
            {"name":"deployments","singularName":"deployment","namespaced":true,
             "kind":"Deployment","verbs":["list","watch"],"shortNames":["deploy"]},
            {"name":"deployments/scale","namespaced":true,"group":"autoscaling","version":"v1",
             "kind":"Scale","verbs":["get"]},
            {"name":"dummies","kind":"Dummy","verbs":null}]}"#,
    )
    .expect("a document");
    assert_eq!(document.group_version().to_string(), "apps/v1");
    assert_eq!(
        line(&document.resources),
        "deployments.v1.apps=Deployment+ns+list+watch dummies.v1.apps=Dummy"
    );
    assert_eq!(document.resources[0].short_names, ["deploy"]);
}

#[test]
fn another_kind_of_document_is_refused_by_its_name() {
    let status = br#"{"kind":"Status","apiVersion":"v1","code":403}"#;
    assert_eq!(
        RootDocument::parse(status).unwrap_err().to_string(),
        "expected an APIGroupDiscoveryList (v2 or v2beta1), APIVersions or an APIGroupList, \
         found kind \"Status\" of \"v1\""
    );
    assert_eq!(
        GroupVersionDocument::parse(status).unwrap_err().to_string(),
        "expected an APIResourceList, found kind \"Status\" of \"v1\""
    );
    assert!(RootDocument::parse(b"service unavailable\n").is_err());
}
