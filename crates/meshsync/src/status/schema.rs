//! The JSON schema of the document.

use super::StatusDocument;

/// The schema as text.
pub fn schema() -> String {
    let schema = schemars::schema_for!(StatusDocument);
    // A schema is plain data; writing it cannot fail.
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}
