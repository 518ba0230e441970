//! Which of several that run observes.

use std::time::{SystemTime, UNIX_EPOCH};

use meshsync::jetstream::JetStreamUrl;
use meshsync::{Builder, Config, LeaderElect, LeaderElection, LeaderLock};

use crate::cli::{ElectionArgs, SinkArgs};
use crate::failure::Failure;
use crate::settings;

/// What the command line, the environment or the file say of an election.
pub(crate) fn elect(
    builder: Builder,
    args: &ElectionArgs,
    sinks: &SinkArgs,
    file: &Config,
) -> Result<Builder, Failure> {
    let how = args.leader_elect.as_ref().or(file.leader_elect.as_ref());
    let lock = match how.cloned().unwrap_or_default() {
        LeaderElect::Broker => LeaderLock::Broker(broker(sinks, file)?.into()),
        LeaderElect::Lease { namespace, name } => LeaderLock::Lease { namespace, name },
        _ => return Ok(builder),
    };
    let mut election = LeaderElection::new(lock, identity());
    if let Some(lasts) = args.leader_lease.or(file.leader_lease) {
        election.lasts = lasts;
    }
    Ok(builder.leader_election(election))
}

/// The first sink that is a broker.
fn broker(sinks: &SinkArgs, file: &Config) -> Result<JetStreamUrl, Failure> {
    let (urls, _) = settings::sink_urls(sinks, file);
    let mut brokers = urls
        .iter()
        .filter_map(|url| JetStreamUrl::of_broker(url).ok());
    brokers.next().ok_or_else(|| {
        Failure::configuration(anyhow::anyhow!(
            "--leader-elect=broker wants a sink that is a broker, and there is none: add \
             --sink jetstream://HOST:4222, or use --leader-elect=lease"
        ))
    })
}

/// Name of the machine, which is that of the pod, and what tells this run from any
/// other there.
pub(crate) fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let host = host.or_else(|_| std::env::var("HOSTNAME"));
    let host = host.map_or_else(|_| "meshsync".to_owned(), |host| host.trim().to_owned());
    let started = SystemTime::now().duration_since(UNIX_EPOCH);
    let started = started.map_or(0, |since| since.as_millis());
    format!("{host}-{}-{started}", std::process::id())
}
