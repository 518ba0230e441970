//! The task that empties one outbox into one sink.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use meshsync_model::error_chain;

use crate::{Batch, Outlet, Published, Sink, SinkError, SinkState};

const BACK_OFF_MIN: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// A sink that has not confirmed a batch for this long counts as away.
const STALLED: Duration = Duration::from_secs(5);

/// Empties `outlet` into `sink` until the outlet is closed and empty, the sink
/// closes for good, or `abandon` completes (the end of the grace period).
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
    sink.close().await;
    outlet.status().set_state(SinkState::Closed);
    outlet.announce_room();
    result
}

async fn pump(sink: &mut dyn Sink, outlet: &Outlet) -> Result<(), SinkError> {
    while let Some(batch) = outlet.next_batch().await {
        let mut back_off = BACK_OFF_MIN;
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
