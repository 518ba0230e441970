//! What is said of an election.

use std::str::FromStr;
use std::time::Duration;

#[cfg(feature = "nats")]
use meshsync_broker::jetstream::JetStreamUrl;

/// A lock lasts so long unless told otherwise: as in client-go.
const LASTS: Duration = Duration::from_secs(15);

/// A lock that lasts less is lost whenever a machine is busy.
pub(crate) const LASTS_MIN: Duration = Duration::from_secs(1);

/// Name of a Lease unless told otherwise.
const NAME: &str = "meshsync";

/// How one of several agents is elected.
///
/// ```
/// use meshsync::{LeaderElection, LeaderLock, MeshSync};
///
/// let lock = LeaderLock::Lease { namespace: None, name: "meshsync".to_owned() };
/// let election = LeaderElection::new(lock, "pod-1");
/// let meshsync = MeshSync::builder().leader_election(election).build().unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaderElection {
    /// What is held.
    pub lock: LeaderLock,
    /// Who we are: no two may be the same.
    pub identity: String,
    /// A leader that is silent for so long is followed by another one. It renews
    /// the lock six times in that time. At least a second; default: 15 s.
    pub lasts: Duration,
}

/// What a leader holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaderLock {
    /// An entry in a bucket of a broker with JetStream.
    #[cfg(feature = "nats")]
    Broker(Box<JetStreamUrl>),
    /// A Lease in the cluster that is observed.
    Lease {
        /// Its namespace; `None` for that of the pod or the kubeconfig's context.
        namespace: Option<String>,
        /// Its name.
        name: String,
    },
}

impl LeaderElection {
    /// An election with the defaults.
    pub fn new(lock: LeaderLock, identity: impl Into<String>) -> Self {
        Self {
            lock,
            identity: identity.into(),
            lasts: LASTS,
        }
    }
}

/// The same as text: `off`, `broker`, `lease`, `lease:NAME` or
/// `lease:NAMESPACE/NAME`.
///
/// ```
/// use meshsync::LeaderElect;
///
/// let lease: LeaderElect = "lease:shop/meshsync-a".parse().unwrap();
/// assert_eq!(lease.to_string(), "lease:shop/meshsync-a");
/// assert!("on".parse::<LeaderElect>().unwrap_err().to_string().contains("broker"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaderElect {
    /// Whoever runs observes.
    #[default]
    Off,
    /// With the broker of the first sink that is one.
    Broker,
    /// With a Lease in the cluster.
    Lease {
        /// Its namespace; `None` for that of the pod or the kubeconfig's context.
        namespace: Option<String>,
        /// Its name; `meshsync` unless told otherwise.
        name: String,
    },
}

/// A text that is no [`LeaderElect`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid election {text:?}: write broker, lease, lease:NAME, lease:NAMESPACE/NAME or off; names \
     are small letters, digits and -"
)]
pub struct LeaderElectError {
    text: String,
}

impl FromStr for LeaderElect {
    type Err = LeaderElectError;

    fn from_str(text: &str) -> Result<Self, LeaderElectError> {
        let lease = match text {
            "off" => return Ok(Self::Off),
            "broker" => return Ok(Self::Broker),
            "lease" => NAME,
            _ => text.strip_prefix("lease:").unwrap_or_default(),
        };
        let (namespace, name) = match lease.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, lease),
        };
        if !is_name(name) || !namespace.is_none_or(is_name) {
            let text = text.to_owned();
            return Err(LeaderElectError { text });
        }
        Ok(Self::Lease {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

impl std::fmt::Display for LeaderElect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Off => f.write_str("off"),
            Self::Broker => f.write_str("broker"),
            Self::Lease { namespace, name } => match namespace {
                Some(namespace) => write!(f, "lease:{namespace}/{name}"),
                None => write!(f, "lease:{name}"),
            },
        }
    }
}

/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>,
/// without the dots that some names may have.
fn is_name(text: &str) -> bool {
    let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read_and_written() {
        let check = |text: &str, expected: &str| {
            let read: LeaderElect = text.parse().unwrap();
            assert_eq!(read.to_string(), expected);
        };
        check("off", "off");
        check("broker", "broker");
        check("lease", "lease:meshsync");
        check("lease:a", "lease:a");
        check("lease:ns/a-1", "lease:ns/a-1");
    }

    #[test]
    fn what_is_none_is_told_what_to_write() {
        for text in [
            "",
            "on",
            "lease:",
            "lease:A",
            "lease:a/",
            "lease:/a",
            "lease:a/b/c",
            "lease:-a",
        ] {
            let error = text.parse::<LeaderElect>().unwrap_err().to_string();
            assert!(error.contains("lease:NAMESPACE/NAME"), "{text}: {error}");
        }
    }
}
