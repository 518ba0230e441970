//! Changes for the program that embeds us.

use tokio::sync::mpsc;

use crate::{Batch, BoxFuture, Delivery, Published, Sink, SinkError, Wire};

/// How many deliveries wait in the channel beside those in the outbox.
const CHANNEL_LEN_MAX: usize = 64;

/// Hands deliveries to a [`Received`] in the same process.
#[derive(Debug)]
pub struct ChannelSink {
    name: String,
    wire: Wire,
    sender: mpsc::Sender<Delivery>,
}

/// The receiving end of a [`ChannelSink`]. Dropping it closes the sink.
#[derive(Debug)]
pub struct Received {
    receiver: mpsc::Receiver<Delivery>,
}

/// A sink and the stream it feeds. A receiver that is slow pauses initial lists
/// and lets later changes coalesce, as any slow sink does.
pub fn channel(name: impl Into<String>, wire: Wire) -> (ChannelSink, Received) {
    let (sender, receiver) = mpsc::channel(CHANNEL_LEN_MAX);
    let sink = ChannelSink {
        name: name.into(),
        wire,
        sender,
    };
    (sink, Received { receiver })
}

impl Received {
    /// The next delivery; `None` when the pipeline has stopped.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.receiver.recv().await
    }

    /// Polls for the next delivery.
    pub fn poll_next(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Delivery>> {
        self.receiver.poll_recv(context)
    }
}

impl Sink for ChannelSink {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(async {
            for delivery in &batch.deliveries {
                if self.sender.send(delivery.clone()).await.is_err() {
                    return Err(SinkError::Closed {
                        sink: self.name.clone(),
                    });
                }
            }
            Ok(Published::default())
        })
    }
}
