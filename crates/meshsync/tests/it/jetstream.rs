//! A real NATS server with JetStream, read as any consumer would read it.

mod flush;
mod limits;
mod replica;
mod restart;
mod state;
mod stream;
mod writers;
