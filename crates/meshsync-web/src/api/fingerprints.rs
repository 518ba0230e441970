//! `fingerprints`: what is installed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use meshsync::fingerprint::Verdict;
use serde::Serialize;

use super::Api;

/// Products that are told.
const PRODUCTS_MAX: usize = 500;

#[derive(Serialize)]
pub(super) struct Answer {
    /// Whether anybody looks for products at all.
    enabled: bool,
    #[serde(serialize_with = "crate::shared::each")]
    products: Vec<Arc<Verdict>>,
    total: usize,
}

pub(super) async fn fingerprints(State(api): State<Api>) -> Json<Answer> {
    let verdicts = api.monitor.fingerprints();
    Json(Answer {
        enabled: api.monitor.has_fingerprints(),
        products: verdicts.iter().take(PRODUCTS_MAX).cloned().collect(),
        total: verdicts.len(),
    })
}
