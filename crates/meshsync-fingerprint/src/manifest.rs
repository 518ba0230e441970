//! Manifests: files of YAML or JSON documents.

use serde_json::Value;

/// Why a text is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct ManifestError {
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1.
    pub column: u64,
    /// What is wrong there.
    pub message: String,
}

/// How deep lists may lie in lists.
const LIST_DEPTH_MAX: usize = 8;

/// The objects of a text: its documents, and the items of those that are lists.
/// What has no kind is left out.
///
/// # Errors
///
/// When the text is no YAML.
pub fn objects(text: &str) -> Result<Vec<Value>, ManifestError> {
    // The user's own file: as large as it likes to be.
    let options = serde_saphyr::options! {
        budget: None,
        with_snippet: false,
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
    };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
            let (line, column) = error
                .location()
                .map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
            ManifestError {
                line,
                column,
                message: error.render_with_formatter(&serde_saphyr::UserMessageFormatter),
            }
        })?;
    let mut objects = Vec::with_capacity(documents.len());
    for document in documents {
        flatten(document, LIST_DEPTH_MAX, &mut objects);
    }
    Ok(objects)
}

fn flatten(document: Value, depth: usize, objects: &mut Vec<Value>) {
    match document {
        Value::Array(items) if depth > 0 => {
            for item in items {
                flatten(item, depth - 1, objects);
            }
        }
        Value::Object(mut members) => {
            let kind = members.get("kind").and_then(Value::as_str);
            let is_list = kind.is_some_and(|kind| kind.ends_with("List"));
            let items = members.get("items").is_some_and(Value::is_array);
            let is_record = members.contains_key("event") && members.contains_key("object");
            if is_record && depth > 0 {
                // A record, as `meshsync snapshot` writes them.
                let object = members.remove("object").unwrap_or_default();
                flatten(object, depth - 1, objects);
            } else if is_list && items && depth > 0 {
                let items = members.remove("items").unwrap_or_default();
                flatten(items, depth - 1, objects);
            } else if kind.is_some() {
                objects.push(Value::Object(members));
            }
        }
        _ => {}
    }
}
