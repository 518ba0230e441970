//! One object and its relations.

use rusqlite::{OptionalExtension, Row, params};

use super::page::Listed;
use crate::schema::unpack;
use crate::{Store, StoreError};

/// So many objects that one owns are named.
const OWNED_MAX: usize = 200;

/// An object with what it is related to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Detail {
    /// Its head.
    pub head: Listed,
    /// resourceVersion.
    pub version: String,
    /// Content hash.
    pub hash: String,
    /// The object, as JSON.
    pub object: Vec<u8>,
    /// Its labels, by key.
    pub labels: Vec<(String, String)>,
    /// Who owns it.
    pub owners: Vec<Relative>,
    /// What it owns: 200 at most.
    pub owned: Vec<Relative>,
    /// How many it owns in all.
    pub owned_total: u64,
}

/// An owner or what is owned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Relative {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Where it is in this store: group, plural and namespace; `None` where it is
    /// not.
    pub place: Option<(String, String, String)>,
}

impl Store {
    /// The object of a name, with its relations; an empty namespace for what has
    /// none.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn detail(
        &self,
        group: &str,
        plural: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Detail>, StoreError> {
        let Some(resource) = self.resource_id(group, plural)? else {
            return Ok(None);
        };
        let read = || -> rusqlite::Result<_> {
            let found = self
                .connection
                .prepare_cached(
                    "SELECT api_version, kind, uid, version, hash, tier, observed, body, id \
                     FROM object WHERE resource = ?1 AND namespace = ?2 AND name = ?3",
                )?
                .query_row(params![resource, namespace, name], |row| {
                    let head = Listed {
                        group: group.to_owned(),
                        plural: plural.to_owned(),
                        api_version: row.get(0)?,
                        kind: row.get(1)?,
                        namespace: namespace.to_owned(),
                        name: name.to_owned(),
                        uid: row.get(2)?,
                        tier: row.get(5)?,
                        observed: row.get(6)?,
                    };
                    let (version, hash): (String, String) = (row.get(3)?, row.get(4)?);
                    Ok((head, version, hash, row.get::<_, Vec<u8>>(7)?, row.get(8)?))
                })
                .optional()?;
            let Some((head, version, hash, body, id)) = found else {
                return Ok(None);
            };
            let labels = self
                .connection
                .prepare_cached("SELECT key, value FROM label WHERE object = ?1 ORDER BY key")?
                .query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let (owners, owned) = (self.owners(id)?, self.owned(&head.uid)?);
            let owned_total = self
                .connection
                .prepare_cached("SELECT count(*) FROM owner WHERE uid = ?1")?
                .query_row([&head.uid], |row| row.get(0))?;
            Ok(Some((
                body,
                Detail {
                    head,
                    version,
                    hash,
                    object: Vec::new(),
                    labels,
                    owners,
                    owned,
                    owned_total,
                },
            )))
        };
        let Some((body, mut detail)) = read().map_err(StoreError::reading)? else {
            return Ok(None);
        };
        detail.object = unpack(&body).ok_or(StoreError::Damaged)?;
        Ok(Some(detail))
    }

    fn owners(&self, id: i64) -> rusqlite::Result<Vec<Relative>> {
        self.connection
            .prepare_cached(
                r#"SELECT owner.kind, owner.name, "group", plural, namespace FROM owner
                   LEFT JOIN object ON object.uid = owner.uid
                   LEFT JOIN resource ON resource.id = object.resource WHERE owner.object = ?1
                   ORDER BY 1, 2"#,
            )?
            .query_map([id], relative)?
            .collect()
    }

    fn owned(&self, uid: &str) -> rusqlite::Result<Vec<Relative>> {
        self.connection
            .prepare_cached(&format!(
                r#"SELECT object.kind, object.name, "group", plural, namespace FROM owner
                   JOIN object ON object.id = owner.object
                   JOIN resource ON resource.id = object.resource WHERE owner.uid = ?1
                   ORDER BY 1, 2 LIMIT {OWNED_MAX}"#,
            ))?
            .query_map([uid], relative)?
            .collect()
    }
}

fn relative(row: &Row<'_>) -> rusqlite::Result<Relative> {
    let place = match (row.get(2)?, row.get(3)?, row.get(4)?) {
        (Some(group), Some(plural), Some(namespace)) => Some((group, plural, namespace)),
        _ => None,
    };
    Ok(Relative {
        kind: row.get(0)?,
        name: row.get(1)?,
        place,
    })
}
