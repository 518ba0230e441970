//! The web page: where its store is, and who may look.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use meshsync::{AdminError, Builder, ClusterConfig, Endpoints, Monitor, Reviews, store_path};
use meshsync_web::{Access, Gate, Token, Web};
use tempfile::TempDir;

use crate::failure::Failure;

/// The web page of `meshsync run`.
#[derive(Debug, Default, Args)]
pub(crate) struct WebArgs {
    /// Show a web page on the administration address: what is there, what is installed, what
    /// changes. It reads the store of a sink store:PATH, else one in a temporary folder
    #[arg(long)]
    pub(crate) web: bool,
    /// Show it, and /status, only to who has the token in this file: needed where the
    /// administration address can be reached from other machines
    #[arg(long, value_name = "FILE", requires = "web")]
    pub(crate) web_token_file: Option<PathBuf>,
    /// Show it, and /status, only to who has a token of Kubernetes and may `get` the path
    /// /meshsync/web there; takes the ClusterRole system:auth-delegator
    #[arg(long, requires = "web", conflicts_with = "web_token_file")]
    pub(crate) web_kubernetes: bool,
}

/// A page that will be served.
#[derive(Debug)]
pub(crate) struct Page {
    web: Web,
    /// Removed in the end.
    folder: Option<TempDir>,
}

impl Page {
    /// The page that the arguments ask for, over the store of one of the sinks
    /// where there is one.
    pub(crate) async fn asked<'a>(
        args: &WebArgs,
        endpoints: &Endpoints,
        cluster: impl FnOnce() -> Result<ClusterConfig, Failure>,
        sinks: impl Iterator<Item = &'a str>,
    ) -> Result<Option<Self>, Failure> {
        if !args.web {
            return Ok(None);
        }
        let access = access(args, endpoints, cluster).await?;
        let mut stores = sinks.filter_map(|url| store_path(url).ok().flatten());
        match stores.next() {
            Some(path) => Ok(Some(Self {
                web: Web::new(path, access).map_err(Failure::configuration)?,
                folder: None,
            })),
            None => Self::temporary(access).map(Some),
        }
    }

    /// A page for this machine, over a store that is gone in the end.
    pub(crate) fn local() -> Result<Option<Self>, Failure> {
        Self::temporary(Access::Loopback).map(Some)
    }

    fn temporary(access: Access) -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("meshsync-")
            .tempdir()
            .map_err(|error| {
                Failure::other(anyhow!(
                    "failed to make a folder for the store of the web page: {error}; set TMPDIR to \
                     one that can be written, or give a sink store:PATH"
                ))
            })?;
        let web = Web::new(folder.path().join("store.db"), access).map_err(Failure::other)?;
        Ok(Self {
            web,
            folder: Some(folder),
        })
    }

    /// Whether the page reads the store that this URL names.
    pub(crate) fn is_at(&self, url: &str) -> bool {
        store_path(url).is_ok_and(|path| path == Some(self.web.path()))
    }

    /// Whether its store is nobody else's.
    pub(crate) fn is_temporary(&self) -> bool {
        self.folder.is_some()
    }

    /// Has its store filled.
    pub(crate) fn fill(&self, builder: Builder) -> Builder {
        builder.sink(self.web.sink())
    }

    pub(crate) async fn serve(
        &self,
        monitor: Monitor,
        endpoints: Endpoints,
        warn: impl FnMut(AdminError),
        stop: impl Future<Output = ()> + Send,
    ) {
        meshsync_web::serve(self.web.clone(), monitor, endpoints, warn, stop).await;
    }
}

async fn access(
    args: &WebArgs,
    endpoints: &Endpoints,
    cluster: impl FnOnce() -> Result<ClusterConfig, Failure>,
) -> Result<Access, Failure> {
    if args.web_kubernetes {
        let reviews = Reviews::connect(&cluster()?).await;
        let reviews = reviews.map_err(Failure::configuration)?;
        return Ok(Access::Kubernetes(Gate::new(reviews)));
    }
    if let Some(path) = &args.web_token_file {
        let token = Token::read(path).map_err(Failure::configuration)?;
        return Ok(Access::Token(token));
    }
    match endpoints.admin {
        Some(addr) if addr.ip().is_loopback() => Ok(Access::Loopback),
        Some(addr) => Err(Failure::configuration(anyhow!(
            "--web on {addr} would show the cluster to everybody who reaches it: give \
             --web-token-file FILE or --web-kubernetes, or leave --admin-addr on {}",
            SocketAddr::from((Ipv4Addr::LOCALHOST, crate::settings::ADMIN_PORT))
        ))),
        None => Err(Failure::configuration(anyhow!(
            "--web needs an administration address: leave out --admin-addr none"
        ))),
    }
}
