//! `objects`: a page of the inventory.

use axum::Json;
use axum::extract::State;
use meshsync::store::{Cursor, Listed, PageQuery};
use serde::{Deserialize, Serialize};

use super::names::{labels, resource, resource_id};
use super::{Api, Asked};
use crate::error::ApiError;

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 500;
const SEARCH_LETTERS_MAX: usize = 200;
const WORDS_MAX: usize = 8;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asking {
    resource: String,
    /// `-` for what has none.
    namespace: String,
    q: String,
    labels: String,
    limit: Option<usize>,
    after: String,
}

#[derive(Serialize)]
pub(super) struct Answer {
    items: Vec<Item>,
    total: u64,
    /// For `after`; null on the last page.
    next: Option<String>,
}

/// An object without its body.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    resource: String,
    api_version: String,
    pub(super) kind: String,
    pub(super) namespace: String,
    pub(super) name: String,
    tier: String,
    observed: String,
}

impl From<Listed> for Item {
    fn from(listed: Listed) -> Self {
        Self {
            resource: resource_id(&listed.group, &listed.plural),
            api_version: listed.api_version,
            kind: listed.kind,
            namespace: listed.namespace,
            name: listed.name,
            tier: listed.tier,
            observed: listed.observed,
        }
    }
}

pub(super) async fn objects(
    State(api): State<Api>,
    Asked(asking): Asked<Asking>,
) -> Result<Json<Answer>, ApiError> {
    let query = query(asking)?;
    let page = api.readers.read(move |store| store.page(&query)).await?;
    Ok(Json(Answer {
        items: page.items.into_iter().map(Item::from).collect(),
        total: page.total,
        next: page.next.map(|cursor| write_cursor(&cursor)).transpose()?,
    }))
}

fn query(asking: Asking) -> Result<PageQuery, ApiError> {
    let limit = asking.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::Question(
            format!("a page of {limit} objects is none"),
            "ask for 1 to 500",
        ));
    }
    if asking.q.chars().count() > SEARCH_LETTERS_MAX {
        return Err(ApiError::Question(
            "a search of more than 200 letters".to_owned(),
            "search for less",
        ));
    }
    let words: Vec<String> = asking.q.split_whitespace().map(str::to_owned).collect();
    if words.len() > WORDS_MAX {
        return Err(ApiError::Question(
            format!("a search for {} words", words.len()),
            "search for 8 at most",
        ));
    }
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(PageQuery {
        resource: given(asking.resource).map(|text| resource(&text)),
        namespace: given(asking.namespace).map(|text| match text.as_str() {
            "-" => String::new(),
            _ => text,
        }),
        words,
        labels: labels(&asking.labels)?,
        after: given(asking.after)
            .map(|text| read_cursor(&text))
            .transpose()?,
        limit,
    })
}

/// A cursor as it travels: JSON.
type Wire = (String, String, String, i64);

fn write_cursor(cursor: &Cursor) -> Result<String, ApiError> {
    let Cursor {
        kind,
        namespace,
        name,
        resource,
    } = cursor;
    serde_json::to_string(&(kind, namespace, name, resource))
        .map_err(|error| ApiError::Failed(error.to_string()))
}

fn read_cursor(text: &str) -> Result<Cursor, ApiError> {
    match serde_json::from_str::<Wire>(text) {
        Ok((kind, namespace, name, resource)) => Ok(Cursor {
            kind,
            namespace,
            name,
            resource,
        }),
        Err(_) => Err(ApiError::Question(
            "`after` is not what a page ended with".to_owned(),
            "hand back `next` of a page as it is, or leave it out",
        )),
    }
}
