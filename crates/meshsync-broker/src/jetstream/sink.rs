//! The sink.

use std::collections::BTreeMap;

use futures::future::{join_all, select_all};
use meshsync_model::wire::head::RecordHead;

use super::scoped::{Numbers, Scoped};
use super::url::JetStreamUrl;
use crate::{Batch, BoxFuture, Published, Sink, SinkError, Wire};

/// Writes the state of clusters and other sources to JetStream. `jetstream://…`
///
/// It reads back what the stream holds before it writes anything, at the start
/// and after every break: what is there already is not said again, and what is
/// there and was not given by the time a resource is complete is gone.
///
/// Subjects, claims and what is held are divided by scope: there is a session for
/// each. Where another agent claims one of them the sink closes for all, as it does
/// for one: two agents were told to write the same.
#[derive(Debug)]
pub struct JetStreamSink {
    url: JetStreamUrl,
    /// Who we are in a claim.
    holder: String,
    numbers: Numbers,
    /// One for each source that has given something.
    scopes: BTreeMap<String, Scoped>,
}

impl JetStreamSink {
    /// A sink for those streams. It connects when it is first given something.
    pub fn new(url: JetStreamUrl) -> Self {
        Self {
            holder: format!("{}-{}", std::process::id(), nuid()),
            url,
            numbers: Numbers::default(),
            scopes: BTreeMap::new(),
        }
    }

    async fn send(&mut self, batch: &Batch) -> Result<Published, SinkError> {
        let Some(scope) = scope_of(batch)? else {
            return Ok(Published::default());
        };
        let begin = |scope: &String| {
            let (url, holder) = (self.url.clone(), self.holder.clone());
            Scoped::new(url, scope.clone(), holder, self.numbers.clone())
        };
        let scoped = self.scopes.entry(scope).or_insert_with_key(begin);
        scoped.send(batch).await
    }
}

/// The scope that a batch is of.
fn scope_of(batch: &Batch) -> Result<Option<String>, SinkError> {
    let Some(delivery) = batch.deliveries.iter().find(|d| !d.payload.is_empty()) else {
        return Ok(None);
    };
    match RecordHead::peek(&delivery.payload) {
        Ok(record) => Ok(Some(record.scope.into_owned())),
        Err(error) => Err(SinkError::Broken {
            sink: "jetstream".to_owned(),
            source: error.into(),
        }),
    }
}

/// Tells this writer from any other.
fn nuid() -> String {
    use std::hash::BuildHasher;
    let random = || std::hash::RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", random(), random())
}

impl Sink for JetStreamSink {
    fn name(&self) -> String {
        self.url.to_string()
    }

    fn wire(&self) -> Wire {
        Wire::Record
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(self.send(batch))
    }

    fn idle(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let each = self.scopes.values_mut();
            let each: Vec<_> = each.map(|scoped| Box::pin(scoped.look_after())).collect();
            if each.is_empty() {
                std::future::pending::<()>().await;
            } else {
                select_all(each).await;
            }
        })
    }

    fn close(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            join_all(self.scopes.values_mut().map(Scoped::close)).await;
        })
    }
}
