//! `changes`: what happened lately, for who has just come.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::{Api, Asked};
use crate::error::ApiError;
use crate::feed::Told;

const LIMIT_MAX: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Asking {
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct Answer {
    #[serde(serialize_with = "crate::shared::each")]
    changes: Vec<Arc<Told>>,
}

pub(super) async fn changes(
    State(api): State<Api>,
    Asked(asking): Asked<Asking>,
) -> Result<Json<Answer>, ApiError> {
    let limit = asking.limit.unwrap_or(200).min(LIMIT_MAX);
    Ok(Json(Answer {
        changes: api.feed.recent(limit, |_| true),
    }))
}
