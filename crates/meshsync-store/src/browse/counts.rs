//! How many of what.

use crate::{Store, StoreError};

/// So many objects of one resource in one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// API group; `""` for core.
    pub group: String,
    /// Plural name of the resource.
    pub plural: String,
    /// Kind.
    pub kind: String,
    /// Namespace; `""` where it has none.
    pub namespace: String,
    /// How many.
    pub objects: u64,
}

/// Kinds differ within a resource only while its definition changes: one of them
/// names it. The count itself reads an index alone.
const COUNTS: &str = r#"
SELECT resource."group", resource.plural, counted.namespace, counted.objects,
    (SELECT kind FROM object WHERE object.resource = resource.id LIMIT 1)
FROM (SELECT resource, namespace, count(*) AS objects FROM object GROUP BY resource, namespace)
    AS counted
JOIN resource ON resource.id = counted.resource"#;

impl Store {
    /// How many objects there are of each resource and namespace.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn counts(&self) -> Result<Vec<Group>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached(COUNTS)
            .map_err(StoreError::reading)?;
        let groups = statement.query_map([], |row| {
            Ok(Group {
                group: row.get(0)?,
                plural: row.get(1)?,
                namespace: row.get(2)?,
                objects: row.get(3)?,
                kind: row.get(4)?,
            })
        });
        groups
            .and_then(Iterator::collect)
            .map_err(StoreError::reading)
    }
}
