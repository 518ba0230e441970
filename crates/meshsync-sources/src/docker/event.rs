//! What an engine says has happened.

use serde::Deserialize;

/// A line of the events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Event {
    #[serde(rename = "Type", default)]
    kind: String,
    #[serde(rename = "Action", default)]
    action: String,
    #[serde(rename = "Actor", default)]
    actor: Actor,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Actor {
    #[serde(rename = "ID", default)]
    id: String,
}

/// What to look at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// This container, which is there or not.
    Container(String),
    /// It is gone.
    ContainerGone(String),
    Images,
    Networks,
    Volumes,
    Pods,
    /// Everything.
    All,
}

impl Event {
    pub(super) fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// None where nothing of what is observed has changed.
    pub(super) fn look(self) -> Option<Look> {
        // `health_status: healthy`, `exec_start: sh`.
        let action = self.action.split(':').next().unwrap_or_default();
        Some(match (self.kind.as_str(), action) {
            (_, "prune") => Look::All,
            // Of what happens in a container nothing is observed.
            ("container", "attach" | "copy" | "export" | "resize" | "top" | "exec") => return None,
            ("container", action) if action.starts_with("exec_") => return None,
            // Podman and Docker.
            ("container", "remove" | "destroy") => Look::ContainerGone(self.actor.id),
            ("container", _) => Look::Container(self.actor.id),
            ("image", _) => Look::Images,
            // A container's networks are a part of it.
            ("network", "connect" | "disconnect") => Look::All,
            ("network", _) => Look::Networks,
            ("volume", _) => Look::Volumes,
            ("pod", _) => Look::Pods,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_say_what_to_look_at() {
        let check = |line: &str, look: Option<Look>| {
            assert_eq!(
                Event::parse(line.as_bytes()).unwrap().look(),
                look,
                "{line}"
            );
        };
        let container = |action: &str| {
            format!(r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"c"}},"x":1}}"#)
        };
        let there = Some(Look::Container("c".to_owned()));
        check(&container("rename"), there.clone());
        check(&container("health_status: healthy"), there);
        check(&container("exec_start: sh -c secret"), None);
        for gone in ["destroy", "remove"] {
            check(&container(gone), Some(Look::ContainerGone("c".to_owned())));
        }
        check(r#"{"Type":"plugin","Action":"enable"}"#, None);
        check(r#"{"Type":"volume","Action":"prune"}"#, Some(Look::All));
    }
}
