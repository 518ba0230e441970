//! `meshsync diff`.

use std::io::{BufWriter, Write};

use meshsync::store::{Filter, Store, StoreSink};
use meshsync::{Endpoints, MeshSync};
use tempfile::TempDir;

use super::args::{self, DiffArgs};
use crate::failure::Failure;
use crate::logging::{self, LogFormat};
use crate::output;
use crate::{pipeline, signals};

/// Prints what two states do not have in common.
pub(crate) async fn diff(args: DiffArgs, log_format: LogFormat) -> Result<(), Failure> {
    logging::start(log_format, "warn", None)?;
    let first = Side::open(&args.first).await?;
    let second = Side::open(&args.second).await?;
    let mut filter = Filter::default();
    filter.kind = args.kind;
    filter.namespace = args.namespace;
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let mut count = 0_u64;
    let print = |difference| {
        count += 1;
        if written.is_ok() {
            written = writeln!(out, "{difference}");
        }
    };
    let stated = |url: &str| url.starts_with("manifests:");
    let unstated = match (stated(&args.first), stated(&args.second)) {
        (true, false) => {
            let drift = meshsync::store::drift(&first.store, &second.store, &filter, print);
            Some(drift.map_err(Failure::other)?)
        }
        (false, true) => {
            return Err(Failure::configuration(anyhow::anyhow!(
                "what is stated comes first: meshsync diff {} {}",
                args.second,
                args.first
            )));
        }
        _ => {
            meshsync::store::diff(&first.store, &second.store, &filter, print)
                .map_err(Failure::other)?;
            None
        }
    };
    output::finish(written.and_then(|()| out.flush()))?;
    eprintln!("{count} differences");
    if let Some(unstated) = unstated {
        eprintln!("{unstated} objects that the manifests do not state");
    }
    Ok(())
}

/// One of the two.
struct Side {
    store: Store,
    /// Where a cluster was written down.
    _scratch: Option<TempDir>,
}

impl Side {
    async fn open(url: &str) -> Result<Self, Failure> {
        if url.starts_with("store:") {
            let path = args::store(url).map_err(|e| Failure::configuration(anyhow::anyhow!(e)))?;
            let store = Store::open_to_read(path).map_err(Failure::configuration)?;
            return Ok(Self {
                store,
                _scratch: None,
            });
        }
        let scratch = tempfile::tempdir().map_err(Failure::other)?;
        let path = scratch.path().join("cluster.db");
        let meshsync = MeshSync::builder()
            .source_url(url)
            .map_err(Failure::configuration)?
            .sink(StoreSink::new(&path))
            .build()
            .map_err(Failure::configuration)?;
        let monitor = meshsync.monitor();
        let stop = signals::stop_token(None)?;
        let done = stop.clone();
        let synced = async move {
            monitor.synced().await;
            done.cancel();
            std::future::pending::<()>().await;
        };
        let none = Endpoints::default();
        // When it has stopped, everything is written.
        let source = meshsync.monitor();
        let running = pipeline::run(meshsync, none, None, stop);
        tokio::select! {
            result = running => result?,
            () = synced => {}
        }
        for problem in source.source().problems {
            eprintln!("not compared: {problem}");
        }
        let store = Store::open_to_read(&path).map_err(Failure::other)?;
        Ok(Self {
            store,
            _scratch: Some(scratch),
        })
    }
}
