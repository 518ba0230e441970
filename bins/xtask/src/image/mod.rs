//! A container image of the program, without a container engine.
//!
//! # Invariants
//!
//! - The same input gives the same bytes, whatever the machine's clock, user and umask are.
//! - Nothing is in the image but the program, the shared libraries it is linked with, certificate
//!   authorities, and the few files a C library looks for. No shell.
//! - Every file belongs to root and nobody else may write it; the program runs as somebody else.

mod archive;
mod layer;
mod libraries;
mod oci;
mod rootfs;

pub use archive::{Compression, Recipe, Summary, write};
pub use rootfs::{PROGRAM_PATHS, USER_ID};
