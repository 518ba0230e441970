//! Recorded changes, made once more.

use std::sync::Arc;

use serde_json::Value;

use super::{Event, EventKind, Object, Store, encode::encode};
use crate::api::{CrdFacts, GroupResource, Status, split_api_version};

impl Store {
    /// Makes the change a recorded watch event tells of. No controller reacts: what they did was
    /// recorded as well.
    pub(crate) fn replay(&mut self, event: &Value) -> Result<(), Status> {
        let object = &event["object"];
        let (kind, api_version) = (object["kind"].as_str(), object["apiVersion"].as_str());
        let (Some(change), Some(kind), Some(api_version)) =
            (event["type"].as_str(), kind, api_version)
        else {
            return Err(Status::bad_request(
                "a watch event has a type, and its object a kind and an apiVersion",
            ));
        };
        let (group, version) = split_api_version(api_version);
        let found = self
            .catalog
            .by_kind(group, version, kind)
            .ok_or_else(Status::no_resource)?;
        let gr = GroupResource::new(group, found.resource.resource.as_str());
        if change == "BOOKMARK" {
            let version = object["metadata"]["resourceVersion"].as_str();
            let version = version.and_then(|version| version.parse().ok());
            self.pass_to(version.unwrap_or(self.rv));
            return Ok(());
        }
        let read = Object::read(encode(object, found.custom))
            .ok_or_else(|| Status::bad_request("the object of the event has no metadata"))?;
        match change {
            "ADDED" | "MODIFIED" => {
                if let Some(facts) = CrdFacts::of(object)
                    && kind == "CustomResourceDefinition"
                {
                    self.catalog.define(facts);
                    self.open_tables();
                }
                self.insert(&gr, read).ok_or_else(Status::no_resource)?;
                Ok(())
            }
            "DELETED" => self.replay_deletion(&gr, read),
            _ => Err(Status::bad_request(format!(
                "an event of type {change:?} cannot be repeated"
            ))),
        }
    }

    fn replay_deletion(&mut self, gr: &GroupResource, last: Object) -> Result<(), Status> {
        let (rv, key) = (last.rv, last.key());
        if let Some(facts) = self.crd_facts(gr, &key) {
            self.drop_custom_resource(&facts.group_resource());
        }
        let table = self.tables.get_mut(gr).ok_or_else(Status::no_resource)?;
        let previous = table.objects.remove(&key);
        let event = Event {
            rv,
            kind: EventKind::Deleted,
            object: Arc::new(last),
            previous: Some(previous.ok_or_else(|| Status::not_found(gr, &key))?),
        };
        table.push(event);
        self.pass_to(rv);
        Ok(())
    }
}
