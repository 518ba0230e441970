//! Behaviour of the crate through its public types, on small fixtures and on captured documents.

mod captured;
mod catalog;
mod document;
mod fixture;
mod objects;
mod pattern;
mod plan;
mod properties;
mod selection;
