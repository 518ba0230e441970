//! The list of what to observe in Meshery's custom resource.

use std::collections::BTreeMap;

use meshsync_discovery::{EventRule, Events, Pattern, Selection};
use meshsync_model::EventType;
use serde::Deserialize;
use serde_json::Value;

use super::legacy;

/// Of a text that cannot be used this much is repeated.
const TEXT_CHARS_MAX: usize = 120;

/// Names of a list at most.
const NAMES_MAX: usize = 2_000;

/// What the resource `MeshSync` says: what to observe and what not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchList {
    /// Each with the changes that are told.
    whitelist: Vec<(Pattern, Events)>,
    blacklist: Vec<Pattern>,
    has_whitelist: bool,
    has_blacklist: bool,
}

/// Why a list cannot be used: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to use the watch-list: {}", .problems.join("; "))]
pub struct WatchListError {
    /// Each with the offending text and what to write instead.
    pub problems: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MeshSyncResource {
    spec: Option<Spec>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(rename = "watch-list")]
    watch_list: Option<ConfigMap>,
    informer_config: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ConfigMap {
    data: Option<BTreeMap<String, String>>,
}

impl WatchList {
    /// Reads it from the resource, as JSON. A resource that says nothing of it
    /// is an empty list.
    ///
    /// # Errors
    ///
    /// When anything in it cannot be understood.
    pub fn parse(resource: &[u8]) -> Result<Self, WatchListError> {
        let mut problems = Vec::new();
        let mut list = Self::default();
        match serde_json::from_slice::<MeshSyncResource>(resource) {
            Ok(resource) => list.take(resource.spec.unwrap_or_default(), &mut problems),
            Err(error) => problems.push(format!("the resource is not what it should be: {error}")),
        }
        if problems.is_empty() {
            Ok(list)
        } else {
            Err(WatchListError { problems })
        }
    }

    fn take(&mut self, spec: Spec, problems: &mut Vec<String>) {
        let data = spec.watch_list.unwrap_or_default().data.unwrap_or_default();
        for (key, text) in &data {
            // The Server writes the list that is not in use as an empty text.
            if text.trim().is_empty() {
                continue;
            }
            let parsed = serde_json::from_str::<Value>(text);
            match (key.as_str(), parsed) {
                ("whitelist" | "blacklist" | "informer_config", Err(error)) => {
                    problems.push(format!("{key} is no JSON ({error}): {}", short(text)));
                }
                ("whitelist", Ok(list)) => self.whitelist("whitelist", &list, problems),
                ("blacklist", Ok(list)) => self.blacklist("blacklist", &list, problems),
                ("informer_config", Ok(config)) => self.informer_config(&config, problems),
                _ => {}
            }
        }
        if let Some(config) = &spec.informer_config {
            self.informer_config(config, problems);
        }
    }

    /// Either both lists by name, or the one of what to observe.
    fn informer_config(&mut self, config: &Value, problems: &mut Vec<String>) {
        let Some(members) = config.as_object() else {
            return self.whitelist("informer_config", config, problems);
        };
        for (key, list) in members {
            // As the other form has it, lists may be texts.
            let parsed = list.as_str().map(serde_json::from_str);
            let list = match parsed {
                None => list.clone(),
                Some(Ok(list)) => list,
                Some(Err(error)) => {
                    let text = short(list.as_str().unwrap_or_default());
                    problems.push(format!(
                        "informer_config.{key} is no JSON ({error}): {text}"
                    ));
                    continue;
                }
            };
            match key.as_str() {
                "whitelist" => self.whitelist("informer_config.whitelist", &list, problems),
                "blacklist" => self.blacklist("informer_config.blacklist", &list, problems),
                _ => {}
            }
        }
    }

    fn whitelist(&mut self, name: &str, list: &Value, problems: &mut Vec<String>) {
        let Some(entries) = entries(name, list, problems) else {
            return;
        };
        self.has_whitelist = true;
        for entry in entries {
            let resource = match entry {
                Value::String(resource) => Some(resource.as_str()),
                _ => member(entry, "resource").and_then(Value::as_str),
            };
            let Some(resource) = resource else {
                let text = short(&entry.to_string());
                problems.push(format!(
                    "{name}: no Resource in {text}; write {{\"Resource\":\"pods.v1.\",\"Events\":[]}}"
                ));
                continue;
            };
            let Some(events) = events(name, entry, problems) else {
                continue;
            };
            if let Some(pattern) = pattern(name, resource, problems) {
                self.whitelist.push((pattern, events));
            }
        }
    }

    fn blacklist(&mut self, name: &str, list: &Value, problems: &mut Vec<String>) {
        let Some(entries) = entries(name, list, problems) else {
            return;
        };
        self.has_blacklist = true;
        for entry in entries {
            let resource = match entry {
                Value::String(resource) => Some(resource.as_str()),
                _ => member(entry, "resource").and_then(Value::as_str),
            };
            match resource {
                Some(resource) => self.blacklist.extend(pattern(name, resource, problems)),
                None => problems.push(format!(
                    "{name}: {} is no name; write [\"secrets.v1.\"]",
                    short(&entry.to_string())
                )),
            }
        }
    }

    /// What is observed with it, where `base` is observed without.
    ///
    /// A whitelist takes the place of the base's names, and a blacklist alone
    /// those of everything the original has built in; custom resources come on
    /// top. A blacklist leaves out of all that. A base without names observes
    /// everything, whatever the whitelist says.
    pub fn select(&self, base: &Selection) -> Selection {
        let mut selection = base.clone();
        // Of who is no Meshery, everything is no choice: a whitelist narrows it.
        let is_everything = base.include.is_empty() && base.custom;
        if self.has_whitelist {
            let rules = self.whitelist.iter();
            let rules = rules.map(|(pattern, _)| pattern.clone().into());
            if is_everything {
                selection.also.extend(rules);
            } else {
                selection.include = rules.collect();
                if selection.include.is_empty() {
                    // Nothing but custom resources: a name that nothing has.
                    selection.include.extend("none.none.none".parse());
                }
            }
            let rules = self.whitelist.iter();
            let rules = rules.filter(|(_, events)| *events != Events::default());
            selection.events = rules
                .map(|(pattern, events)| EventRule {
                    pattern: pattern.clone(),
                    events: *events,
                })
                .collect();
        } else if self.has_blacklist && !is_everything && base.custom {
            selection.include = legacy::everything().into_iter().map(Into::into).collect();
        }
        let blacklist = self.blacklist.iter().cloned();
        selection.exclude.extend(blacklist.map(Into::into));
        selection
    }
}

fn entries<'a>(name: &str, list: &'a Value, problems: &mut Vec<String>) -> Option<&'a Vec<Value>> {
    let Some(entries) = list.as_array() else {
        let text = short(&list.to_string());
        problems.push(format!("{name} is no list: {text}"));
        return None;
    };
    if entries.len() > NAMES_MAX {
        let count = entries.len();
        problems.push(format!("{name} has {count} entries, more than {NAMES_MAX}"));
        return None;
    }
    Some(entries)
}

/// A member under its name in any case: the original's decoder takes any.
fn member<'a>(entry: &'a Value, name: &str) -> Option<&'a Value> {
    let members = entry.as_object()?.iter();
    let mut found = members.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value)
}

/// All events where there are none; `None` when there is something else.
fn events(name: &str, entry: &Value, problems: &mut Vec<String>) -> Option<Events> {
    let list = match member(entry, "events") {
        None | Some(Value::Null) => return Some(Events::default()),
        Some(list) => list,
    };
    let words: Option<Vec<&str>> = list
        .as_array()
        .map(|words| words.iter().map(|w| w.as_str().unwrap_or("")).collect());
    let events: Option<Vec<EventType>> = words.and_then(|words| {
        let known = words.into_iter().map(|word| match word {
            // The second form is that of versions before 1.0.2.
            "ADDED" | "ADD" => Some(EventType::Added),
            "MODIFIED" | "UPDATE" => Some(EventType::Modified),
            "DELETED" | "DELETE" => Some(EventType::Deleted),
            _ => None,
        });
        known.collect()
    });
    if events.is_none() {
        let text = short(&list.to_string());
        problems.push(format!(
            "{name}: Events {text}; there are \"ADDED\", \"MODIFIED\", \"DELETED\""
        ));
    }
    events.map(Events::only)
}

fn pattern(name: &str, text: &str, problems: &mut Vec<String>) -> Option<Pattern> {
    let text = text.trim();
    if let Some(pattern) = legacy::pattern(text) {
        return Some(pattern);
    }
    if legacy::is_nothing(text) {
        tracing::debug!(name = text, "a name of nothing in {name}");
        return None;
    }
    match Pattern::parse(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            problems.push(format!("{name}: {error}"));
            None
        }
    }
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(TEXT_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

#[cfg(test)]
mod tests {
    use meshsync_model::{Gvk, Resource};
    use serde_json::json;

    use super::*;
    use crate::meshery::meshery_selection;

    fn parse(spec: &Value) -> Result<WatchList, WatchListError> {
        WatchList::parse(json!({"spec": spec}).to_string().as_bytes())
    }

    fn lists(whitelist: &str, blacklist: &str) -> Result<WatchList, WatchListError> {
        parse(&json!({"watch-list": {"data": {"whitelist": whitelist, "blacklist": blacklist}}}))
    }

    fn resource(group: &str, plural: &str, kind: &str) -> Resource {
        let mut resource = Resource::new(Gvk::new(group, "v1", kind), plural, true);
        resource.singular = kind.to_lowercase();
        resource
    }

    fn observed(selection: &Selection) -> Vec<&'static str> {
        let all = [
            ("", "pods", "Pod"),
            ("", "secrets", "Secret"),
            ("batch", "jobs", "Job"),
            ("coordination.k8s.io", "leases", "Lease"),
            ("example.com", "things", "Thing"),
        ];
        let all = all.into_iter();
        all.filter(|(group, plural, kind)| {
            selection.decide(&resource(group, plural, kind)).observed
        })
        .map(|(_, plural, _)| plural)
        .collect()
    }

    fn check(whitelist: &str, blacklist: &str, expected: &[&str]) {
        let list = lists(whitelist, blacklist).unwrap();
        let selection = list.select(&meshery_selection());
        assert_eq!(observed(&selection), expected, "{whitelist} {blacklist}");
    }

    #[test]
    fn lists_select_what_they_name() {
        check("", "", &["pods", "secrets", "things"]);
        check(r#"[{"Resource":"jobs.v1.batch"}]"#, "", &["jobs", "things"]);
        check(
            r#"[{"resource":"job.v1.batch","EVENTS":[]}]"#,
            "",
            &["jobs", "things"],
        );
        check("", r#"["secrets.v1."]"#, &["pods", "jobs", "things"]);
        check("", r#"["*.example.com"]"#, &["pods", "secrets", "jobs"]);
        check(
            r#"[{"Resource":"pods.v1."},{"Resource":"secrets.v1."}]"#,
            r#"["secrets.v1.","things.v1.example.com"]"#,
            &["pods"],
        );
        check(
            r#"[{"Resource":"lease.v1.coordination.k8s.io"}]"#,
            "",
            &["leases", "things"],
        );
        check(r#"[{"Resource":"service.apis"}]"#, "", &["things"]);
        check("[]", "", &["things"]);
    }

    #[test]
    fn everything_stays_everything_but_what_is_left_out() {
        let base = crate::meshery::meshery_selection_of_everything();
        let list = lists(
            r#"[{"Resource":"lease.v1.coordination.k8s.io"}]"#,
            r#"["pods"]"#,
        );
        let selection = list.unwrap().select(&base);
        assert_eq!(
            observed(&selection),
            ["secrets", "jobs", "leases", "things"]
        );
    }

    #[test]
    fn events_are_filtered_only_where_they_are_named() {
        let list = lists(
            r#"[{"Resource":"pods.v1.","Events":["MODIFIED"]},
                {"Resource":"secrets.v1.","Events":["ADD","UPDATE","DELETE"]}]"#,
            "",
        );
        let selection = list.unwrap().select(&meshery_selection());
        let view = |plural, kind| selection.view(&resource("", plural, kind)).events;
        assert_eq!(view("pods", "Pod"), Events::only([EventType::Modified]));
        assert_eq!(view("secrets", "Secret"), Events::default());
    }

    #[test]
    fn the_alias_is_read_in_both_places() {
        let entry = json!([{"Resource": "jobs.v1.batch"}]);
        for spec in [
            json!({"informer_config": {"whitelist": entry}}),
            json!({"informer_config": {"whitelist": entry.to_string()}}),
            json!({"watch-list": {"data": {"informer_config": entry.to_string()}}}),
        ] {
            let selection = parse(&spec).unwrap().select(&meshery_selection());
            assert_eq!(observed(&selection), ["jobs", "things"], "{spec}");
        }
    }

    #[test]
    fn a_resource_that_says_nothing_is_an_empty_list() {
        for resource in [r#"{"spec":null}"#, "{}", r#"{"spec":{"watch-list":null}}"#] {
            let list = WatchList::parse(resource.as_bytes()).unwrap();
            assert_eq!(list, WatchList::default(), "{resource}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once_with_its_text() {
        let error = lists(
            r#"[{"Resource":"pods.v1"},{"Events":[]},{"Resource":"pods.v1.","Events":["GONE"]}]"#,
            r#"{"secrets":1}"#,
        );
        let text = error.unwrap_err().to_string();
        for part in ["pods.v1.", "no Resource in", "GONE", "secrets"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let text = lists(r#"[{"Resource":"#, "").unwrap_err().to_string();
        assert!(
            text.contains("no JSON") && text.contains("Resource"),
            "{text}"
        );
    }
}
