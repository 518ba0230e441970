//! The task that empties outboxes into one sink.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::select_all;
use meshsync_model::{ClusterId, error_chain};

use crate::sinks::PublishedObject;
use crate::{Batch, Outlet, Published, Received, Sink, SinkError, SinkState};

const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// A sink that has not confirmed a batch for this long counts as away.
const STALLED: Duration = Duration::from_secs(5);

/// How long a sink may take to say goodbye: everything is confirmed or given up.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// Empties `outlets` into `sink` until they are closed and empty, the sink
/// closes for good, or `abandon` completes (the end of the grace period).
/// However it ends, by a panic of the sink too, the outlets are closed afterwards
/// and hold up nobody.
///
/// There is one outlet for each source that gives to the sink, with one status
/// for all of them. A batch is of one of them, and they take turns.
///
/// # Errors
///
/// [`SinkError::Closed`] when the sink's reader has gone, [`SinkError::Broken`]
/// when the sink cannot go on.
pub async fn run_sink(
    mut sink: Box<dyn Sink>,
    outlets: &[Arc<Outlet>],
    abandon: impl Future<Output = ()>,
) -> Result<(), SinkError> {
    let _ending = Ending(outlets);
    let mut abandon = pin!(abandon);
    let result = tokio::select! {
        result = pump(&mut *sink, outlets) => result,
        () = &mut abandon => {
            for outlet in outlets {
                note_undelivered(outlet);
            }
            Ok(())
        }
    };
    if tokio::time::timeout(CLOSE_MAX, sink.close()).await.is_err() {
        tracing::warn!(sink = sink.name(), "a sink does not close in time");
    }
    result
}

fn note_undelivered(outlet: &Outlet) {
    let (queued_bytes, in_flight_bytes, waiting) = outlet.depth();
    if queued_bytes + in_flight_bytes > 0 {
        tracing::warn!(
            sink = outlet.status().name(),
            waiting,
            queued_bytes,
            in_flight_bytes,
            "stopped before everything was delivered: the sink did not take it in time"
        );
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

/// Ends outlets, whichever way their runner is left.
struct Ending<'a>(&'a [Arc<Outlet>]);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        for outlet in self.0 {
            if std::thread::panicking() {
                let status = outlet.status();
                status.set_error("the sink panicked: this is a defect in it".to_owned());
            }
            outlet.end();
        }
    }
}

async fn pump(sink: &mut dyn Sink, outlets: &[Arc<Outlet>]) -> Result<(), SinkError> {
    // Whose turn it is.
    let mut turn = 0;
    while let Some((at, batch)) = next_batch(sink, outlets, turn).await {
        turn = at + 1;
        let outlet = &*outlets[at];
        let mut back_off = BACK_OFF_MIN;
        outlet.status().handed.add(batch.deliveries.len() as u64);
        loop {
            match publish(sink, &batch, outlet).await {
                Ok(published) => {
                    note_success(outlet, &batch, &published, outlets);
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

/// The next batch, and whose it is; the sink does what it has to do meanwhile.
async fn next_batch(
    sink: &mut dyn Sink,
    outlets: &[Arc<Outlet>],
    turn: usize,
) -> Option<(usize, Batch)> {
    loop {
        tokio::select! {
            biased;
            batch = first_of(outlets, turn) => return batch,
            () = sink.idle() => note_loss(&sink.name(), outlets),
        }
    }
}

/// The next batch of whichever has one, `turn` before the others; `None` when all
/// are closed and empty.
async fn first_of(outlets: &[Arc<Outlet>], turn: usize) -> Option<(usize, Batch)> {
    let count = outlets.len();
    let next = |at: usize| Box::pin(async move { (at, outlets[at].next_batch().await) });
    let mut waiting: Vec<_> = (0..count).map(|step| next((turn + step) % count)).collect();
    while !waiting.is_empty() {
        // They are looked at in their order.
        let ((at, batch), _, others) = select_all(waiting).await;
        if let Some(batch) = batch {
            return Some((at, batch));
        }
        waiting = others;
    }
    None
}

fn note_loss(sink: &str, outlets: &[Arc<Outlet>]) {
    tracing::warn!(
        sink,
        "a sink lost what it had confirmed; it is given everything once more"
    );
    for outlet in outlets {
        outlet.forget();
    }
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

fn note_success(outlet: &Outlet, batch: &Batch, published: &Published, outlets: &[Arc<Outlet>]) {
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
        note_loss(status.name(), outlets);
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
            for outlet in outlets {
                outlet.announce_room();
            }
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
        offer_of(outlet, name, BIG / 2 - 1024)
    }

    fn offer_of(outlet: &Outlet, name: &str, bytes: usize) -> Offered {
        let resource = Arc::new(Resource::new(Gvk::new("", "v1", "Pod"), "pods", true));
        let key = Arc::new(ObjectKey {
            resource: resource.id().into(),
            namespace: None,
            name: name.into(),
        });
        let novelty = Novelty::First;
        let payload = Bytes::from(vec![b'x'; bytes]);
        outlet.offer(&resource, &key, Offer::State { novelty, payload })
    }

    /// A sink that notes the sizes of its batches.
    struct Notes(std::sync::mpsc::Sender<usize>);

    impl Sink for Notes {
        fn name(&self) -> String {
            "notes:".to_owned()
        }

        fn wire(&self) -> Wire {
            Wire::Record
        }

        fn publish<'a>(
            &'a mut self,
            batch: &'a Batch,
        ) -> BoxFuture<'a, Result<Published, SinkError>> {
            self.0.send(batch.deliveries[0].payload.len()).unwrap();
            Box::pin(async { Ok(Published::default()) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_outlets_of_a_sink_take_turns_and_none_waits_for_another() {
        let status = Arc::new(SinkStatus::new("notes:"));
        let outlet = || Arc::new(Outlet::new(100 << 20, Wire::Record, Arc::clone(&status)));
        let outlets = [outlet(), outlet(), outlet()];
        // The second has nothing, and is not closed for now.
        for name in ["a", "b", "c"] {
            offer_of(&outlets[0], name, BIG / 2);
            offer_of(&outlets[2], name, BIG / 3);
        }
        outlets[0].close();
        outlets[2].close();
        let (notes, noted) = std::sync::mpsc::channel();
        let running = tokio::spawn({
            let outlets = outlets.clone();
            async move { run_sink(Box::new(Notes(notes)), &outlets, std::future::pending()).await }
        });
        while status.published.value() < 6 {
            tokio::task::yield_now().await;
        }
        assert!(!running.is_finished(), "one of them is open");
        outlets[1].close();
        running.await.unwrap().unwrap();
        let (a, b) = (BIG / 2, BIG / 3);
        assert_eq!(noted.iter().collect::<Vec<_>>(), [a, b, a, b, a, b]);
        assert_eq!(status.state(), SinkState::Closed);
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
                async move { run_sink(Box::new(bad), &[outlet], std::future::pending()).await }
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
