//! Nodes and edges.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use meshsync::store::RegionObject;
use serde::Serialize;
use serde_json::Value;

use super::edges::{Why, named, selector};
use crate::api::names::resource_id;

/// Nodes that are told.
const NODES_MAX: usize = 400;

/// A graph. Objects of one kind with one owner are one node: forty pods of a
/// deployment are forty times the same.
#[derive(Debug, Default, Serialize)]
pub(in crate::api) struct Graph {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// Whether there is more than is told.
    cut: bool,
}

#[derive(Debug, Serialize)]
struct Node {
    id: usize,
    kind: String,
    resource: String,
    namespace: String,
    /// Of the first, where it stands for several.
    name: String,
    /// How many objects it stands for.
    objects: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Edge {
    from: usize,
    to: usize,
    why: Why,
}

/// An object and what was found in it.
struct Member {
    object: RegionObject,
    owners: Vec<String>,
    labels: BTreeMap<String, String>,
    body: Value,
}

impl Member {
    fn new(object: RegionObject) -> Self {
        let body: Value = serde_json::from_slice(&object.object).unwrap_or_default();
        let metadata = &body["metadata"];
        let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
        let owners = owners
            .filter_map(|owner| owner["uid"].as_str())
            .map(str::to_owned);
        let labels = metadata["labels"].as_object().into_iter().flatten();
        let labels =
            labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        Self {
            owners: owners.collect(),
            labels: labels.collect(),
            object,
            body,
        }
    }
}

impl Graph {
    pub(in crate::api) fn of(mut objects: Vec<RegionObject>, objects_max: usize) -> Self {
        let mut cut = objects.len() > objects_max;
        objects.truncate(objects_max);
        let members: Vec<Member> = objects.into_iter().map(Member::new).collect();
        let links = links(&members);
        let (mut nodes, of) = fold(&members, &links);
        let mut edges: BTreeSet<Edge> = links
            .into_iter()
            .map(|(from, to, why)| Edge {
                from: of[from],
                to: of[to],
                why,
            })
            .filter(|edge| edge.from != edge.to)
            .collect();
        // What nothing is said about is left out first.
        let linked: HashSet<usize> = edges.iter().flat_map(|edge| [edge.from, edge.to]).collect();
        nodes.retain(|node| linked.contains(&node.id) || is_workload(&node.kind));
        if nodes.len() > NODES_MAX {
            cut = true;
            nodes.truncate(NODES_MAX);
        }
        let kept: HashSet<usize> = nodes.iter().map(|node| node.id).collect();
        edges.retain(|edge| kept.contains(&edge.from) && kept.contains(&edge.to));
        Self {
            nodes,
            edges: edges.into_iter().collect(),
            cut,
        }
    }
}

/// What is linked to objects of these uids, in any direction along owners and in
/// one step along everything else.
pub(super) fn around(objects: Vec<RegionObject>, uids: &[String]) -> Vec<RegionObject> {
    let members: Vec<Member> = objects.into_iter().map(Member::new).collect();
    let links = links(&members);
    let wanted: HashSet<&str> = uids.iter().map(String::as_str).collect();
    let mut keep: HashSet<usize> = (0..members.len())
        .filter(|at| wanted.contains(members[*at].object.head.uid.as_str()))
        .collect();
    loop {
        let before = keep.len();
        for (from, to, _) in links.iter().filter(|(.., why)| *why == Why::Owner) {
            if keep.contains(from) {
                keep.insert(*to);
            }
        }
        if keep.len() == before {
            break;
        }
    }
    // Two steps: from a pod to its service, and from that to its ingress.
    for _ in 0..2 {
        let near = keep.clone();
        for (from, to, why) in &links {
            match why {
                Why::Owner => {}
                Why::Selector | Why::Ingress | Why::Scales => {
                    if near.contains(to) {
                        keep.insert(*from);
                    }
                }
                Why::Mount | Why::Account => {
                    if near.contains(from) {
                        keep.insert(*to);
                    }
                }
            }
        }
    }
    let kept = members.into_iter().enumerate();
    kept.filter(|(at, _)| keep.contains(at))
        .map(|(_, member)| member.object)
        .collect()
}

fn links(members: &[Member]) -> Vec<(usize, usize, Why)> {
    let mut by_uid = HashMap::new();
    let mut by_name = HashMap::new();
    let mut pods: Vec<usize> = Vec::new();
    for (at, member) in members.iter().enumerate() {
        let head = &member.object.head;
        by_uid.insert(head.uid.as_str(), at);
        by_name.insert(
            (
                head.kind.as_str(),
                head.namespace.as_str(),
                head.name.as_str(),
            ),
            at,
        );
        if head.kind == "Pod" {
            pods.push(at);
        }
    }
    let mut links = Vec::new();
    for (at, member) in members.iter().enumerate() {
        let head = &member.object.head;
        let owners = member
            .owners
            .iter()
            .filter_map(|uid| by_uid.get(uid.as_str()));
        links.extend(owners.map(|owner| (*owner, at, Why::Owner)));
        for (why, kind, name) in named(&head.kind, &member.body) {
            if let Some(target) = by_name.get(&(kind, head.namespace.as_str(), name.as_str())) {
                // A route stands below its gateway.
                let link = match kind {
                    "Gateway" => (*target, at, why),
                    _ => (at, *target, why),
                };
                links.push(link);
            }
        }
        let Some(selector) = selector(&head.kind, &member.body) else {
            continue;
        };
        for pod in &pods {
            let pod_head = &members[*pod].object.head;
            let labels = &members[*pod].labels;
            let selects = pod_head.namespace == head.namespace
                && selector
                    .iter()
                    .all(|(key, value)| labels.get(key) == Some(value));
            if selects {
                links.push((at, *pod, Why::Selector));
            }
        }
    }
    links
}

/// One node for each object, or for all of a kind that one owner has. Answers
/// with the nodes and which one each object is in.
fn fold(members: &[Member], links: &[(usize, usize, Why)]) -> (Vec<Node>, Vec<usize>) {
    let mut owner = HashMap::new();
    for (from, to, _) in links.iter().filter(|(.., why)| *why == Why::Owner) {
        owner.insert(*to, *from);
    }
    let mut nodes: Vec<Node> = Vec::new();
    let mut groups: HashMap<(usize, &str), usize> = HashMap::new();
    let mut of = Vec::with_capacity(members.len());
    for (at, member) in members.iter().enumerate() {
        let head = &member.object.head;
        let group = owner.get(&at).map(|owner| (*owner, head.kind.as_str()));
        if let Some(id) = group.and_then(|group| groups.get(&group).copied()) {
            nodes[id].objects += 1;
            of.push(id);
            continue;
        }
        let id = nodes.len();
        nodes.push(Node {
            id,
            kind: head.kind.clone(),
            resource: resource_id(&head.group, &head.plural),
            namespace: head.namespace.clone(),
            name: head.name.clone(),
            objects: 1,
        });
        if let Some(group) = group {
            groups.insert(group, id);
        }
        of.push(id);
    }
    (nodes, of)
}

fn is_workload(kind: &str) -> bool {
    matches!(
        kind,
        "CronJob" | "DaemonSet" | "Deployment" | "Job" | "Pod" | "StatefulSet"
    )
}
