//! The state of one cluster, or of another source, on its way to the streams.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::Message;
use futures::{FutureExt, StreamExt};
use meshsync_model::{EventType, error_chain};

use super::claim::Claim;
use super::core::Core;
use super::envelope::Id;
use super::flush;
use super::held::{Held, Place};
use super::marker::Told;
use super::session::Session;
use super::streams::no_jetstream;
use super::subject;
use super::url::JetStreamUrl;
use crate::sinks::nats_connect::connect;
use crate::{Batch, Delivery, Published, SinkError};

/// Numbers of messages: one row for all scopes, since the broker tells messages apart
/// by epoch and number, and two scopes may have one epoch.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(Arc<AtomicU64>);

impl Numbers {
    /// The first of so many that nobody else has.
    fn take(&self, count: usize) -> u64 {
        // From 1.
        self.0.fetch_add(count as u64, Ordering::Relaxed) + 1
    }
}

/// Writes the state of one scope. It reads back what the stream holds before it writes anything, at the start
/// and after every break: what is there already is not said again, and what is
/// there and was not given by the time a resource is complete is gone.
#[derive(Debug)]
pub(super) struct Scoped {
    url: JetStreamUrl,
    scope: String,
    /// Who we are in a claim.
    holder: String,
    session: Option<Box<Session>>,
    /// Where there is no stream and none is insisted on.
    core: Option<Box<Core>>,
    claim: Option<Claim>,
    held: Held,
    told: Told,
    numbers: Numbers,
    /// Epoch and number of the first message of a batch that is tried again.
    trying: Option<(u64, u64)>,
    /// What may have arrived of it.
    doubt: HashSet<Place>,
    /// The stream lacks something that it had confirmed.
    lost: bool,
    /// A request to empty the stream that is not done.
    flush: Option<Message>,
}

impl Scoped {
    /// It connects when it is first given something.
    pub(super) fn new(url: JetStreamUrl, scope: String, holder: String, numbers: Numbers) -> Self {
        Self {
            url,
            scope,
            holder,
            numbers,
            session: None,
            core: None,
            claim: None,
            held: Held::default(),
            told: Told::new(),
            trying: None,
            doubt: HashSet::new(),
            lost: false,
            flush: None,
        }
    }

    /// Publishes a batch of the scope.
    pub(super) async fn send(&mut self, batch: &Batch) -> Result<Published, SinkError> {
        let scope = self.scope.clone();
        if let Some(core) = self.core.take() {
            return self.send_to_core(core, batch).await;
        }
        let due = self.url.check;
        let mut session = match self.session.take().filter(|session| session.age() < due) {
            Some(session) => session,
            None => match self.open(&scope).await? {
                Link::Stream(session) => session,
                Link::Core(core) => return self.send_to_core(core, batch).await,
            },
        };
        // However busy it is, somebody who asks is heard.
        let asked = session
            .requests
            .as_mut()
            .and_then(|r| r.next().now_or_never());
        if let Some(request) = asked.flatten() {
            self.flush = Some(request);
            self.session = Some(session);
            self.empty(&scope).await?;
            session = match self.open(&scope).await? {
                Link::Stream(session) => session,
                Link::Core(core) => return self.send_to_core(core, batch).await,
            };
        }
        self.claim = Some(session.writer.claim.clone());
        let epoch = session.writer.claim.epoch;
        let take = || (epoch, self.numbers.take(batch.deliveries.len()));
        let ids = *self.trying.get_or_insert_with(take);
        let state = (&mut self.held, &mut self.told);
        let mut published = publish(&mut session, state, batch, ids).await;
        if published.is_ok() {
            let is_full = batch.deliveries.iter().any(Delivery::is_full_sync);
            if let Err(error) = session.record_events(&self.url, is_full).await {
                published = Err(error);
            }
        }
        // Made again after a purge it has another sequence.
        self.claim = Some(session.writer.claim.clone());
        match published {
            Ok(mut published) => {
                published.lost = std::mem::take(&mut self.lost);
                self.session = Some(session);
                self.trying = None;
                self.doubt.clear();
                // However busy it is: everything that was sent is confirmed now.
                match self.digests().await {
                    Err(error) if !error.is_retryable() => return Err(error),
                    Err(_) => self.session = None,
                    Ok(()) => {}
                }
                Ok(published)
            }
            Err(error) => {
                // The session is dropped: the next try reads back what arrived.
                let keys = batch.deliveries.iter().filter_map(|d| d.key.as_deref());
                self.doubt = keys
                    .map(|key| Place::of(&subject::object(&scope, key)))
                    .collect();
                Err(error)
            }
        }
    }

    async fn send_to_core(
        &mut self,
        mut core: Box<Core>,
        batch: &Batch,
    ) -> Result<Published, SinkError> {
        let first = self.numbers.take(batch.deliveries.len());
        let published = core.publish(batch, first).await?;
        self.core = Some(core);
        Ok(published)
    }

    /// Looks after the stream while there is nothing to write; returns when it
    /// lacks something that it had confirmed.
    pub(super) async fn look_after(&mut self) {
        loop {
            if std::mem::take(&mut self.lost) {
                return;
            }
            if self.core.is_some() {
                return std::future::pending().await;
            }
            let scope = self.scope.clone();
            let done = match (&self.flush, &mut self.session) {
                (Some(_), Some(_)) => self.empty(&scope).await,
                (_, Some(session))
                    if !session.pipeline.is_whole() || session.age() >= self.url.check =>
                {
                    // What is there is read back over a new connection.
                    self.session = None;
                    Ok(())
                }
                (None, Some(session)) => {
                    let recorded = session.record_events(&self.url, false).await;
                    let request = async {
                        match &mut session.requests {
                            Some(requests) => requests.next().await,
                            None => std::future::pending().await,
                        }
                    };
                    let request = tokio::time::timeout(LOOK_INTERVAL, request).await;
                    self.flush = request.unwrap_or(None);
                    match recorded {
                        Ok(()) => self.digests().await,
                        Err(error) => Err(error),
                    }
                }
                (_, None) => match self.open(&scope).await {
                    Ok(Link::Stream(session)) => {
                        self.claim = Some(session.writer.claim.clone());
                        self.session = Some(session);
                        Ok(())
                    }
                    Ok(Link::Core(core)) => {
                        self.core = Some(core);
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
            };
            if let Err(error) = done {
                self.session = None;
                if !error.is_retryable() {
                    // The next batch meets it, too, and says so.
                    return std::future::pending().await;
                }
                tracing::debug!(sink = %self.url, error = %error_chain(&error), "looked in vain");
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        }
    }

    /// Says the digest of every resource once more, when it is time to.
    async fn digests(&mut self) -> Result<(), SinkError> {
        let Some(session) = self.session.as_mut() else {
            return Ok(());
        };
        if self.told.age() < self.url.digest {
            return Ok(());
        }
        for resource in self.told.again() {
            // Not used twice, even if this is dropped half-way.
            let id = Id::new(session.writer.claim.epoch, self.numbers.take(1));
            let told = &self.told;
            session
                .digest_again(&self.held, told, &resource, id)
                .await?;
        }
        Ok(())
    }

    /// Empties the stream as somebody asked for. What this run was given is then
    /// found to be lost.
    async fn empty(&mut self, scope: &str) -> Result<(), SinkError> {
        let (Some(session), Some(request)) = (&self.session, &self.flush) else {
            return Ok(());
        };
        let what: flush::Request = serde_json::from_slice(&request.payload).unwrap_or_default();
        let purged = flush::purge(&session.pipeline.stream, scope, &what).await?;
        tracing::warn!(sink = %self.url, purged, ?what, "emptied the stream, as somebody asked for");
        let answer = serde_json::to_vec(&flush::Answer { purged }).unwrap_or_default();
        if let Some(reply) = request.reply.clone() {
            let sent = session.pipeline.client.publish(reply, answer.into()).await;
            sent.map_err(|error| SinkError::unavailable("failed to answer", error))?;
            let flushed = session.pipeline.client.flush().await;
            flushed.map_err(|error| SinkError::unavailable("failed to answer", error))?;
        }
        self.flush = None;
        self.session = None;
        Ok(())
    }

    /// Says goodbye: everything is confirmed or given up.
    pub(super) async fn close(&mut self) {
        let client = match (self.session.take(), self.core.take()) {
            (Some(session), _) => Some(session.pipeline.client),
            (None, core) => core.map(|core| core.client),
        };
        if let Some(client) = client {
            let goodbye = client.drain();
            drop(tokio::time::timeout(Duration::from_secs(1), goodbye).await);
        }
    }

    async fn open(&mut self, scope: &str) -> Result<Link, SinkError> {
        let client = connect(&self.url.nats).await?;
        if !client.server_info().jetstream && self.url.or_core {
            tracing::warn!(
                sink = %self.url,
                "the broker has no JetStream: what nobody listens to is lost, and so is what is \
                 there for who listens later"
            );
            return Core::open(client).await.map(|core| Link::Core(core.into()));
        }
        if !client.server_info().jetstream {
            return Err(SinkError::Unavailable {
                what: no_jetstream(&self.url.to_string()),
                source: None,
            });
        }
        let opening = Session::open(
            client,
            &self.url,
            (scope, &self.holder),
            self.claim.clone(),
            &mut self.held,
            &self.doubt,
        );
        let opened = tokio::time::timeout(OPEN_MAX, opening).await;
        let opened = opened.map_err(|elapsed| {
            let seconds = OPEN_MAX.as_secs();
            let what = format!("the streams could not be read back within {seconds} s");
            SinkError::unavailable(what, elapsed)
        })??;
        self.lost |= !opened.lost.is_empty();
        let claim = &opened.session.writer.claim;
        tracing::info!(
            sink = %self.url, epoch = claim.epoch, lost = opened.lost.len(),
            "writing to JetStream"
        );
        Ok(Link::Stream(opened.session.into()))
    }
}

/// Where messages go.
enum Link {
    Stream(Box<Session>),
    Core(Box<Core>),
}

/// While there is nothing to write, the connection is looked at this often.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Looking at streams and reading back what they hold takes no longer than this.
const OPEN_MAX: Duration = Duration::from_secs(60);

async fn publish(
    session: &mut Session,
    (held, told): (&mut Held, &mut Told),
    batch: &Batch,
    (epoch, first): (u64, u64),
) -> Result<Published, SinkError> {
    let mut published = Published::default();
    let mut start = 0;
    let is_marker = |delivery: &Delivery| delivery.event == EventType::Synced;
    for deliveries in batch
        .deliveries
        .chunk_by(|a, b| !is_marker(a) && !is_marker(b))
    {
        let id = move |at: usize| Id::new(epoch, first + (start + at) as u64);
        match deliveries {
            [marker] if is_marker(marker) => session.synced(held, told, marker, id(0)).await?,
            objects => {
                let mut part = session.objects(held, objects, id).await?;
                part.rejected.iter_mut().for_each(|it| it.at += start);
                part.cut.iter_mut().for_each(|it| it.at += start);
                published.rejected.append(&mut part.rejected);
                published.cut.append(&mut part.cut);
            }
        }
        start += deliveries.len();
    }
    Ok(published)
}
