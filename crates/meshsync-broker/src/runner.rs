//! The task that empties one outbox into one sink.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use meshsync_model::{ClusterId, error_chain};

use crate::sinks::PublishedObject;
use crate::{Batch, Outlet, Published, Received, Sink, SinkError, SinkState};

const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// A sink that has not confirmed a batch for this long counts as away.
const STALLED: Duration = Duration::from_secs(5);

/// How long a sink may take to say goodbye: everything is confirmed or given up.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// Empties `outlet` into `sink` until the outlet is closed and empty, the sink
/// closes for good, or `abandon` completes (the end of the grace period).
/// However it ends, by a panic of the sink too, the outlet is closed afterwards
/// and holds up nobody.
///
/// # Errors
///
/// [`SinkError::Closed`] when the sink's reader has gone, [`SinkError::Broken`]
/// when the sink cannot go on.
pub async fn run_sink(
    mut sink: Box<dyn Sink>,
    outlet: &Outlet,
    abandon: impl Future<Output = ()>,
) -> Result<(), SinkError> {
    let _ending = Ending(outlet);
    let mut abandon = pin!(abandon);
    let result = tokio::select! {
        result = pump(&mut *sink, outlet) => result,
        () = &mut abandon => {
            let (queued_bytes, in_flight_bytes, waiting) = outlet.depth();
            if queued_bytes + in_flight_bytes > 0 {
                tracing::warn!(
                    sink = outlet.status().name(), waiting, queued_bytes, in_flight_bytes,
                    "stopped before everything was delivered: the sink did not take it in time"
                );
            }
            Ok(())
        }
    };
    if tokio::time::timeout(CLOSE_MAX, sink.close()).await.is_err() {
        tracing::warn!(
            sink = outlet.status().name(),
            "a sink does not close in time"
        );
    }
    result
}

/// Ends an outlet, whichever way its runner is left.
struct Ending<'a>(&'a Outlet);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let status = self.0.status();
            status.set_error("the sink panicked: this is a defect in it".to_owned());
        }
        self.0.end();
    }
}

/// Asks a sink what it was given in earlier lives, until it can say so. A sink that
/// cannot go on has nothing to say here; its runner finds that out, too.
pub async fn recall(
    sink: &mut dyn Sink,
    outlet: &Outlet,
    scope: &ClusterId,
) -> Vec<PublishedObject> {
    let mut back_off = BACK_OFF_MIN;
    loop {
        match sink.recall(scope).await {
            Ok(published) => return published,
            Err(error) if error.is_retryable() => note_failure(outlet, &error),
            Err(error) => {
                outlet.status().set_error(error_chain(&error));
                return Vec::new();
            }
        }
        tokio::time::sleep(back_off).await;
        back_off = (back_off * 2).min(BACK_OFF_MAX);
    }
}

async fn pump(sink: &mut dyn Sink, outlet: &Outlet) -> Result<(), SinkError> {
    while let Some(batch) = next_batch(sink, outlet).await {
        let mut back_off = BACK_OFF_MIN;
        outlet.status().handed.add(batch.deliveries.len() as u64);
        loop {
            match publish(sink, &batch, outlet).await {
                Ok(published) => {
                    note_success(outlet, &batch, &published);
                    break;
                }
                Err(error) if error.is_retryable() => {
                    note_failure(outlet, &error);
                    tokio::time::sleep(back_off).await;
                    back_off = (back_off * 2).min(BACK_OFF_MAX);
                }
                Err(error) => {
                    outlet.status().set_error(error_chain(&error));
                    return Err(error);
                }
            }
        }
        outlet.commit(&batch);
    }
    Ok(())
}

/// The next batch; the sink does what it has to do meanwhile.
async fn next_batch(sink: &mut dyn Sink, outlet: &Outlet) -> Option<Batch> {
    loop {
        tokio::select! {
            biased;
            batch = outlet.next_batch() => return batch,
            () = sink.idle() => note_loss(outlet),
        }
    }
}

fn note_loss(outlet: &Outlet) {
    tracing::warn!(
        sink = outlet.status().name(),
        "a sink lost what it had confirmed; it is given everything once more"
    );
    outlet.forget();
}

/// Publishes a batch. A sink that takes long to confirm it counts as away
/// meanwhile, so that nobody waits for it.
async fn publish(
    sink: &mut dyn Sink,
    batch: &Batch,
    outlet: &Outlet,
) -> Result<Published, SinkError> {
    let mut publishing = sink.publish(batch);
    match tokio::time::timeout(STALLED, &mut publishing).await {
        Ok(result) => result,
        Err(_elapsed) => {
            let status = outlet.status();
            let seconds = STALLED.as_secs();
            status.set_error(format!(
                "nothing confirmed for {seconds} s: is somebody reading?"
            ));
            if status.set_state(SinkState::Away) {
                tracing::warn!(
                    sink = status.name(),
                    seconds,
                    "sink confirms nothing; waiting for it holds up nobody else"
                );
            }
            publishing.await
        }
    }
}

fn note_success(outlet: &Outlet, batch: &Batch, published: &Published) {
    let status = outlet.status();
    for rejected in &published.rejected {
        let object = batch.deliveries[rejected.at].key.as_deref();
        let object = object.map_or_else(String::new, ToString::to_string);
        tracing::error!(sink = status.name(), %object, reason = %rejected.reason, "not delivered");
        status.set_error(format!("{object}: {}", rejected.reason));
        status.rejected.inc();
    }
    for cut in &published.cut {
        let object = batch.deliveries[cut.at].key.as_deref();
        let object = object.map_or_else(String::new, ToString::to_string);
        tracing::error!(sink = status.name(), %object, reason = %cut.reason, "delivered in parts");
        status.set_error(format!("{object}: {}", cut.reason));
        status.cut.inc();
    }
    if published.lost {
        note_loss(outlet);
    }
    if let Some(trouble) = &published.trouble {
        tracing::warn!(sink = status.name(), %trouble, "delivered, but not without trouble");
        status.set_error(trouble.clone());
    }
    let confirmed = batch
        .deliveries
        .len()
        .saturating_sub(published.rejected.len());
    status.published.add(confirmed as u64);
    let bytes = batch
        .deliveries
        .iter()
        .map(|d| d.payload.len())
        .sum::<usize>();
    status.published_bytes.add(bytes as u64);
    status.latency.note(&batch.received, Received::now());
    let before = status.state();
    if status.set_state(SinkState::Up) {
        tracing::info!(sink = status.name(), "sink is up");
        if before == SinkState::Away {
            outlet.announce_room();
        }
    }
}

fn note_failure(outlet: &Outlet, error: &SinkError) {
    let status = outlet.status();
    let error = error_chain(error);
    status.retries.inc();
    if status.set_state(SinkState::Away) {
        tracing::warn!(sink = status.name(), %error, "sink is away, trying again until it is back");
    } else {
        tracing::debug!(sink = status.name(), %error, "sink is still away");
    }
    status.set_error(error);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use meshsync_model::{Gvk, ObjectKey, Resource};

    use super::*;
    use crate::{BoxFuture, Novelty, Offer, Offered, SinkStatus, Wire};

    /// A sink that panics, is closed, or takes everything and never ends.
    #[derive(Clone, Copy, PartialEq)]
    enum Bad {
        Panics,
        Closed,
        NeverCloses,
    }

    impl Sink for Bad {
        fn name(&self) -> String {
            "bad:".to_owned()
        }

        fn wire(&self) -> Wire {
            Wire::Record
        }

        fn publish<'a>(&'a mut self, _: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
            assert!(*self != Self::Panics, "as it was built to");
            let closed = SinkError::Closed { sink: self.name() };
            let result = match self {
                Self::Closed => Err(closed),
                _ => Ok(Published::default()),
            };
            Box::pin(async { result })
        }

        fn close(&mut self) -> BoxFuture<'_, ()> {
            match self {
                Self::NeverCloses => Box::pin(std::future::pending()),
                _ => Box::pin(async {}),
            }
        }
    }

    /// An outlet of which one delivery is in flight, one waits, and one was
    /// refused.
    fn full() -> Arc<Outlet> {
        let outlet = Outlet::new(BIG, Wire::Record, Arc::new(SinkStatus::new("bad:")));
        assert_eq!(offer(&outlet, "a"), Offered::Taken);
        assert_eq!(offer(&outlet, "b"), Offered::Taken);
        assert_eq!(offer(&outlet, "c"), Offered::Full);
        Arc::new(outlet)
    }

    /// Fits twice, and is a batch of its own.
    const BIG: usize = 3 << 20;

    fn offer(outlet: &Outlet, name: &str) -> Offered {
        let resource = Arc::new(Resource::new(Gvk::new("", "v1", "Pod"), "pods", true));
        let key = Arc::new(ObjectKey {
            resource: resource.id().into(),
            namespace: None,
            name: name.into(),
        });
        let novelty = Novelty::First;
        let payload = Bytes::from(vec![b'x'; BIG / 2 - 1024]);
        outlet.offer(&resource, &key, Offer::State { novelty, payload })
    }

    #[tokio::test(start_paused = true)]
    async fn however_a_runner_ends_its_outlet_holds_up_nobody_and_keeps_nothing() {
        for bad in [Bad::Panics, Bad::Closed, Bad::NeverCloses] {
            let outlet = full();
            let mut room = outlet.room_changes();
            room.mark_unchanged();
            outlet.close();
            let running = tokio::spawn({
                let outlet = Arc::clone(&outlet);
                async move { run_sink(Box::new(bad), &outlet, std::future::pending()).await }
            });
            let ended = tokio::time::timeout(Duration::from_secs(60), running).await;
            let ended = ended.expect("the runner ends");
            assert_eq!(ended.is_err(), bad == Bad::Panics);
            assert_eq!(outlet.status().state(), SinkState::Closed);
            assert!(room.has_changed().unwrap(), "who was refused may try again");
            assert_eq!(outlet.depth(), (0, 0, 0));
            assert_eq!(offer(&outlet, "d"), Offered::Taken);
            assert_eq!(outlet.depth(), (0, 0, 0), "nothing waits for nobody");
            let error = outlet.status().last_error().unwrap_or_default();
            assert_eq!(error.contains("panicked"), bad == Bad::Panics, "{error}");
        }
    }
}
