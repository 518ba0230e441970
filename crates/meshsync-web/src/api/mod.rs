//! `/api/v1`: docs/adr/0045-web-page.md.

mod changes;
mod fingerprints;
mod names;
mod object;
mod objects;
mod overview;
mod stats;
mod stream;
mod topology;
mod yaml;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::FromRequestParts;
use axum::extract::Query;
use axum::http::request::Parts;
use axum::routing::get;
use meshsync::Monitor;
use serde::de::DeserializeOwned;

use crate::Web;
use crate::error::ApiError;
use crate::feed::{self, Feed};
use crate::readers::Readers;

/// So many are told something at each tick: 200 frames a second for all together.
const LISTENERS_PER_TICK: u64 = 100;

/// What requests are answered from. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    monitor: Monitor,
    feed: Arc<Feed>,
    readers: Arc<Readers>,
    /// What the last frame of numbers said.
    last: Arc<Mutex<Option<stats::Stats>>>,
    counted: Arc<overview::Counted>,
}

impl Api {
    pub(crate) fn new(web: &Web, monitor: Monitor) -> Self {
        Self {
            monitor,
            feed: Arc::clone(&web.feed),
            readers: Arc::clone(&web.readers),
            last: Arc::default(),
            counted: Arc::default(),
        }
    }

    /// Tells everybody who listens what happened since the last time. The more
    /// there are, the less often: what it costs has a limit.
    pub(crate) fn tick(&self, number: u64) {
        let listeners = self.feed.listeners() as u64;
        if listeners == 0 || !number.is_multiple_of(listeners.div_ceil(LISTENERS_PER_TICK)) {
            return;
        }
        let now = stats::Stats::of(&self.monitor);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Where nothing happens nobody is woken.
        let numbers = if last.as_ref() == Some(&now) {
            None
        } else {
            feed::frame("stats", &now)
        };
        *last = Some(now);
        self.feed.flush(numbers);
    }
}

pub(crate) fn router(api: Api) -> Router {
    Router::new()
        .route("/overview", get(overview::overview))
        .route("/objects", get(objects::objects))
        .route(
            "/objects/{resource}/{namespace}/{name}",
            get(object::object),
        )
        .route("/fingerprints", get(fingerprints::fingerprints))
        .route("/topology", get(topology::topology))
        .route("/changes", get(changes::changes))
        .route("/stream", get(stream::stream))
        .with_state(api)
}

/// A query string; one that cannot be read is answered as everything else is.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(ApiError::Question(
                error.body_text(),
                "the parameters are in docs/adr/0045-web-page.md",
            )),
        }
    }
}
