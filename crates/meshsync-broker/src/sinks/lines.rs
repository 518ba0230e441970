//! Records as lines on a stream, such as standard output.

use std::io::ErrorKind;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::{Batch, BoxFuture, Published, Sink, SinkError, Wire};

/// Writes one record a line. `stdout:`
pub struct LinesSink {
    name: String,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for LinesSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinesSink")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl LinesSink {
    /// Lines on standard output.
    pub fn stdout() -> Self {
        Self::new("stdout:", tokio::io::stdout())
    }

    /// Lines on any stream, under a name for status and logs.
    pub fn new(name: impl Into<String>, writer: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        Self {
            name: name.into(),
            writer: Box::new(writer),
            buffer: Vec::new(),
        }
    }

    async fn write(&mut self, batch: &Batch) -> Result<Published, SinkError> {
        self.buffer.clear();
        for delivery in batch.deliveries.iter().filter(|d| !d.payload.is_empty()) {
            self.buffer.extend_from_slice(&delivery.payload);
            self.buffer.push(b'\n');
        }
        let written = match self.writer.write_all(&self.buffer).await {
            Ok(()) => self.writer.flush().await,
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => Ok(Published::default()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(SinkError::Closed {
                sink: self.name.clone(),
            }),
            Err(error) => Err(SinkError::Broken {
                sink: self.name.clone(),
                source: error.into(),
            }),
        }
    }
}

impl Sink for LinesSink {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn wire(&self) -> Wire {
        Wire::Record
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        Box::pin(self.write(batch))
    }
}
