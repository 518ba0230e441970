//! The bytes of a list or a watch on their way out: paced, slowed, stalled or cut as the faults say.

use std::{io, sync::Arc};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::{
    api::GroupResource,
    faults::{CutStyle, Disturbance, Order, Pacer},
    shared::Shared,
};

/// Slow streams send this many pieces a second.
const PIECES_PER_SECOND: u64 = 20;

/// Puts a body under the rule of the faults.
pub(super) fn governed(
    shared: Arc<Shared>,
    gr: &GroupResource,
    verb: &str,
    stop: CancellationToken,
    frames: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let governor = Governor {
        disturbance: shared.faults.disturbance(gr, verb),
        gr: gr.clone(),
        shared,
        stop,
        pacer: Pacer::default(),
        slow: Pacer::default(),
        waiting: Bytes::new(),
        sent: 0,
        ending: None,
    };
    stream::unfold(
        (governor, Box::pin(frames)),
        |(mut governor, mut frames)| async move {
            loop {
                if let Some(end) = governor.ending.take() {
                    governor.ending = Some(End::Over);
                    match end {
                        End::Break => {
                            // Waiting once lets what was sent leave before the stream breaks.
                            tokio::task::yield_now().await;
                            let broken =
                                io::Error::new(io::ErrorKind::ConnectionReset, "cut by a fault");
                            return Some((Err(broken), (governor, frames)));
                        }
                        End::Over => return None,
                    }
                }
                if governor.waiting.is_empty() {
                    match frames.next().await? {
                        Ok(frame) => governor.waiting = frame,
                        Err(error) => return Some((Err(error), (governor, frames))),
                    }
                }
                if let Some(piece) = governor.piece().await {
                    return Some((Ok(piece), (governor, frames)));
                }
            }
        },
    )
}

#[derive(Clone, Copy, Debug)]
enum End {
    Break,
    Over,
}

struct Governor {
    shared: Arc<Shared>,
    gr: GroupResource,
    disturbance: Option<Disturbance>,
    stop: CancellationToken,
    pacer: Pacer,
    slow: Pacer,
    /// Of the frame being sent, what is left.
    waiting: Bytes,
    sent: u64,
    ending: Option<End>,
}

impl Governor {
    /// What may go now of the bytes that wait; `None` when the stream is to end, or to look again.
    async fn piece(&mut self) -> Option<Bytes> {
        let mut length = self.waiting.len();
        let left = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX);
        match self.disturbance {
            Some(Disturbance::CutAfter { bytes, style }) => {
                length = length.min(left(bytes.saturating_sub(self.sent)));
                if length == 0 {
                    self.ending = Some(match style {
                        CutStyle::Clean => End::Over,
                        _ => End::Break,
                    });
                    return None;
                }
            }
            Some(Disturbance::StallAfter { bytes }) => {
                length = length.min(left(bytes.saturating_sub(self.sent)));
                if length == 0 {
                    self.stall().await;
                    return None;
                }
            }
            Some(Disturbance::Slow { bytes_per_second }) => {
                length = length.min(left((bytes_per_second / PIECES_PER_SECOND).max(1)));
                let until = self.slow.book(length, bytes_per_second.max(1));
                self.until_stopped(tokio::time::sleep_until(until)).await?;
            }
            None => {}
        }
        let shared = Arc::clone(&self.shared);
        let mut pacer = std::mem::take(&mut self.pacer);
        let gone = self
            .until_stopped(shared.faults.before_frame(length, &mut pacer))
            .await;
        self.pacer = pacer;
        gone?;
        self.sent += length as u64;
        Some(self.waiting.split_to(length))
    }

    /// Waits, unless the server stops meanwhile: then the body ends where it stands.
    async fn until_stopped(&mut self, wait: impl Future<Output = ()>) -> Option<()> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                self.ending = Some(End::Over);
                None
            }
            () = wait => Some(()),
        }
    }

    /// Sends nothing until healed, cut or stopped.
    async fn stall(&mut self) {
        let mut flow = self.shared.faults.flow_changes();
        let mut orders = self.shared.faults.orders();
        let seen = orders.borrow_and_update().number();
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {
                    self.ending = Some(End::Over);
                    return;
                }
                _ = flow.changed() => {
                    self.disturbance = None;
                    return;
                }
                _ = orders.changed() => {
                    let order = orders.borrow_and_update().after(seen, &self.gr);
                    if let Some((_, Order::Cut(_))) = order {
                        self.ending = Some(End::Break);
                        return;
                    }
                }
            }
        }
    }
}
