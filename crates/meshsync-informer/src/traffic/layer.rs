//! Counting requests as they pass.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime};

use futures::future::BoxFuture;
use http::{Request, Response};
use kube::client::Body;
use tower::{BoxError, Layer, Service};

use super::classify::{Asked, classify};
use super::count::Traffic;

/// Counts what passes.
#[derive(Clone, Debug)]
pub(crate) struct CountLayer {
    pub(crate) traffic: Arc<Traffic>,
}

/// See [`CountLayer`].
#[derive(Clone, Debug)]
pub(crate) struct Counting<S> {
    inner: S,
    traffic: Arc<Traffic>,
}

/// A request on its way; one that is given up counts as not answered.
struct Pending {
    asked: Option<Asked>,
    began: SystemTime,
    since: Instant,
    code: Option<u16>,
    traffic: Arc<Traffic>,
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(asked) = self.asked.take() {
            let took = self.since.elapsed();
            self.traffic.requested(asked, self.code, self.began, took);
        }
    }
}

impl<S> Layer<S> for CountLayer {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting {
            inner,
            traffic: Arc::clone(&self.traffic),
        }
    }
}

impl<S, B> Service<Request<Body>> for Counting<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let pending = Pending {
            asked: Some(classify(request.method(), request.uri())),
            began: SystemTime::now(),
            since: Instant::now(),
            code: None,
            traffic: Arc::clone(&self.traffic),
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            // Whole, so that it is there until the end.
            let mut pending = pending;
            let answer = answer.await.map_err(Into::into);
            pending.code = answer.as_ref().ok().map(|it| it.status().as_u16());
            answer
        })
    }
}
