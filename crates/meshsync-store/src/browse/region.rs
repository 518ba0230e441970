//! A neighbourhood: the objects of a namespace, or of names.

use rusqlite::params_from_iter;

use super::page::{LISTED, Listed};
use crate::schema::unpack;
use crate::{Store, StoreError};

/// Which objects make a neighbourhood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Within<'a> {
    /// Those of a namespace and of these kinds.
    Namespace(&'a str, &'a [&'a str]),
    /// That of a uid.
    Uid(&'a str),
    /// What a uid owns.
    OwnedBy(&'a str),
}

/// An object of a neighbourhood.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegionObject {
    /// Its head.
    pub head: Listed,
    /// The object, as JSON.
    pub object: Vec<u8>,
}

impl Store {
    /// Objects of a neighbourhood, `limit` at most, by kind and name.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn region(
        &self,
        within: Within<'_>,
        limit: usize,
    ) -> Result<Vec<RegionObject>, StoreError> {
        let (condition, values): (String, Vec<&str>) = match within {
            Within::Namespace(namespace, kinds) => {
                let marks = vec!["?"; kinds.len()].join(", ");
                let mut values = kinds.to_vec();
                values.push(namespace);
                (
                    format!("object.kind IN ({marks}) AND object.namespace = ?"),
                    values,
                )
            }
            Within::Uid(uid) => ("object.uid = ?".to_owned(), vec![uid]),
            Within::OwnedBy(uid) => (
                "object.id IN (SELECT object FROM owner WHERE uid = ?)".to_owned(),
                vec![uid],
            ),
        };
        let sql = format!(
            "SELECT {LISTED}, object.body FROM object JOIN resource ON resource.id = object.resource \
             WHERE {condition} ORDER BY object.kind, object.namespace, object.name LIMIT {limit}"
        );
        let mut statement = self
            .connection
            .prepare_cached(&sql)
            .map_err(StoreError::reading)?;
        let rows = statement.query_map(params_from_iter(values), |row| {
            let head = Listed::read(row)?;
            Ok((head, row.get::<_, Vec<u8>>(Listed::COLUMNS)?))
        });
        let rows: Vec<(Listed, Vec<u8>)> = rows
            .and_then(Iterator::collect)
            .map_err(StoreError::reading)?;
        rows.into_iter()
            .map(|(head, body)| {
                let object = unpack(&body).ok_or(StoreError::Damaged)?;
                Ok(RegionObject { head, object })
            })
            .collect()
    }
}
