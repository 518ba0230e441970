//! What an object says about others.

use std::collections::BTreeMap;

use serde_json::Value;

/// Why two objects belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Why {
    Owner,
    Selector,
    Mount,
    Ingress,
    Scales,
    Account,
}

/// Another object, by kind and name, in the same namespace.
pub(super) type Target = (Why, &'static str, String);

/// What an object names.
pub(super) fn named(kind: &str, object: &Value) -> Vec<Target> {
    match kind {
        "Pod" => mounts(&object["spec"]),
        "Ingress" => ingress(&object["spec"]),
        "HTTPRoute" | "GRPCRoute" => routes(&object["spec"]),
        "VirtualService" => virtual_service(&object["spec"]),
        "HorizontalPodAutoscaler" => scales(&object["spec"]["scaleTargetRef"]),
        _ => Vec::new(),
    }
}

/// The labels that a Service wants of pods; nothing where it selects none.
pub(super) fn selector(kind: &str, object: &Value) -> Option<BTreeMap<String, String>> {
    if kind != "Service" {
        return None;
    }
    let selector = object["spec"]["selector"].as_object()?;
    let pairs = selector
        .iter()
        .map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    pairs
        .collect::<Option<BTreeMap<_, _>>>()
        .filter(|pairs| !pairs.is_empty())
}

fn mounts(spec: &Value) -> Vec<Target> {
    let mut found = Vec::new();
    let mut add = |kind, name: &Value| {
        if let Some(name) = name.as_str() {
            found.push((Why::Mount, kind, name.to_owned()));
        }
    };
    for volume in items(&spec["volumes"]) {
        add("ConfigMap", &volume["configMap"]["name"]);
        add("Secret", &volume["secret"]["secretName"]);
        add(
            "PersistentVolumeClaim",
            &volume["persistentVolumeClaim"]["claimName"],
        );
        for source in items(&volume["projected"]["sources"]) {
            add("ConfigMap", &source["configMap"]["name"]);
            add("Secret", &source["secret"]["name"]);
        }
    }
    for container in items(&spec["containers"]).chain(items(&spec["initContainers"])) {
        for from in items(&container["envFrom"]) {
            add("ConfigMap", &from["configMapRef"]["name"]);
            add("Secret", &from["secretRef"]["name"]);
        }
        for variable in items(&container["env"]) {
            let from = &variable["valueFrom"];
            add("ConfigMap", &from["configMapKeyRef"]["name"]);
            add("Secret", &from["secretKeyRef"]["name"]);
        }
    }
    if let Some(name) = spec["serviceAccountName"].as_str() {
        found.push((Why::Account, "ServiceAccount", name.to_owned()));
    }
    found
}

fn ingress(spec: &Value) -> Vec<Target> {
    let paths = items(&spec["rules"]).flat_map(|rule| items(&rule["http"]["paths"]));
    let backends = paths
        .map(|path| &path["backend"])
        .chain([&spec["defaultBackend"]]);
    let mut found: Vec<Target> = backends
        .filter_map(|backend| backend["service"]["name"].as_str())
        .map(|name| (Why::Ingress, "Service", name.to_owned()))
        .collect();
    for tls in items(&spec["tls"]) {
        if let Some(name) = tls["secretName"].as_str() {
            found.push((Why::Mount, "Secret", name.to_owned()));
        }
    }
    found
}

fn routes(spec: &Value) -> Vec<Target> {
    let parents = items(&spec["parentRefs"])
        .filter(|parent| parent["kind"].as_str().unwrap_or("Gateway") == "Gateway")
        .filter_map(|parent| parent["name"].as_str())
        .map(|name| (Why::Ingress, "Gateway", name.to_owned()));
    let backends = items(&spec["rules"])
        .flat_map(|rule| items(&rule["backendRefs"]))
        .filter(|backend| backend["kind"].as_str().unwrap_or("Service") == "Service")
        .filter_map(|backend| backend["name"].as_str())
        .map(|name| (Why::Ingress, "Service", name.to_owned()));
    parents.chain(backends).collect()
}

fn virtual_service(spec: &Value) -> Vec<Target> {
    items(&spec["http"])
        .flat_map(|http| items(&http["route"]))
        .filter_map(|route| route["destination"]["host"].as_str())
        // `web`, `web.shop`, `web.shop.svc.cluster.local`
        .map(|host| host.split('.').next().unwrap_or(host))
        .map(|name| (Why::Ingress, "Service", name.to_owned()))
        .collect()
}

fn scales(target: &Value) -> Vec<Target> {
    const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "ReplicaSet"];
    let kind = KINDS.into_iter().find(|kind| target["kind"] == *kind);
    match (kind, target["name"].as_str()) {
        (Some(kind), Some(name)) => vec![(Why::Scales, kind, name.to_owned())],
        _ => Vec::new(),
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
