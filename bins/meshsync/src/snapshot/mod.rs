//! `meshsync snapshot`: one consistent pass, then exit.
//!
//! What arrives is spooled to an unnamed temporary file and written out only when
//! every resource was listed, so that there is a whole snapshot or none.

mod manifest;
mod output;
mod report;
mod spool;
mod write;

use std::time::Instant;

use meshsync::{Endpoints, ListenAddr, Wire};

use self::output::Output;
use self::spool::Spool;
use crate::cli::{SnapshotArgs, SnapshotFormat};
use crate::failure::Failure;
use crate::logging::{self, LogFormat};
use crate::{config, pipeline, settings, signals};

/// Takes a snapshot.
pub(crate) async fn snapshot(args: SnapshotArgs, log_format: LogFormat) -> Result<(), Failure> {
    logging::start(log_format, "warn", None)?;
    let started = Instant::now();
    let stop = signals::stop_token(None)?;
    let file = config::read(None)?;
    settings::one_source(&args.cluster, &file)?;
    // Before any work: a path that cannot be written is known at once.
    let output = Output::create(args.output.as_deref())?;
    let wire = match args.format {
        SnapshotFormat::Records => Wire::Record,
        SnapshotFormat::Manifests => Wire::Object,
    };
    let (sink, spool) = Spool::create(wire, output.dir()).map_err(Failure::other)?;
    let meshsync = settings::cluster(&args.cluster, &file)?
        .sink(sink)
        .build()
        .map_err(Failure::configuration)?;
    let monitor = meshsync.monitor();
    let synced = {
        let (monitor, stop) = (monitor.clone(), stop.clone());
        async move {
            monitor.synced().await;
            stop.cancel();
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        result = pipeline::run(meshsync, endpoints(&args), None, stop) => result?,
        () = synced => {}
    }
    let spool = spool.finish()?;
    report::warn_incomplete(&monitor.resources());
    let written = match args.format {
        SnapshotFormat::Records => output.write(|out| write::records(&spool, out)),
        SnapshotFormat::Manifests => output.write(|out| write::manifests(&spool, out)),
    }?;
    if let Some(written) = written {
        report::summary(&written, started.elapsed());
    }
    Ok(())
}

/// None unless asked for.
fn endpoints(args: &SnapshotArgs) -> Endpoints {
    Endpoints {
        ready: meshsync::Ready::default(),
        probes: args.probes_addr.and_then(ListenAddr::addr),
        admin: args.admin_addr.and_then(ListenAddr::addr),
    }
}
