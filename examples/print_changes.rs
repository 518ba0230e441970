//! Prints every change of a cluster, one a line, until Ctrl-C.
//!
//! ```console
//! $ cargo run --example print_changes
//! $ cargo run --example print_changes -- --include deployments,pods --stop-after-sync
//! ```

use std::future::Future;
use std::io::Write;

use clap::Parser;
use meshsync::{Changes, ClusterConfig, MeshSync, Pattern, Selection};
use meshsync_examples::{Cluster, ClusterArgs};

/// Print every change of a cluster, one a line, until Ctrl-C
#[derive(Clone, Debug, Parser)]
pub(crate) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Only these resources, such as `pods` or `*.apps`
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    include: Vec<Pattern>,
    /// Not these resources
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    exclude: Vec<Pattern>,
    /// End when everything there is has been printed
    #[arg(long)]
    stop_after_sync: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let cluster = Cluster::open(&args.cluster).await?;
    let ctrl_c = async {
        tokio::signal::ctrl_c().await.ok();
    };
    run(args, cluster.config(), ctrl_c, &mut std::io::stdout()).await
}

pub(crate) async fn run(
    args: Args,
    cluster: ClusterConfig,
    stop: impl Future<Output = ()> + Send,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut meshsync = MeshSync::builder()
        .cluster(cluster)
        .select(Selection {
            include: args.include.into_iter().map(Into::into).collect(),
            exclude: args.exclude.into_iter().map(Into::into).collect(),
            ..Selection::default()
        })
        .build()?;
    let changes = meshsync.changes();
    let monitor = meshsync.monitor();
    let stop = async move {
        tokio::select! {
            () = stop => {}
            () = monitor.synced(), if args.stop_after_sync => {}
        }
    };
    // The stream ends after the pipeline has stopped and everything that still
    // waited was read, so both have to be driven to their end. It also works the
    // other way round: without a reader the pipeline has no sink left and ends.
    let (stopped, printed) = tokio::join!(meshsync.run(stop), print(changes, out));
    stopped?;
    printed
}

async fn print(mut changes: Changes, out: &mut impl Write) -> anyhow::Result<()> {
    while let Some(change) = changes.next().await {
        writeln!(
            out,
            "{:<8} {change} ({} bytes)",
            change.event().as_str(),
            change.object().len()
        )?;
    }
    Ok(())
}
