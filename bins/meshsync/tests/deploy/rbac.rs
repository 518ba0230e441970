//! What the Roles permit is enough, and all of it is used: the simulator's authoriser decides, and
//! its log of requests is the witness.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::collections::BTreeSet;
use std::process::Command;

use meshsync_sim::{CutStyle, Generate, Sim, User};
use meshsync_testkit::{eventually, tool};
use serde_json::{Value, json};

use crate::cluster::{Cluster, DEADLINE, Permission, granted, needed};
use crate::manifests::{base_with, chart, items, kustomize, name, of_kind};

/// The name of the object that cannot be read any more.
const VICTIM: &str = "victim";

/// Runs the agent with exactly these manifests through everything it asks a server for: lists that
/// are streamed and lists in pages, and objects by name, for every resource it may read. Answers with
/// the permissions used; nothing may be refused.
async fn used(objects: &[Value], around: &[Value]) -> BTreeSet<Permission> {
    let mut used = BTreeSet::new();
    for streams in [true, false] {
        let mut builder = Sim::builder();
        if !streams {
            builder = builder.without_watch_list();
        }
        let cluster = Cluster::of(builder, &[around, objects].concat()).await;
        let readable = readable(&cluster, objects);
        for (group, plural, namespace) in &readable {
            put(&cluster, group, plural, *namespace, good(*namespace));
        }
        let _agent = cluster.start(objects);
        // A server that does not stream lists is asked to at first.
        let verb = if streams { "watch" } else { "list" };
        eventually("every resource observed", DEADLINE, async || {
            let asked: BTreeSet<Permission> = cluster.answered(objects).collect();
            readable.iter().all(|(group, plural, _)| {
                asked.contains(&(verb.to_owned(), group.clone(), plural.clone()))
            })
        })
        .await;
        if streams {
            // An object that a list does not show because it cannot be read is asked for by name.
            for (group, plural, namespace) in &readable {
                put(
                    &cluster,
                    group,
                    plural,
                    *namespace,
                    b"{\"metadata\":{\"name\":5}}".into(),
                );
            }
            cluster.sim.compact();
            cluster.sim.faults().cut_watches(CutStyle::Clean);
            eventually("every object asked for by name", DEADLINE, async || {
                let end = format!("/{VICTIM}");
                let asked = cluster.requests(objects).into_iter();
                let asked: BTreeSet<String> = asked
                    .map(|request| request.path)
                    .filter(|path| path.ends_with(&end))
                    .collect();
                asked.len() == readable.len()
            })
            .await;
        }
        assert_eq!(cluster.refused(objects), Vec::<String>::new());
        used.extend(cluster.answered(objects));
    }
    used
}

/// What the operator of Meshery brings along: a namespace, and definitions of its custom resources,
/// under both names that its group has had.
fn meshery() -> Vec<Value> {
    let mut objects =
        vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "meshery"}})];
    for group in ["meshery.io", "meshery.layer5.io"] {
        for (plural, kind) in [("brokers", "Broker"), ("meshsyncs", "MeshSync")] {
            objects.push(json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": format!("{plural}.{group}")},
                "spec": {
                    "group": group, "scope": "Namespaced",
                    "names": {"plural": plural, "kind": kind},
                    "versions": [{"name": "v1alpha1", "served": true, "storage": true}],
                },
            }));
        }
    }
    objects
}

/// Resources that some role lets be read by name, with a namespace for those that have one.
fn readable(cluster: &Cluster, objects: &[Value]) -> Vec<(String, String, Option<&'static str>)> {
    let kubectl = tool("kubectl").unwrap();
    let output = Command::new(kubectl)
        .arg("--kubeconfig")
        .arg(cluster.kubeconfig(User::admin()))
        .args(["api-resources", "--namespaced=false", "--output=name"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let cluster_wide = String::from_utf8(output.stdout).unwrap();
    granted(objects)
        .into_iter()
        .filter(|(verb, group, _)| verb == "get" && group != "*")
        .map(|(_, group, plural)| {
            let full = match group.as_str() {
                "" => plural.clone(),
                group => format!("{plural}.{group}"),
            };
            let is_cluster_wide = cluster_wide.lines().any(|line| line == full);
            (group, plural, (!is_cluster_wide).then_some("default"))
        })
        .collect()
}

fn good(namespace: Option<&str>) -> Vec<u8> {
    let mut metadata = json!({"name": VICTIM, "uid": "a-victim", "resourceVersion": "1"});
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    json!({"metadata": metadata}).to_string().into()
}

fn put(cluster: &Cluster, group: &str, plural: &str, namespace: Option<&str>, bytes: Vec<u8>) {
    let put = cluster.sim.put_raw(group, plural, namespace, VICTIM, bytes);
    put.unwrap();
}

/// Every permission that is granted, without wildcards, is one that was used.
async fn assert_minimal(objects: &[Value], around: &[Value]) {
    let used = used(objects, around).await;
    let granted = granted(objects);
    let idle: Vec<_> = granted
        .iter()
        .filter(|(_, group, _)| group != "*")
        .filter(|permission| !used.contains(*permission))
        .collect();
    assert!(idle.is_empty(), "granted and never used: {idle:?}");
    assert!(used.len() > 60, "{used:?}");
    // What a wildcard grants is used for what is not named.
    if granted.iter().any(|(_, group, _)| group == "*") {
        assert!(used.difference(&granted).next().is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_base_permits_what_is_used_and_nothing_else() {
    let Some(base) = kustomize("base") else {
        return;
    };
    assert_minimal(&base, &[]).await;
}

/// Under Meshery's command line: 21 kinds, definitions, and the operator's own custom resources.
#[tokio::test(flavor = "multi_thread")]
async fn merely_meshery_permits_what_is_used_and_nothing_else() {
    let Some(mut objects) = kustomize("meshery") else {
        return;
    };
    // What lets custom resources of others be observed is left out, as by who applies meshery-rbac.
    objects.retain(|object| !name(object).ends_with("-everything"));
    assert_minimal(&objects, &meshery()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_secrets_none_is_permitted_and_none_asked_for() {
    let Some(objects) = base_with(&["without-secrets"]) else {
        return;
    };
    let is_secret = |(_, group, resource): &Permission| group.is_empty() && resource == "secrets";
    assert!(!granted(&objects).iter().any(is_secret));
    let cluster = Cluster::of(Sim::builder(), &objects).await;
    cluster.start(&objects).syncs().await;
    let asked: Vec<_> = cluster
        .requests(&objects)
        .iter()
        .filter_map(needed)
        .collect();
    assert!(!asked.iter().any(is_secret));
    assert_eq!(cluster.refused(&objects), Vec::<String>::new());
}

/// With the component and with the chart: the Lease is made, renewed and read, and no other one.
#[tokio::test(flavor = "multi_thread")]
async fn an_election_is_permitted_its_lease_and_no_other() {
    let (Some(component), Some(chart)) = (
        base_with(&["election"]),
        release(&["--set=leaderElection.enabled=true"]),
    ) else {
        return;
    };
    for objects in [&component, &chart] {
        let cluster = Cluster::of(Sim::builder(), objects).await;
        let leases = || {
            // That there is none yet is an answer, too.
            let requests = cluster.requests(objects).into_iter();
            let permitted = requests.filter(|request| request.status != 403);
            let needed = permitted.filter_map(|request| needed(&request));
            let of_leases = needed.filter(|(_, _, resource)| resource == "leases");
            of_leases.map(|(verb, ..)| verb).collect::<BTreeSet<_>>()
        };
        // Renewed soon.
        let mut agent = cluster.start_with(objects, &["--leader-lease=2s"]);
        agent.syncs().await;
        eventually("the Lease is renewed", DEADLINE, async || {
            leases().len() == 3
        })
        .await;
        assert_eq!(
            leases(),
            ["create", "get", "update"].map(str::to_owned).into()
        );
        assert_eq!(cluster.refused(objects), Vec::<String>::new());
        drop(agent);
        // Another Lease of the namespace is refused.
        let mut other = objects.clone();
        let deployments = other
            .iter_mut()
            .filter(|object| object["kind"] == "Deployment");
        for deployment in deployments {
            let text = deployment.to_string();
            assert!(text.contains("lease:meshsync/meshsync"), "{text}");
            let text = text.replace("lease:meshsync/meshsync", "lease:meshsync/other");
            *deployment = serde_json::from_str(&text).unwrap();
        }
        let _agent = cluster.start(&other);
        eventually("a refusal", DEADLINE, async || {
            let refused = cluster.refused(objects);
            refused.iter().any(|path| path.ends_with("/leases/other"))
        })
        .await;
    }
}

/// A cluster with familiar products in it, whose custom resources only the wildcard permits.
#[tokio::test(flavor = "multi_thread")]
async fn everything_permits_every_custom_resource_too() {
    let (Some(with), Some(base)) = (base_with(&["everything"]), kustomize("base")) else {
        return;
    };
    let products = || Sim::builder().generate(Generate::objects(300));
    let cluster = Cluster::of(products(), &with).await;
    cluster.start(&with).syncs().await;
    assert_eq!(cluster.refused(&with), Vec::<String>::new());

    // Without it they are refused, and all else goes on.
    let cluster = Cluster::of(products(), &base).await;
    cluster.start(&base).syncs().await;
    let refused = cluster.refused(&base);
    assert!(
        refused
            .iter()
            .any(|refusal| refusal.contains("monitoring.coreos.com")),
        "{refused:?}"
    );
    assert!(
        !refused.iter().any(|refusal| refusal.contains("/apps/")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_the_chart_permit_their_custom_resources() {
    let Some(objects) = release(&["--set=rbac.customResources.groups={monitoring.coreos.com}"])
    else {
        return;
    };
    let builder = Sim::builder().generate(Generate::objects(300));
    let cluster = Cluster::of(builder, &objects).await;
    cluster.start(&objects).syncs().await;
    let of_group = |path: &str| path.contains("/apis/monitoring.coreos.com/");
    let refused = cluster.refused(&objects);
    assert!(
        !refused.iter().any(|refusal| of_group(refusal)),
        "{refused:?}"
    );
    assert!(
        cluster
            .requests(&objects)
            .iter()
            .any(|request| of_group(&request.path))
    );
}

/// The chart, in the namespaces that are made for it.
fn release(values: &[&str]) -> Option<Vec<Value>> {
    let namespace =
        |name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
    let mut objects = vec![
        namespace("meshsync"),
        namespace("shop"),
        namespace("payments"),
    ];
    objects.extend(chart(values)?);
    Some(objects)
}

/// The arguments it gives are understood, and what the program does with them is permitted.
#[tokio::test(flavor = "multi_thread")]
async fn the_chart_permits_what_its_values_make_the_program_do() {
    let interactive = "--set=rbac.logs.namespaces={shop,payments},rbac.exec.namespaces={shop}";
    for values in [
        &[interactive][..],
        &[interactive, "--set=mode=meshery"],
        &[
            "--set=rbac.secrets=false,extraArgs={--also=leases}",
            "--set=rbac.customResources.all=true",
        ],
    ] {
        let Some(objects) = release(values) else {
            return;
        };
        let around = match values.len() {
            2 if values[1].contains("meshery") => meshery(),
            _ => Vec::new(),
        };
        let cluster = Cluster::of(Sim::builder(), &[&around[..], &objects].concat()).await;
        let _agent = cluster.start(&objects);
        let last = (
            "watch".to_owned(),
            "storage.k8s.io".to_owned(),
            "storageclasses".to_owned(),
        );
        eventually("it observes", DEADLINE, async || {
            cluster
                .answered(&objects)
                .any(|permission| permission == last)
        })
        .await;
        assert_eq!(
            cluster.refused(&objects),
            Vec::<String>::new(),
            "{values:?}"
        );
    }
}

/// Takes away one rule after the other.
#[tokio::test(flavor = "multi_thread")]
async fn without_any_single_rule_something_is_refused() {
    let Some(base) = kustomize("base") else {
        return;
    };
    let roles = of_kind(&base, "ClusterRole");
    let mut tried = 0;
    for role in roles {
        for at in 0..items(&role["rules"]).count() {
            let mut less = base.clone();
            let changed = less
                .iter_mut()
                .find(|object| object["kind"] == "ClusterRole" && name(object) == name(role))
                .unwrap();
            let rule = changed["rules"].as_array_mut().unwrap().remove(at);
            let cluster = Cluster::of(Sim::builder(), &less).await;
            let agent = cluster.start(&less);
            eventually(&format!("a refusal without {rule}"), DEADLINE, async || {
                !cluster.refused(&less).is_empty()
            })
            .await;
            drop(agent);
            tried += 1;
        }
    }
    assert!(tried >= 18, "{tried} rules");
}
