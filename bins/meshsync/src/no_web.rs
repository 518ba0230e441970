//! In the place of the web page, where it is not built.

use std::convert::Infallible;

use clap::Args;
use meshsync::{AdminError, Builder, ClusterConfig, Endpoints, Monitor};

use crate::failure::Failure;

/// No options.
#[derive(Debug, Default, Args)]
pub(crate) struct WebArgs {}

/// There is none.
#[derive(Debug)]
pub(crate) struct Page(Infallible);

impl Page {
    pub(crate) async fn asked<'a>(
        _: &WebArgs,
        _: &Endpoints,
        _: impl FnOnce() -> Result<ClusterConfig, Failure>,
        _: impl Iterator<Item = &'a str>,
    ) -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    pub(crate) fn local() -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    pub(crate) fn is_at(&self, _: &str) -> bool {
        match self.0 {}
    }

    pub(crate) fn is_temporary(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn fill(&self, _: Builder) -> Builder {
        match self.0 {}
    }

    pub(crate) async fn serve(
        &self,
        _: Monitor,
        _: Endpoints,
        _: impl FnMut(AdminError),
        _: impl Future<Output = ()> + Send,
    ) {
        match self.0 {}
    }
}
