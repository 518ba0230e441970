//! Examples and counter-examples: a rule's own tests.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::is_default;

/// A few objects, and what they must be taken for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Example {
    /// What it shows.
    pub title: String,
    /// The version that must be found; none must be when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The edition that must be found, where that is what it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The objects.
    pub objects: Vec<Sketch>,
}

/// An object in few words, written out as the API server would send it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sketch {
    /// Its kind; `Kind.group` for one that is not built in.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace; `default` for a workload or Service that names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels, as `key=value`; a workload's pods have them too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Annotations, as `key=value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<String>,
    /// `Kind.group/name` of the object that controls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Containers of a workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<SketchContainer>,
    /// Ports of a Service: `name:number` or `number`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
    /// Controller of a class, or provisioner of a StorageClass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Names of the webhooks of a configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub webhooks: Vec<String>,
    /// Data of a ConfigMap, or `path=value` of a custom resource's fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<String>,
}

/// A container in few words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SketchContainer {
    /// Its name; `main` unless told.
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: Option<String>,
    /// Its image.
    pub image: String,
    /// Its command.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// Its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Names of its environment variables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub envs: Vec<String>,
    /// Its ports: `name:number` or `number`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
}

impl Sketch {
    /// The object as an API server would send it.
    pub fn object(&self) -> Value {
        let (kind, group) = match self.kind.split_once('.') {
            Some((kind, group)) => (kind, group),
            None => (self.kind.as_str(), built_in_group(&self.kind)),
        };
        let api_version = if group.is_empty() {
            "v1".to_owned()
        } else {
            format!("{group}/v1")
        };
        let mut metadata = json!({"name": self.name});
        let namespace = self
            .namespace
            .as_deref()
            .or_else(|| (!self.containers.is_empty() || kind == "Service").then_some("default"));
        if let Some(namespace) = namespace {
            metadata["namespace"] = json!(namespace);
        }
        if !self.labels.is_empty() {
            metadata["labels"] = pairs(&self.labels);
        }
        if !self.annotations.is_empty() {
            metadata["annotations"] = pairs(&self.annotations);
        }
        if let Some(owner) = &self.owner {
            let (kind, name) = owner.split_once('/').unwrap_or((owner, "owner"));
            let (kind, group) = kind.split_once('.').unwrap_or((kind, "apps"));
            metadata["ownerReferences"] = json!([{
                "apiVersion": format!("{group}/v1"), "kind": kind, "name": name,
                "controller": true, "uid": "",
            }]);
        }
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
        self.fill(kind, &mut object);
        object
    }

    fn fill(&self, kind: &str, object: &mut Value) {
        let pod = json!({"containers":
            self.containers.iter().map(SketchContainer::object).collect::<Vec<_>>()});
        let template = json!({"metadata": {"labels": pairs(&self.labels)}, "spec": pod});
        match kind {
            "Pod" => object["spec"] = pod,
            "CronJob" => {
                object["spec"] = json!({"jobTemplate": {"spec": {"template": template}}});
            }
            _ if !self.containers.is_empty() => object["spec"] = json!({"template": template}),
            "Service" => {
                let ports: Vec<Value> =
                    self.ports.iter().map(|port| ported(port, "port")).collect();
                object["spec"] = json!({"ports": ports});
            }
            "CustomResourceDefinition" => {
                let (plural, group) = self.name.split_once('.').unwrap_or((&self.name, ""));
                object["spec"] = json!({"group": group, "names": {"plural": plural}});
            }
            "IngressClass" => object["spec"] = json!({"controller": self.class}),
            "GatewayClass" => object["spec"] = json!({"controllerName": self.class}),
            "StorageClass" => object["provisioner"] = json!(self.class),
            "ConfigMap" => object["data"] = pairs(&self.data),
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
                let hooks = self.webhooks.iter().map(|name| json!({"name": name}));
                object["webhooks"] = hooks.collect();
            }
            _ => {
                for pair in &self.data {
                    let (path, value) = pair.split_once('=').unwrap_or((pair, ""));
                    set(object, path, value);
                }
            }
        }
    }
}

impl SketchContainer {
    fn object(&self) -> Value {
        let envs: Vec<Value> = self.envs.iter().map(|name| json!({"name": name})).collect();
        let ports: Vec<Value> = self
            .ports
            .iter()
            .map(|port| ported(port, "containerPort"))
            .collect();
        json!({
            "name": self.name.as_deref().unwrap_or("main"), "image": self.image,
            "command": self.command, "args": self.args, "env": envs, "ports": ports,
        })
    }
}

fn pairs(pairs: &[String]) -> Value {
    let pairs = pairs
        .iter()
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    Value::Object(
        pairs
            .map(|(key, value)| (key.to_owned(), json!(value)))
            .collect::<Map<_, _>>(),
    )
}

fn ported(port: &str, field: &str) -> Value {
    let (name, number) = match port.rsplit_once(':') {
        Some((name, number)) => (Some(name), number),
        None => (None, port),
    };
    let mut value = json!({field: number.parse::<u16>().unwrap_or(0)});
    if let Some(name) = name {
        value["name"] = json!(name);
    }
    value
}

fn set(object: &mut Value, path: &str, value: &str) {
    let mut at = object;
    for part in path.split('.') {
        at = &mut at[part];
    }
    *at = json!(value);
}

fn built_in_group(kind: &str) -> &'static str {
    match kind {
        "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" => "apps",
        "Job" | "CronJob" => "batch",
        "CustomResourceDefinition" => "apiextensions.k8s.io",
        "IngressClass" => "networking.k8s.io",
        "GatewayClass" => "gateway.networking.k8s.io",
        "StorageClass" | "CSIDriver" => "storage.k8s.io",
        "APIService" => "apiregistration.k8s.io",
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            "admissionregistration.k8s.io"
        }
        "ClusterServiceVersion" => "operators.coreos.com",
        _ => "",
    }
}
