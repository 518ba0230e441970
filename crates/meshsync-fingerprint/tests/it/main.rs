//! Tests of the public face of the crate.

mod builder;
mod builtin;
mod cluster;
mod corpus;
mod engine;
mod metamorphic;
mod noise;
mod properties;
mod support;
