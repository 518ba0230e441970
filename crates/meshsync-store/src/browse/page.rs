//! A page of objects, by key.

use rusqlite::{Row, ToSql, params_from_iter};

use crate::{Store, StoreError};

/// Which objects, and from where on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// Group and plural; all resources where there is none.
    pub resource: Option<(String, String)>,
    /// Namespace, `""` for what has none; all where there is none.
    pub namespace: Option<String>,
    /// Words, in any case, of which each must be in the name, namespace or kind.
    pub words: Vec<String>,
    /// Labels an object must have; without a value, with whatever value.
    pub labels: Vec<(String, Option<String>)>,
    /// Only what comes after this.
    pub after: Option<Cursor>,
    /// So many at most.
    pub limit: usize,
}

/// The place of an object in the order of pages: kind, namespace, name, and the
/// resource where all that is equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Number of the resource in this store.
    pub resource: i64,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// Its objects.
    pub items: Vec<Listed>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
    /// How many objects the query has on all pages.
    pub total: u64,
}

/// An object, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
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
    /// How much of it is observed.
    pub tier: String,
    /// When this state was observed.
    pub observed: String,
}

/// The columns that [`Listed::read`] takes, from the first on.
pub(super) const LISTED: &str = r#"resource."group", resource.plural, object.api_version,
    object.kind, object.namespace, object.name, object.uid, object.tier, object.observed"#;

impl Listed {
    /// How many columns [`LISTED`] has: what else is asked for stands behind them.
    pub(super) const COLUMNS: usize = 9;

    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            group: row.get(0)?,
            plural: row.get(1)?,
            api_version: row.get(2)?,
            kind: row.get(3)?,
            namespace: row.get(4)?,
            name: row.get(5)?,
            uid: row.get(6)?,
            tier: row.get(7)?,
            observed: row.get(8)?,
        })
    }
}

const ORDER: &str = "ORDER BY kind, namespace, name, resource";

impl Store {
    /// A page of objects. What decides is read from an index of keys; whole rows
    /// are read for the page alone.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub fn page(&self, query: &PageQuery) -> Result<Page, StoreError> {
        let mut conditions = Conditions::default();
        self.narrow(query, &mut conditions)?;
        let total = self.count(&conditions)?;
        if let Some(cursor) = &query.after {
            conditions.add("(kind, namespace, name, resource) > (?, ?, ?, ?)");
            conditions.values.extend([
                Box::new(cursor.kind.clone()) as Box<dyn ToSql>,
                Box::new(cursor.namespace.clone()),
                Box::new(cursor.name.clone()),
                Box::new(cursor.resource),
            ]);
        }
        // One more than asked for: whether there is a next page.
        let limit = query.limit.saturating_add(1);
        let (text, values) = (&conditions.text, &conditions.values);
        let sql = format!(
            "SELECT {LISTED}, object.resource FROM (SELECT id FROM object WHERE {text} {ORDER} LIMIT {limit}) AS found \
             JOIN object ON object.id = found.id JOIN resource ON resource.id = object.resource \
             ORDER BY object.kind, object.namespace, object.name, object.resource"
        );
        let mut statement = self
            .connection
            .prepare_cached(&sql)
            .map_err(StoreError::reading)?;
        let rows = statement.query_map(params_from_iter(values), |row| {
            let listed = Listed::read(row)?;
            Ok((listed, row.get::<_, i64>(Listed::COLUMNS)?))
        });
        let mut rows: Vec<(Listed, i64)> = rows
            .and_then(Iterator::collect)
            .map_err(StoreError::reading)?;
        let has_next = rows.len() > query.limit;
        rows.truncate(query.limit);
        let next = rows
            .last()
            .filter(|_| has_next)
            .map(|(last, resource)| Cursor {
                kind: last.kind.clone(),
                namespace: last.namespace.clone(),
                name: last.name.clone(),
                resource: *resource,
            });
        Ok(Page {
            items: rows.into_iter().map(|(listed, _)| listed).collect(),
            next,
            total,
        })
    }

    fn narrow(&self, query: &PageQuery, conditions: &mut Conditions) -> Result<(), StoreError> {
        if let Some((group, plural)) = &query.resource {
            let id = self.resource_id(group, plural)?;
            // The kind decides with the index of the order; the resource is exact.
            conditions.with("resource = ?", id.unwrap_or(-1));
        }
        if let Some(namespace) = &query.namespace {
            conditions.with("namespace = ?", namespace.clone());
        }
        for word in &query.words {
            let pattern = like(word);
            conditions.add(r"(name LIKE ? ESCAPE '\' OR namespace LIKE ? ESCAPE '\' OR kind LIKE ? ESCAPE '\')");
            for _ in 0..3 {
                conditions.values.push(Box::new(pattern.clone()));
            }
        }
        for (key, value) in &query.labels {
            conditions.with(
                match value {
                    None => "id IN (SELECT object FROM label WHERE key = ?)",
                    Some(_) => "id IN (SELECT object FROM label WHERE key = ? AND value = ?)",
                },
                key.clone(),
            );
            if let Some(value) = value {
                conditions.values.push(Box::new(value.clone()));
            }
        }
        Ok(())
    }

    fn count(&self, conditions: &Conditions) -> Result<u64, StoreError> {
        let sql = format!("SELECT count(*) FROM object WHERE {}", conditions.text);
        let mut statement = self
            .connection
            .prepare_cached(&sql)
            .map_err(StoreError::reading)?;
        statement
            .query_row(params_from_iter(&conditions.values), |row| row.get(0))
            .map_err(StoreError::reading)
    }

    /// Number of a resource; of the first cluster, where a store has several.
    pub(super) fn resource_id(&self, group: &str, plural: &str) -> Result<Option<i64>, StoreError> {
        use rusqlite::OptionalExtension;
        self.connection
            .prepare_cached(
                r#"SELECT id FROM resource WHERE "group" = ?1 AND plural = ?2 ORDER BY id LIMIT 1"#,
            )
            .and_then(|mut statement| {
                statement
                    .query_row([group, plural], |row| row.get(0))
                    .optional()
            })
            .map_err(StoreError::reading)
    }
}

/// A `WHERE` in the making.
struct Conditions {
    text: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            text: "1".to_owned(),
            values: Vec::new(),
        }
    }
}

impl Conditions {
    fn add(&mut self, condition: &str) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
    }

    fn with(&mut self, condition: &str, value: impl ToSql + 'static) {
        self.add(condition);
        self.values.push(Box::new(value));
    }
}

/// A pattern for texts that contain `word` as it is.
fn like(word: &str) -> String {
    let mut pattern = String::from("%");
    for letter in word.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
