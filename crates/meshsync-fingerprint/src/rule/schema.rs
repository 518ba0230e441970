//! A JSON schema of rules, for editors.

use super::Rule;

/// The schema as text.
pub fn schema() -> String {
    let schema = schemars::schema_for!(Rule);
    // A schema is plain data; writing it cannot fail.
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}
