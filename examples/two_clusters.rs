//! Two pipelines in one process: the changes of two clusters, merged, each with
//! the name of its cluster.
//!
//! ```console
//! $ cargo run --example two_clusters
//! $ cargo run --example two_clusters -- --contexts staging,production
//! ```
//!
//! Nothing in the library is global, so that there may be as many as you like.

use std::future::Future;
use std::io::Write;

use anyhow::Context;
use clap::Parser;
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::select_all;
use meshsync::{ClusterConfig, MeshSync, OwnedChange, Pattern, Selection};
use meshsync_examples::Cluster;
use tokio_util::sync::CancellationToken;

/// Print the changes of two clusters, each with the name of its cluster, until Ctrl-C
#[derive(Clone, Debug, Parser)]
pub(crate) struct Args {
    /// Two contexts of the kubeconfig [default: two simulated clusters]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    contexts: Vec<String>,
    /// Only these resources, such as `pods` or `*.apps`
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    include: Vec<Pattern>,
    /// End when everything there is has been printed
    #[arg(long)]
    stop_after_sync: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let clusters: Vec<(String, Cluster)> = if args.contexts.is_empty() {
        vec![
            ("east".to_owned(), Cluster::simulated().await?),
            ("west".to_owned(), Cluster::simulated().await?),
        ]
    } else {
        let of_context = |name: &String| (name.clone(), Cluster::of_context(name));
        args.contexts.iter().map(of_context).collect()
    };
    let configs = clusters
        .iter()
        .map(|(name, cluster)| (name.clone(), cluster.config()))
        .collect();
    let ctrl_c = async {
        tokio::signal::ctrl_c().await.ok();
    };
    run(args, configs, ctrl_c, &mut std::io::stdout()).await
}

pub(crate) async fn run(
    args: Args,
    clusters: Vec<(String, ClusterConfig)>,
    stop: impl Future<Output = ()>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    // One signal for all: whatever ends first, the others end with it.
    let halt = CancellationToken::new();
    let (mut runs, mut streams, mut monitors) = (Vec::new(), Vec::new(), Vec::new());
    for (name, config) in clusters {
        let mut meshsync = MeshSync::builder()
            .cluster(config)
            .select(Selection {
                include: args.include.iter().cloned().map(Into::into).collect(),
                ..Selection::default()
            })
            .build()?;
        let of_cluster = name.clone();
        streams.push(
            meshsync
                .changes()
                .map(move |change| (of_cluster.clone(), change)),
        );
        monitors.push(meshsync.monitor());
        let halt = halt.clone();
        runs.push(async move {
            let result = meshsync.run(halt.clone().cancelled_owned()).await;
            halt.cancel();
            result.with_context(|| format!("cluster {name}"))
        });
    }
    let print = async {
        let mut changes = select_all(streams);
        while let Some((cluster, change)) = changes.next().await {
            print(out, &cluster, &change)?;
        }
        anyhow::Ok(())
    };
    let stop = async {
        tokio::select! {
            () = stop => {}
            () = halt.cancelled() => {}
            _ = join_all(monitors.iter().map(|monitor| monitor.synced())), if args.stop_after_sync => {}
        }
        halt.cancel();
    };
    let (stopped, printed, ()) = tokio::join!(join_all(runs), print, stop);
    stopped.into_iter().collect::<anyhow::Result<()>>()?;
    printed
}

fn print(out: &mut impl Write, cluster: &str, change: &OwnedChange) -> anyhow::Result<()> {
    let event = change.event().as_str();
    writeln!(out, "{cluster} {event:<8} {change}")?;
    Ok(())
}
