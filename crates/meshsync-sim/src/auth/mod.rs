//! Who asks, and whether they may: tokens, users, and the RBAC rules stored in the cluster.

mod attributes;
mod authorizer;
mod bootstrap;
mod policy;
mod reviews;
mod rules;
mod token;
mod users;

pub(crate) use attributes::{Attributes, Object};
pub(crate) use authorizer::Authorizer;
pub(crate) use bootstrap::ensure_default_roles;
pub(crate) use reviews::review;
pub(crate) use token::token_request;
pub use users::{User, Users};
