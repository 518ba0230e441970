//! Configuration of a pipeline as a file: raw text in, ready values or all
//! problems out.

mod listen;

pub use listen::{ListenAddr, ListenAddrError};
