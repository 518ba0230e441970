//! Access by Kubernetes' own permissions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use meshsync::{Permission, Reviews};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::access::unauthorized;

/// Who may `get` this may see the page. Not a path that the API server has: those
/// below `/api` may be read by every account there is.
const PATH: &str = "/meshsync/web";

/// How long what Kubernetes said is taken for granted.
const FRESH: Duration = Duration::from_secs(30);

/// Tokens that are remembered.
const KNOWN_MAX: usize = 1_000;

/// Questions to the API server at a time.
const QUESTIONS_MAX: usize = 4;

/// The longest token: what a service account has is about 1,000 letters.
const TOKEN_BYTES_MAX: usize = 8 << 10;

/// Asks Kubernetes who may see the page. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate {
    shared: Arc<Shared>,
}

struct Shared {
    reviews: Reviews,
    known: Mutex<HashMap<String, (Instant, Permission)>>,
    turns: Semaphore,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the tokens.
        f.debug_struct("Shared")
            .field("reviews", &self.reviews)
            .finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate that asks this API server.
    pub fn new(reviews: Reviews) -> Self {
        Self {
            shared: Arc::new(Shared {
                reviews,
                known: Mutex::default(),
                turns: Semaphore::new(QUESTIONS_MAX),
            }),
        }
    }

    pub(crate) async fn refusal(&self, token: Option<&str>) -> Option<Response> {
        let Some(token) = token.filter(|token| token.len() <= TOKEN_BYTES_MAX) else {
            return Some(unauthorized());
        };
        let permission = match self.known(token) {
            Some(permission) => permission,
            None => match self.ask(token).await {
                Some(permission) => permission,
                None => return Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
            },
        };
        match permission {
            Permission::Granted => None,
            Permission::Forbidden => Some(StatusCode::FORBIDDEN.into_response()),
            Permission::Unknown => Some(unauthorized()),
        }
    }

    fn known(&self, token: &str) -> Option<Permission> {
        let known = self.shared.known.lock();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        let (at, permission) = known.get(token)?;
        (at.elapsed() < FRESH).then_some(*permission)
    }

    async fn ask(&self, token: &str) -> Option<Permission> {
        let _turn = self.shared.turns.acquire().await.ok()?;
        let permission = match self.shared.reviews.may_get(token, PATH).await {
            Ok(permission) => permission,
            Err(error) => {
                let error = error.chain();
                tracing::warn!(
                    %error,
                    "failed to ask Kubernetes who may see the web page: does the service account \
                     have the ClusterRole system:auth-delegator?"
                );
                return None;
            }
        };
        let known = self.shared.known.lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.retain(|_, (at, _)| at.elapsed() < FRESH);
        }
        if known.len() < KNOWN_MAX {
            known.insert(token.to_owned(), (Instant::now(), permission));
        }
        Some(permission)
    }
}
