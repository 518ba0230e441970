//! What two stores do not have in common.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{Filter, Store, StoreError};

/// Paths of one object that are named.
const PATHS_MAX: usize = 10;

/// A difference between a first and a second store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// Only the first has it.
    OnlyFirst(String),
    /// Only the second has it.
    OnlySecond(String),
    /// Both have it, and differ in these paths: what the first says, what the
    /// second.
    Changed(String, Vec<String>),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OnlyFirst(object) => write!(f, "- {object}"),
            Self::OnlySecond(object) => write!(f, "+ {object}"),
            Self::Changed(object, paths) => {
                write!(f, "~ {object}")?;
                paths.iter().try_for_each(|path| write!(f, "\n    {path}"))
            }
        }
    }
}

/// Compares two stores by content: what a server counts (resourceVersion) is no
/// difference, and neither is from which cluster it comes.
///
/// # Errors
///
/// When one cannot be read.
pub fn diff(
    first: &Store,
    second: &Store,
    filter: &Filter,
    mut each: impl FnMut(Difference),
) -> Result<(), StoreError> {
    let mut left = BTreeMap::new();
    first.objects(filter, |object| {
        left.insert(key_of(&object), (object.hash, object.object));
    })?;
    let mut changes = Vec::new();
    second.objects(filter, |object| {
        let key = key_of(&object);
        match left.remove(&key) {
            None => changes.push((key.clone(), Difference::OnlySecond(key))),
            Some((hash, body)) if hash != object.hash || hash.is_empty() => {
                let paths = paths(&body, &object.object);
                if !paths.is_empty() {
                    changes.push((key.clone(), Difference::Changed(key, paths)));
                }
            }
            Some(_) => {}
        }
    })?;
    changes.extend(
        left.into_keys()
            .map(|key| (key.clone(), Difference::OnlyFirst(key))),
    );
    changes.sort_by(|a, b| a.0.cmp(&b.0));
    changes.into_iter().for_each(|(_, change)| each(change));
    Ok(())
}

pub(crate) fn key_of(object: &crate::StoredObject) -> String {
    let group = if object.group.is_empty() {
        String::new()
    } else {
        format!(".{}", object.group)
    };
    let place = if object.namespace.is_empty() {
        object.name.clone()
    } else {
        format!("{}/{}", object.namespace, object.name)
    };
    format!("{}{group} {place}", object.plural)
}

fn paths(first: &[u8], second: &[u8]) -> Vec<String> {
    let parse = |text| serde_json::from_slice::<Value>(text).unwrap_or(Value::Null);
    let mut found = Vec::new();
    compare(
        &parse(first),
        &parse(second),
        &mut String::new(),
        &mut found,
    );
    if found.len() > PATHS_MAX {
        let more = found.len() - PATHS_MAX;
        found.truncate(PATHS_MAX);
        found.push(format!("and {more} more"));
    }
    found
}

fn compare(first: &Value, second: &Value, path: &mut String, found: &mut Vec<String>) {
    match (first, second) {
        (Value::Object(a), Value::Object(b)) => {
            let absent = Value::Null;
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let length = path.len();
                path.push('.');
                path.push_str(key);
                if path != ".metadata.resourceVersion" {
                    let (a, b) = (a.get(key), b.get(key));
                    compare(a.unwrap_or(&absent), b.unwrap_or(&absent), path, found);
                }
                path.truncate(length);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                let length = path.len();
                path.push_str(&format!("[{at}]"));
                compare(a, b, path, found);
                path.truncate(length);
            }
        }
        (a, b) if a != b => {
            found.push(format!("{}: {} -> {}", &path[1..], short(a), short(b)));
        }
        _ => {}
    }
}

/// A value fit for a line.
pub(crate) fn short(value: &Value) -> String {
    const LETTERS_MAX: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(LETTERS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_what_changed() {
        let a = br#"{"metadata":{"resourceVersion":"1"},"spec":{"replicas":2,"list":[1,2]}}"#;
        let b =
            br#"{"metadata":{"resourceVersion":"2"},"spec":{"replicas":3,"list":[1,4],"x":null}}"#;
        assert_eq!(
            paths(a, b),
            ["spec.list[1]: 2 -> 4", "spec.replicas: 2 -> 3"]
        );
    }
}
