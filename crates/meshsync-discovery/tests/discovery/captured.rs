//! The documents of a real API server, where the reference files are at hand.

use std::{collections::BTreeSet, fs, path::Path};

use meshsync_discovery::{
    Answer, Catalog, Discovered, GroupVersion, GroupVersionDocument, RootAnswer, RootDocument,
    Selection, Unavailable, WatchPlan,
};
use meshsync_model::ResourceId;
use meshsync_testkit::{gunzip, require_reference};

fn aggregated(cluster: &Path) -> Discovered {
    let root = |file: &str| {
        let bytes = gunzip(cluster.join("discovery/aggregated").join(file));
        match RootDocument::parse(&bytes).expect(file) {
            RootDocument::Aggregated(groups) => RootAnswer::Complete(groups),
            RootDocument::Listed(_) => panic!("{file} is not aggregated"),
        }
    };
    Discovered {
        core: root("api.json.gz"),
        named: root("apis.json.gz"),
    }
}

fn legacy(cluster: &Path) -> Discovered {
    let folder = cluster.join("discovery/legacy");
    let answer = |name: &GroupVersion| {
        let file = name.to_string().replace('/', "_") + ".json.gz";
        match GroupVersionDocument::parse(&gunzip(folder.join(file))) {
            Ok(document) => {
                assert_eq!(document.group_version(), *name);
                Answer::Served(document.resources)
            }
            Err(_) => Answer::Unavailable(Unavailable::Status(503)),
        }
    };
    let root = |file: &str| match RootDocument::parse(&gunzip(folder.join(file))).expect(file) {
        RootDocument::Listed(groups) => RootAnswer::listed(groups, answer),
        RootDocument::Aggregated(_) => panic!("{file} is aggregated"),
    };
    Discovered {
        core: root("api.json.gz"),
        named: root("apis.json.gz"),
    }
}

/// The group versions that answered 503 when the documents were captured.
const AWAY: [&str; 3] = [
    "external.metrics.k8s.io/v1beta1",
    "metrics.k8s.io/v1beta1",
    "tap.linkerd.io/v1alpha1",
];

fn unavailable(catalog: &Catalog) -> BTreeSet<String> {
    let names = catalog.unavailable().iter();
    names.map(|(name, _)| name.to_string()).collect()
}

#[test]
fn aggregated_and_legacy_documents_give_the_same_resources() {
    let Some(dir) = require_reference("aggregated_and_legacy_documents_give_the_same_resources")
    else {
        return;
    };
    let cluster = dir.join("cluster");
    let aggregated = Catalog::update(None, aggregated(&cluster));
    let legacy = Catalog::update(None, legacy(&cluster));
    let by_id = |catalog: &Catalog| {
        let mut served: Vec<_> = catalog.served().cloned().collect();
        served.sort_by_key(|served| served.resource.id());
        served
    };
    assert_eq!(by_id(&aggregated), by_id(&legacy));
    assert!(aggregated.served().len() > 300);
}

#[test]
fn three_unavailable_groups_hide_nothing_else() {
    let Some(dir) = require_reference("three_unavailable_groups_hide_nothing_else") else {
        return;
    };
    let cluster = dir.join("cluster");
    let first = Catalog::update(None, aggregated(&cluster));
    assert_eq!(unavailable(&first), AWAY.map(str::to_owned).into());
    let legacy = Catalog::update(Some(&first), legacy(&cluster));
    assert_eq!(unavailable(&legacy), AWAY.map(str::to_owned).into());

    let plan = WatchPlan::new(&first, &Selection::default());
    assert!(
        plan.delta(&WatchPlan::new(&legacy, &Selection::default()))
            .is_empty()
    );
    let named = first.documents().len();
    let answered = first
        .documents()
        .iter()
        .filter(|it| !it.resources.is_empty());
    assert_eq!(answered.count(), named - AWAY.len());
}

#[test]
fn the_default_selection_observes_every_list_that_was_not_empty() {
    let Some(dir) =
        require_reference("the_default_selection_observes_every_list_that_was_not_empty")
    else {
        return;
    };
    let cluster = dir.join("cluster");
    let catalog = Catalog::update(None, aggregated(&cluster));
    let plan = WatchPlan::new(&catalog, &Selection::default());

    let mut left_out = Vec::new();
    for (name, plural) in lists(&cluster) {
        match plan.find(&ResourceId::new(&name.group, &plural)) {
            Some(resource) if resource.gvk.version == name.version => {}
            Some(resource) => {
                // Observed at the version the server prefers.
                let preferred = catalog.find(&resource.id()).expect("served");
                assert_eq!(preferred.resource.gvk.version, resource.gvk.version);
                let mut others = preferred.other_versions.iter();
                assert!(
                    others.any(|other| other.gvk.version == name.version),
                    "{name}"
                );
            }
            None => left_out.push(format!("{name} {plural}")),
        }
    }
    left_out.sort();
    assert_eq!(
        left_out,
        [
            "coordination.k8s.io/v1 leases",
            "events.k8s.io/v1 events",
            // Defined after the discovery documents were captured.
            "example.org/v1 widgets",
            "v1 componentstatuses",
            "v1 events",
        ]
    );
}

#[test]
fn what_is_left_out_by_default_can_be_asked_for() {
    let Some(dir) = require_reference("what_is_left_out_by_default_can_be_asked_for") else {
        return;
    };
    let catalog = Catalog::update(None, aggregated(&dir.join("cluster")));
    let default = WatchPlan::new(&catalog, &Selection::default());
    let also = ["events", "leases", "componentstatuses"];
    let selection = Selection {
        also: also.map(|text| text.parse().expect("a rule")).into(),
        ..Selection::default()
    };
    let delta = default.delta(&WatchPlan::new(&catalog, &selection));
    let started: Vec<String> = delta.start.iter().map(ToString::to_string).collect();
    assert_eq!(
        started,
        [
            "componentstatuses.v1",
            "events.v1",
            "leases.v1.coordination.k8s.io"
        ]
    );
    assert!(delta.stop.is_empty() && delta.restart.is_empty());
}

/// Group version and plural of each list that was captured.
fn lists(cluster: &Path) -> Vec<(GroupVersion, String)> {
    let mut lists = Vec::new();
    for folder in entries(&cluster.join("list")) {
        let name = GroupVersion::from_api_version(&folder.replace('_', "/"));
        for file in entries(&cluster.join("list").join(&folder)) {
            let plural = file.strip_suffix(".json.gz").expect("a list");
            lists.push((name.clone(), plural.to_owned()));
        }
    }
    lists
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}
