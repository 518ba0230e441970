//! `meshsync run`.

use std::net::{Ipv4Addr, SocketAddr};

use meshsync::{Endpoints, ListenAddr};

use crate::cli::{EndpointArgs, RunArgs};
use crate::failure::Failure;
use crate::{pipeline, settings, signals};

/// The ports of the original and of its probes.
pub(crate) const PROBES_PORT: u16 = 11_000;
pub(crate) const ADMIN_PORT: u16 = 11_001;

/// Observes a cluster until told to stop.
pub(crate) async fn run(args: RunArgs) -> Result<(), Failure> {
    let stop = signals::stop_token(args.stop.stop_after)?;
    let builder = settings::sinks(settings::cluster(&args.cluster)?, &args.sinks)?;
    let meshsync = builder.build().map_err(Failure::configuration)?;
    pipeline::run(meshsync, endpoints(&args.endpoints), stop).await
}

fn endpoints(args: &EndpointArgs) -> Endpoints {
    // Probes are for the kubelet, which comes from outside of the pod.
    let probes = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PROBES_PORT));
    let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, ADMIN_PORT));
    Endpoints {
        probes: args.probes_addr.map_or(Some(probes), ListenAddr::addr),
        admin: args.admin_addr.map_or(Some(admin), ListenAddr::addr),
    }
}
