//! `meshsync demo`: a simulated cluster, everything else the real path.

use std::io::{IsTerminal, stderr, stdout};
use std::net::{Ipv4Addr, SocketAddr};

use meshsync::{ClusterConfig, Endpoints};
use meshsync_sim::{Generate, Sim};

use crate::cli::{ClusterArgs, DemoArgs};
use crate::failure::Failure;
use crate::logging::{self, LogFormat};
use crate::run::{ADMIN_PORT, PROBES_PORT};
use crate::{pipeline, settings, signals};

/// Runs the demo until told to stop.
pub(crate) async fn demo(args: DemoArgs, log_format: LogFormat) -> Result<(), Failure> {
    let _watched = stdout().is_terminal() && stderr().is_terminal();
    logging::start(log_format, "info", None)?;
    let stop = signals::stop_token(args.stop.stop_after)?;
    let sim = Sim::builder()
        .generate(Generate {
            objects: args.objects,
            seed: args.seed,
        })
        .start()
        .await
        .map_err(|error| Failure::other(error.into()))?;
    let churn = (args.churn > 0.0).then(|| sim.churn_seeded(args.churn, args.seed));
    let builder =
        settings::cluster(&ClusterArgs::default())?.cluster(ClusterConfig::Text(sim.kubeconfig()));
    let meshsync = settings::sinks(builder, &args.sinks)?
        .build()
        .map_err(Failure::configuration)?;
    let result = pipeline::run(meshsync, endpoints(), stop).await;
    if let Some(churn) = churn {
        churn.stop().await;
    }
    sim.stop().await;
    result
}

/// On loopback only: a demo is nobody else's business.
fn endpoints() -> Endpoints {
    let at = |port| Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    Endpoints {
        probes: at(PROBES_PORT),
        admin: at(ADMIN_PORT),
    }
}
