//! What stands in a cell.

use jiff::Timestamp;
use serde_json::Value;

use super::age;

const NONE: &str = "<none>";

fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Texts joined by commas, `<none>` when there are none.
fn joined(texts: impl Iterator<Item = String>) -> Value {
    let texts: Vec<String> = texts.collect();
    match texts.as_slice() {
        [] => NONE.into(),
        texts => texts.join(",").into(),
    }
}

pub(super) fn at(object: &Value, pointer: &str) -> Value {
    object.pointer(pointer).map(text).unwrap_or_default().into()
}

pub(super) fn or_none(object: &Value, pointer: &str) -> Value {
    match at(object, pointer) {
        Value::String(text) if text.is_empty() => NONE.into(),
        value => value,
    }
}

pub(super) fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn ratio(object: &Value, a: &str, b: &str) -> Value {
    format!("{}/{}", number(object, a), number(object, b)).into()
}

pub(super) fn count(object: &Value, key: &str) -> Value {
    object[key]
        .as_object()
        .map_or(0, serde_json::Map::len)
        .into()
}

pub(super) fn length(object: &Value, pointer: &str) -> Value {
    items(object, pointer).count().into()
}

pub(super) fn truth(object: &Value, pointer: &str) -> Value {
    let is = object.pointer(pointer).and_then(Value::as_bool);
    if is == Some(true) { "True" } else { "False" }.into()
}

pub(super) fn age(object: &Value, now: Timestamp) -> Value {
    since(object, "/metadata/creationTimestamp", now, "<unknown>")
}

pub(super) fn since(object: &Value, pointer: &str, now: Timestamp, absent: &str) -> Value {
    match object.pointer(pointer).and_then(Value::as_str) {
        Some(time) => age::age(time, now).into(),
        None => absent.into(),
    }
}

fn template_containers<'a>(object: &'a Value) -> impl Iterator<Item = &'a Value> + use<'a> {
    let pointer = if object["kind"] == "CronJob" {
        "/spec/jobTemplate/spec/template/spec/containers"
    } else {
        "/spec/template/spec/containers"
    };
    items(object, pointer)
}

pub(super) fn containers(object: &Value, _: Timestamp) -> Value {
    joined(template_containers(object).map(|container| text(&container["name"])))
}

pub(super) fn images(object: &Value, _: Timestamp) -> Value {
    joined(template_containers(object).map(|container| text(&container["image"])))
}

/// `a=b,c=d`.
pub(super) fn labels(labels: &Value) -> Value {
    let pairs = labels.as_object().into_iter().flatten();
    joined(pairs.map(|(key, value)| format!("{key}={}", text(value))))
}

/// A label selector as it is written on a command line.
pub(super) fn selector(selector: &Value) -> Value {
    let labels = selector["matchLabels"].as_object().into_iter().flatten();
    let labels = labels.map(|(key, value)| format!("{key}={}", text(value)));
    let terms = items(selector, "/matchExpressions").map(|term| {
        let (key, values) = (text(&term["key"]), items(term, "/values").map(text));
        let values = values.collect::<Vec<_>>().join(",");
        match term["operator"].as_str() {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key,
        }
    });
    joined(labels.chain(terms))
}

pub(super) fn controller(object: &Value, _: Timestamp) -> Value {
    let owner =
        items(object, "/metadata/ownerReferences").find(|owner| owner["controller"] == true);
    owner.map_or_else(
        || NONE.into(),
        |owner| {
            let api = text(&owner["apiVersion"]);
            let group = api.split_once('/').map(|(group, _)| format!(".{group}"));
            let kind = text(&owner["kind"]).to_lowercase();
            format!(
                "{kind}{}/{}",
                group.unwrap_or_default(),
                text(&owner["name"])
            )
            .into()
        },
    )
}

pub(super) fn involved(object: &Value, _: Timestamp) -> Value {
    let involved = &object["involvedObject"];
    format!(
        "{}/{}",
        text(&involved["kind"]).to_lowercase(),
        text(&involved["name"])
    )
    .into()
}

pub(super) fn hosts(object: &Value, _: Timestamp) -> Value {
    let hosts = items(object, "/spec/rules").map(|rule| text(&rule["host"]));
    match joined(hosts.filter(|host| !host.is_empty())) {
        Value::String(none) if none == NONE => "*".into(),
        hosts => hosts,
    }
}

pub(super) fn addresses(object: &Value, _: Timestamp) -> Value {
    let ingress = items(object, "/status/loadBalancer/ingress");
    let addresses = ingress.map(|ingress| match text(&ingress["ip"]) {
        ip if ip.is_empty() => text(&ingress["hostname"]),
        ip => ip,
    });
    addresses.collect::<Vec<_>>().join(",").into()
}

pub(super) fn ingress_ports(object: &Value, _: Timestamp) -> Value {
    match items(object, "/spec/tls").next() {
        Some(_) => "80, 443".into(),
        None => "80".into(),
    }
}

pub(super) fn service_ports(object: &Value, _: Timestamp) -> Value {
    joined(items(object, "/spec/ports").map(|port| {
        let node = port["nodePort"].as_i64().filter(|node| *node > 0);
        let node = node.map_or_else(String::new, |node| format!(":{node}"));
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        format!("{}{node}/{protocol}", text(&port["port"]))
    }))
}

pub(super) fn access_modes(object: &Value, _: Timestamp) -> Value {
    let short = |mode: &Value| match mode.as_str() {
        Some("ReadWriteOnce") => "RWO".to_owned(),
        Some("ReadOnlyMany") => "ROX".to_owned(),
        Some("ReadWriteMany") => "RWX".to_owned(),
        Some("ReadWriteOncePod") => "RWOP".to_owned(),
        _ => text(mode),
    };
    let modes = items(object, "/status/accessModes").map(short);
    modes.collect::<Vec<_>>().join(",").into()
}

fn has_condition(object: &Value, kind: &str) -> bool {
    items(object, "/status/conditions").any(|c| c["type"] == kind && c["status"] == "True")
}

pub(super) fn job_status(object: &Value, _: Timestamp) -> Value {
    let status = if has_condition(object, "Complete") {
        "Complete"
    } else if has_condition(object, "Failed") {
        "Failed"
    } else if !object["metadata"]["deletionTimestamp"].is_null() {
        "Terminating"
    } else if has_condition(object, "Suspended") {
        "Suspended"
    } else {
        "Running"
    };
    status.into()
}

pub(super) fn node_status(object: &Value, _: Timestamp) -> Value {
    let ready = if has_condition(object, "Ready") {
        "Ready"
    } else {
        "NotReady"
    };
    if object["spec"]["unschedulable"] == true {
        format!("{ready},SchedulingDisabled").into()
    } else {
        ready.into()
    }
}

pub(super) fn node_roles(object: &Value, _: Timestamp) -> Value {
    let labels = object["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten();
    joined(
        labels
            .filter_map(|(key, _)| Some(key.strip_prefix("node-role.kubernetes.io/")?.to_owned())),
    )
}

pub(super) fn node_address(object: &Value, kind: &str) -> Value {
    let address = items(object, "/status/addresses").find(|address| address["type"] == kind);
    address.map_or_else(|| NONE.into(), |address| text(&address["address"]).into())
}

pub(super) fn ready_containers(object: &Value, _: Timestamp) -> Value {
    let ready = items(object, "/status/containerStatuses").filter(|c| c["ready"] == true);
    let all = items(object, "/spec/containers").count();
    format!("{}/{all}", ready.count()).into()
}

pub(super) fn restarts(object: &Value, _: Timestamp) -> Value {
    let restarts =
        items(object, "/status/containerStatuses").filter_map(|c| c["restartCount"].as_i64());
    restarts.sum::<i64>().to_string().into()
}

/// The phase, unless a container, the pod itself or its deletion has more to say.
pub(super) fn pod_status(object: &Value, _: Timestamp) -> Value {
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return "Terminating".into();
    }
    let containers = items(object, "/status/containerStatuses");
    let reason = containers.rev_reasons().or_else(|| {
        let reason = text(&object["status"]["reason"]);
        (!reason.is_empty()).then_some(reason)
    });
    reason.map_or_else(|| at(object, "/status/phase"), Value::from)
}

/// The reason the last container that has one gives for not running.
trait Reasons {
    fn rev_reasons(self) -> Option<String>;
}

impl<'a, I: Iterator<Item = &'a Value>> Reasons for I {
    fn rev_reasons(self) -> Option<String> {
        self.filter_map(|container| {
            ["waiting", "terminated"].into_iter().find_map(|state| {
                let reason = container["state"][state]["reason"].as_str()?;
                (!reason.is_empty()).then(|| reason.to_owned())
            })
        })
        .last()
    }
}
