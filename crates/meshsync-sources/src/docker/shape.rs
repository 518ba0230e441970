//! From what an engine lists to objects in the form of Kubernetes.
//!
//! An object's name is what never changes while it lives: a container's id. Of
//! what is listed only what is named here is taken. What counts seconds (`Up 5
//! minutes`) would make every list news.

use std::collections::BTreeMap;

use meshsync_model::Resource;
use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::kinds::GROUP;

/// An object as it is shown.
#[derive(Debug)]
pub(super) struct Shaped {
    pub(super) name: String,
    pub(super) json: Vec<u8>,
}

/// Pods by the containers in them: id and name.
pub(super) type Pods = BTreeMap<String, (String, String)>;

pub(super) fn container(listed: &Value, pods: &Pods) -> Option<Shaped> {
    let id = text(listed, "Id")?;
    let labels = labels(listed);
    let names = listed["Names"].as_array();
    let names: Vec<&str> = names
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let name = names
        .iter()
        .map(|name| name.trim_start_matches('/'))
        .min_by_key(|n| n.len());
    let mut ports: Vec<Value> = array(&listed["Ports"]).map(port).collect();
    ports.sort_by_key(ToString::to_string);
    let mut mounts: Vec<Value> = array(&listed["Mounts"]).map(mount).collect();
    mounts.sort_by_key(ToString::to_string);
    let networks = listed["NetworkSettings"]["Networks"].as_object();
    let mut networks: Vec<&String> = networks.into_iter().flat_map(Map::keys).collect();
    networks.sort();
    let inner = json!({
        "name": name,
        "image": listed["Image"],
        "command": command(&listed["Command"]),
        "ports": ports,
        "volumeMounts": mounts,
    });
    let mut owners = owners(&labels);
    if let Some((id, name)) = pods.get(&id) {
        owners.push(
            json!({"apiVersion": format!("{GROUP}/v1"), "kind": "Pod", "name": id,
            "uid": id, "podName": name}),
        );
    }
    let body = json!({
        "spec": {"containerName": name, "containers": [inner], "networks": networks},
        "status": {"phase": listed["State"], "health": health(&listed["Status"]), "imageID": listed["ImageID"]},
    });
    let created = listed["Created"].as_i64();
    Some(shaped(&id, &id, created, &labels, owners, body))
}

pub(super) fn image(listed: &Value) -> Option<Shaped> {
    let id = text(listed, "Id")?;
    let labels = labels(listed);
    let strings = |key: &str| {
        let mut all: Vec<&str> = array(&listed[key]).filter_map(Value::as_str).collect();
        all.retain(|text| !text.starts_with("<none>"));
        all.sort_unstable();
        json!(all)
    };
    let body = json!({
        "spec": {"tags": strings("RepoTags"), "digests": strings("RepoDigests")},
        "status": {"bytes": listed["Size"]},
    });
    Some(shaped(
        &id,
        &id,
        listed["Created"].as_i64(),
        &labels,
        owners(&labels),
        body,
    ))
}

pub(super) fn network(listed: &Value) -> Option<Shaped> {
    let name = text(listed, "Name")?;
    let labels = labels(listed);
    let id = text(listed, "Id")?;
    // Podman makes a network's id of its name; and says of its default network that
    // it has just been created, whenever it is asked.
    let uid = match (name.as_str(), text(listed, "Created")) {
        ("bridge" | "podman", _) | (_, None) => id,
        (_, Some(created)) => format!("{id}@{created}"),
    };
    let body = json!({
        "spec": {"driver": listed["Driver"], "scope": listed["Scope"], "internal": listed["Internal"],
            "attachable": listed["Attachable"], "ipam": listed["IPAM"]["Config"]},
    });
    Some(shaped(&name, &uid, None, &labels, owners(&labels), body))
}

pub(super) fn volume(listed: &Value) -> Option<Shaped> {
    let name = text(listed, "Name")?;
    let labels = labels(listed);
    let uid = format!("{name}@{}", text(listed, "CreatedAt").unwrap_or_default());
    // Options are left out: those of a share hold its password.
    let body = json!({"spec": {"driver": listed["Driver"], "scope": listed["Scope"]}});
    Some(shaped(&name, &uid, None, &labels, owners(&labels), body))
}

pub(super) fn pod(listed: &Value) -> Option<Shaped> {
    let id = text(listed, "Id")?;
    let labels = labels(listed);
    let mut containers: Vec<&str> = array(&listed["Containers"])
        .filter_map(|part| part["Id"].as_str())
        .collect();
    containers.sort_unstable();
    let body = json!({
        "spec": {"podName": listed["Name"], "containerIDs": containers},
        "status": {"phase": listed["Status"]},
    });
    Some(shaped(&id, &id, None, &labels, owners(&labels), body))
}

/// Which containers are in which pods.
pub(super) fn pods_by_container(pods: &[Value]) -> Pods {
    let mut found = Pods::new();
    for pod in pods {
        let (Some(id), Some(name)) = (text(pod, "Id"), text(pod, "Name")) else {
            continue;
        };
        for container in array(&pod["Containers"]).filter_map(|part| part["Id"].as_str()) {
            found.insert(container.to_owned(), (id.clone(), name.clone()));
        }
    }
    found
}

/// What a resource is of.
pub(super) type Shape = fn(&Value) -> Option<Shaped>;

fn shaped(
    name: &str,
    uid: &str,
    created: Option<i64>,
    labels: &BTreeMap<String, String>,
    owners: Vec<Value>,
    body: Value,
) -> Shaped {
    let mut metadata = json!({"name": name, "uid": uid, "labels": labels});
    let created = created.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    if let Some(created) = created {
        metadata["creationTimestamp"] = created.to_string().into();
    }
    if !owners.is_empty() {
        metadata["ownerReferences"] = owners.into();
    }
    let mut object = body;
    object["metadata"] = metadata;
    let version = format!("{:032x}", xxh3_128(object.to_string().as_bytes()));
    object["metadata"]["resourceVersion"] = version.into();
    Shaped {
        name: name.to_owned(),
        json: object.to_string().into_bytes(),
    }
}

/// Projects and services of Compose, services of Swarm.
fn owners(labels: &BTreeMap<String, String>) -> Vec<Value> {
    let label = |keys: &[&str]| keys.iter().find_map(|key| labels.get(*key));
    let owner = |kind: &str, name: &str, uid: &str, is_controller: bool| {
        json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind, "name": name, "uid": uid,
            "controller": is_controller})
    };
    let mut owners = Vec::new();
    let project = label(&["com.docker.compose.project", "io.podman.compose.project"]);
    if let Some(project) = project {
        let service = label(&["com.docker.compose.service", "io.podman.compose.service"]);
        if let Some(service) = service {
            let name = format!("{project}/{service}");
            owners.push(owner(
                "ComposeService",
                &name,
                &format!("compose/{name}"),
                true,
            ));
        }
        let uid = format!("compose/{project}");
        owners.push(owner("ComposeProject", project, &uid, false));
    }
    if let Some(id) = label(&["com.docker.swarm.service.id"]) {
        let name = label(&["com.docker.swarm.service.name"]).unwrap_or(id);
        owners.push(owner("SwarmService", name, id, owners.is_empty()));
    }
    owners
}

fn port(listed: &Value) -> Value {
    json!({
        "containerPort": listed["PrivatePort"],
        "protocol": listed["Type"].as_str().unwrap_or("tcp").to_uppercase(),
        "hostPort": listed["PublicPort"],
        "hostIP": listed["IP"],
    })
}

fn mount(listed: &Value) -> Value {
    json!({
        "name": listed["Name"],
        "mountPath": listed["Destination"],
        "source": listed["Source"],
        "readOnly": listed["RW"] == false,
    })
}

/// Docker says it as one text, Podman at times as a list.
fn command(listed: &Value) -> Value {
    match listed {
        Value::String(text) => json!(text.split_whitespace().collect::<Vec<_>>()),
        Value::Array(_) => listed.clone(),
        _ => json!([]),
    }
}

/// Lists say it in words: `Up 2 minutes (healthy)`.
fn health(status: &Value) -> Option<&'static str> {
    let status = status.as_str()?;
    ["unhealthy", "healthy", "health: starting", "starting"]
        .into_iter()
        .find(|word| status.contains(&format!("({word})")))
        .map(|word| word.trim_start_matches("health: "))
}

fn labels(listed: &Value) -> BTreeMap<String, String> {
    let labels = listed["Labels"].as_object();
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(listed: &Value, key: &str) -> Option<String> {
    let text = listed.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// What a resource's objects are made by; containers need their pods.
pub(super) fn shapes(kinds: &super::kinds::Kinds) -> [(&Resource, Shape); 3] {
    [
        (&kinds.image, image),
        (&kinds.network, network),
        (&kinds.volume, volume),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(shaped: &Shaped) -> Value {
        serde_json::from_slice(&shaped.json).unwrap()
    }

    fn listed() -> Value {
        json!({
            "Id": "c1", "Names": ["/web/db", "/db"], "Image": "postgres:16", "ImageID": "sha256:1",
            "Command": "docker-entrypoint.sh postgres", "Created": 1_700_000_000, "State": "running",
            "Status": "Up 2 minutes (healthy)", "Env": ["PASSWORD=hunter2"],
            "Ports": [{"PrivatePort": 5432, "PublicPort": 15432, "Type": "tcp", "IP": "0.0.0.0"}],
            "Mounts": [{"Name": "data", "Destination": "/data", "RW": true}],
            "Labels": {"com.docker.compose.project": "shop", "com.docker.compose.service": "db"},
            "NetworkSettings": {"Networks": {"shop": {"EndpointID": "changes"}}},
        })
    }

    #[test]
    fn a_container_is_found_by_its_id_and_owned_by_its_service() {
        let object = shown(&container(&listed(), &Pods::new()).unwrap());
        assert_eq!(object["metadata"]["name"], "c1");
        assert_eq!(object["spec"]["containerName"], "db");
        assert_eq!(object["spec"]["containers"][0]["image"], "postgres:16");
        assert_eq!(
            object["spec"]["containers"][0]["ports"][0]["containerPort"],
            5432
        );
        assert_eq!(object["spec"]["networks"][0], "shop");
        assert_eq!(object["status"]["health"], "healthy");
        let owners = &object["metadata"]["ownerReferences"];
        assert_eq!(
            (&owners[0]["kind"], &owners[0]["name"]),
            (&json!("ComposeService"), &json!("shop/db"))
        );
        assert_eq!(owners[1]["name"], "shop");
        assert!(!object.to_string().contains("hunter2"));
    }

    #[test]
    fn time_that_passes_is_no_news_and_a_name_is() {
        let of = |listed: &Value| container(listed, &Pods::new()).unwrap().json;
        let before = listed();
        let mut later = before.clone();
        later["Status"] = json!("Up 3 hours (healthy)");
        assert_eq!(of(&before), of(&later));
        later["Names"] = json!(["/other"]);
        assert_ne!(of(&before), of(&later));
    }

    #[test]
    fn options_of_a_volume_are_not_taken() {
        let share = json!({"Name": "v", "Driver": "local", "CreatedAt": "2026",
            "Options": {"o": "password=hunter2"}});
        let object = shown(&volume(&share).unwrap());
        assert!(!object.to_string().contains("hunter2"), "{object}");
        assert_eq!(object["metadata"]["uid"], "v@2026");
    }

    #[test]
    fn services_of_swarm_and_pods_are_owners_too() {
        let mut task = listed();
        task["Labels"] =
            json!({"com.docker.swarm.service.id": "s1", "com.docker.swarm.service.name": "web"});
        let pods =
            pods_by_container(&[json!({"Id": "p1", "Name": "pod", "Containers": [{"Id": "c1"}]})]);
        let owners =
            shown(&container(&task, &pods).unwrap())["metadata"]["ownerReferences"].clone();
        assert_eq!(
            (&owners[0]["kind"], &owners[0]["uid"]),
            (&json!("SwarmService"), &json!("s1"))
        );
        assert_eq!(
            (&owners[1]["kind"], &owners[1]["name"]),
            (&json!("Pod"), &json!("p1"))
        );
    }
}
