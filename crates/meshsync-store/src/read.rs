//! Reading objects.

use rusqlite::{ToSql, params_from_iter};

use crate::schema::unpack;
use crate::{Store, StoreError};

/// Which objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// Kind, plural, or `plural.group`, in any case; all where there is none.
    pub kind: Option<String>,
    /// Namespace; all where there is none.
    pub namespace: Option<String>,
    /// Name; all where there is none.
    pub name: Option<String>,
    /// Labels an object must have; without a value, with whatever value.
    pub labels: Vec<(String, Option<String>)>,
}

/// An object of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredObject {
    /// The cluster.
    pub scope: String,
    /// API group; `""` for core.
    pub group: String,
    /// Plural name of the resource.
    pub plural: String,
    /// `v1`, `apps/v1`.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; `""` where it has none.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// uid.
    pub uid: String,
    /// resourceVersion.
    pub version: String,
    /// Content hash.
    pub hash: String,
    /// The object, as JSON.
    pub object: Vec<u8>,
}

const COLUMNS: &str = r#"scope, "group", plural, api_version, kind, namespace, name, uid, version,
    hash, body"#;

impl Store {
    /// Hands the objects of a filter to `each`, by cluster, group, kind, namespace
    /// and name.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn objects(
        &self,
        filter: &Filter,
        mut each: impl FnMut(StoredObject),
    ) -> Result<(), StoreError> {
        let mut sql = format!(
            "SELECT {COLUMNS} FROM object JOIN resource ON resource.id = object.resource WHERE 1"
        );
        let mut values: Vec<&dyn ToSql> = Vec::new();
        let lower = filter.kind.as_deref().map(str::to_lowercase);
        if let Some(kind) = &lower {
            sql.push_str(r#" AND (lower(kind) = ? OR plural = ? OR plural || '.' || "group" = ?)"#);
            values.extend([kind as &dyn ToSql, kind, kind]);
        }
        if let Some(namespace) = &filter.namespace {
            sql.push_str(" AND namespace = ?");
            values.push(namespace);
        }
        if let Some(name) = &filter.name {
            sql.push_str(" AND name = ?");
            values.push(name);
        }
        for (key, value) in &filter.labels {
            sql.push_str(" AND object.id IN (SELECT object FROM label WHERE key = ?");
            values.push(key);
            if let Some(value) = value {
                sql.push_str(" AND value = ?");
                values.push(value);
            }
            sql.push(')');
        }
        sql.push_str(r#" ORDER BY scope, "group", plural, namespace, name"#);
        let mut statement = self.connection.prepare(&sql).map_err(StoreError::reading)?;
        let mut rows = statement
            .query(params_from_iter(values))
            .map_err(StoreError::reading)?;
        while let Some(row) = rows.next().map_err(StoreError::reading)? {
            let read = || -> rusqlite::Result<_> {
                let body: Vec<u8> = row.get(10)?;
                Ok((
                    body,
                    StoredObject {
                        scope: row.get(0)?,
                        group: row.get(1)?,
                        plural: row.get(2)?,
                        api_version: row.get(3)?,
                        kind: row.get(4)?,
                        namespace: row.get(5)?,
                        name: row.get(6)?,
                        uid: row.get(7)?,
                        version: row.get(8)?,
                        hash: row.get(9)?,
                        object: Vec::new(),
                    },
                ))
            };
            let (body, mut object) = read().map_err(StoreError::reading)?;
            object.object = unpack(&body).ok_or(StoreError::Damaged)?;
            each(object);
        }
        Ok(())
    }
}
