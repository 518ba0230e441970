//! The builder.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use meshsync_broker::sinks::channel;
use meshsync_broker::{Sink, SinkUrlError, Wire};
use meshsync_discovery::Selection;
use meshsync_fingerprint::{Catalog, CatalogError, Rule};
use meshsync_informer::source::Source;
use meshsync_informer::{ClusterConfig, Control, Controlled, Pace, SINKS_MAX, Timing};
use meshsync_model::wire::meshery::Fidelity;
use meshsync_model::{ClusterId, Platform, Secrets};

use crate::changes::Changes;
use crate::compose::Composer;
#[cfg(feature = "config")]
use crate::config::Config;
use crate::configuration::Layers;
#[cfg(feature = "config")]
use crate::configuration::ResourceName;
use crate::fingerprints::{FingerprintChange, Fingerprints, Listener};
use crate::handle::Handle;
use crate::kube_events::{EventWriter, Notices, Regarding};
use crate::lane::Lane;
use crate::leader::{LASTS_MIN, LeaderElection};
use crate::monitor::{Monitor, Role};
use crate::outlets::lay;
use crate::run::{RunError, run};
use crate::source::{SourceUrl, SourceUrlError};

/// What an outbox holds unless told otherwise.
const OUTBOX_BYTES: usize = 8 << 20;

/// Describes a pipeline: a cluster or other sources, any number of sinks.
///
/// ```
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use meshsync::{MeshSync, Secrets};
///
/// let meshsync = MeshSync::builder()
///     .sink_url("file:/tmp/records.jsonl")?
///     .secrets(Secrets::Redacted)
///     .build()?;
/// assert_eq!(meshsync.monitor().sinks().len(), 1);
/// # Ok(())
/// # }
/// # example().unwrap();
/// ```
pub struct Builder {
    /// None where there are other sources and nobody asked for a cluster.
    pub(crate) cluster: Option<ClusterConfig>,
    pub(crate) sources: Vec<Given>,
    pub(crate) cluster_id: Option<ClusterId>,
    pub(crate) selection: Selection,
    pub(crate) sinks: Vec<Box<dyn Sink>>,
    pub(crate) secrets: Secrets,
    pub(crate) fidelity: Fidelity,
    pub(crate) outbox_bytes: usize,
    pub(crate) watch_list: bool,
    pub(crate) rules: Vec<Rule>,
    pub(crate) fingerprint_listener: Option<Listener>,
    pub(crate) tell_meshery: bool,
    pub(crate) helm_releases: bool,
    pub(crate) timing: Timing,
    pub(crate) pace: Pace,
    pub(crate) verify_interval: Option<Duration>,
    pub(crate) deep_hold: Duration,
    pub(crate) follow_resource: bool,
    #[cfg(feature = "config")]
    pub(crate) own_resource: Option<ResourceName>,
    #[cfg(feature = "config")]
    configuration: Option<(String, Config)>,
    events: Option<Option<Regarding>>,
    pub(crate) state_dir: Option<PathBuf>,
    pub(crate) patient: bool,
    pub(crate) leader_election: Option<LeaderElection>,
    #[cfg(feature = "nats")]
    pub(crate) requests: Option<crate::meshery::RequestOptions>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sinks: Vec<String> = self.sinks.iter().map(|sink| sink.name()).collect();
        f.debug_struct("Builder")
            .field("selection", &self.selection)
            .field("sinks", &sinks)
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}

/// A source beside the first cluster.
pub(crate) enum Given {
    Cluster(ClusterConfig),
    Other(Box<dyn Source>),
}

impl Given {
    fn name(&self) -> String {
        match self {
            Self::Cluster(config) => SourceUrl::Cluster(config.clone()).to_string(),
            Self::Other(source) => source.name(),
        }
    }

    fn platform(&self) -> Platform {
        match self {
            Self::Cluster(_) => Platform::KUBERNETES,
            Self::Other(source) => source.platform(),
        }
    }
}

/// Why a pipeline cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Too many sinks.
    #[error("{count} sinks are more than {SINKS_MAX}; run a second pipeline for the rest")]
    TooManySinks {
        /// How many there are.
        count: usize,
    },
    /// Too many sources.
    #[error("{count} sources are more than {SOURCES_MAX}; run a second pipeline for the rest")]
    TooManySources {
        /// How many there are.
        count: usize,
    },
    /// What was published is remembered for one cluster.
    #[error(
        "what was published is remembered for one cluster, and there are several: run one agent \
         for each, or without a folder to remember in (--state-dir)"
    )]
    StateOfSeveral,
    /// An outbox without room.
    #[error("an outbox of {bytes} bytes is too small; give it at least {OUTBOX_BYTES_MIN}")]
    OutboxTooSmall {
        /// What was asked for.
        bytes: usize,
    },
    /// Checks would come too often.
    #[error(
        "a check every {interval:?} is too much for an API server: check every {min:?} or less often"
    )]
    VerifyTooOften {
        /// What was asked for.
        interval: Duration,
        /// What is the least.
        min: Duration,
    },
    /// A lock that would be lost whenever a machine is busy.
    #[error(
        "a leader's lock that lasts {lasts:?} is lost all the time: let it last {LASTS_MIN:?} or more"
    )]
    LeadershipTooShort {
        /// What was asked for.
        lasts: Duration,
    },
    /// Rules that cannot be used.
    #[error("failed to use the rules for fingerprints")]
    Rules(#[from] CatalogError),
}

/// So many sources one pipeline has.
const SOURCES_MAX: usize = 32;

/// A product's custom resources are observed in full for so long after its last verdict.
const DEEP_HOLD: Duration = Duration::from_secs(5 * 60);

const OUTBOX_BYTES_MIN: usize = 64 << 10;

impl Default for Builder {
    fn default() -> Self {
        Self {
            cluster: None,
            sources: Vec::new(),
            cluster_id: None,
            selection: Selection::default(),
            sinks: Vec::new(),
            secrets: Secrets::Redacted,
            fidelity: Fidelity::default(),
            outbox_bytes: OUTBOX_BYTES,
            watch_list: true,
            rules: Vec::new(),
            fingerprint_listener: None,
            tell_meshery: false,
            helm_releases: false,
            timing: Timing::default(),
            pace: Pace::default(),
            verify_interval: None,
            deep_hold: DEEP_HOLD,
            follow_resource: false,
            #[cfg(feature = "config")]
            own_resource: None,
            #[cfg(feature = "config")]
            configuration: None,
            events: None,
            state_dir: None,
            patient: false,
            leader_election: None,
            #[cfg(feature = "nats")]
            requests: None,
        }
    }
}

impl Builder {
    /// The cluster to observe. Default: [`ClusterConfig::Infer`] where there is no
    /// other source.
    #[must_use]
    pub fn cluster(mut self, cluster: ClusterConfig) -> Self {
        self.cluster = Some(cluster);
        self
    }

    /// Adds a source that is no cluster.
    ///
    /// Several sources share the sinks and nothing else. One that cannot be reached
    /// or fails is tried again, for ever, and says so in the status; the others go
    /// on. One that ends for good does so alone. The cluster goes first, if there is
    /// one: it is asked what [requests](Self::requests) ask for, and whoever
    /// [leads](Self::leader_election) does so for the first source.
    ///
    /// ```
    /// # fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use meshsync::MeshSync;
    ///
    /// let meshsync = MeshSync::builder()
    ///     .source_url("k8s:")?
    ///     .source_url("manifests:./deploy")?
    ///     .sink_url("stdout:")?
    ///     .build()?;
    /// assert_eq!(meshsync.monitor().sources().len(), 2);
    /// # Ok(())
    /// # }
    /// # example().unwrap();
    /// ```
    #[must_use]
    pub fn source(mut self, source: impl Source) -> Self {
        self.sources.push(Given::Other(Box::new(source)));
        self
    }

    /// Adds a source by URL: `k8s:`, `docker:`, `manifests:DIR`. See [`SourceUrl`].
    ///
    /// # Errors
    ///
    /// When the URL names no source.
    pub fn source_url(mut self, url: &str) -> Result<Self, SourceUrlError> {
        match SourceUrl::parse(url)? {
            SourceUrl::Cluster(config) if self.cluster.is_none() => {
                self.cluster = Some(config);
            }
            SourceUrl::Cluster(config) => self.sources.push(Given::Cluster(config)),
            #[cfg(any(feature = "docker", feature = "manifests"))]
            other => self.sources.push(Given::Other(other.open())),
        }
        Ok(self)
    }

    /// Identity of the cluster, for where namespace `kube-system` cannot be read.
    /// Default: the uid of that namespace.
    #[must_use]
    pub fn cluster_id(mut self, id: ClusterId) -> Self {
        self.cluster_id = Some(id);
        self
    }

    /// Which resources and namespaces to observe. Default: everything that can be
    /// listed and watched but events, leases and component statuses.
    #[must_use]
    pub fn select(mut self, selection: Selection) -> Self {
        self.selection = selection;
        self
    }

    /// Adds a sink.
    #[must_use]
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Adds a sink by URL: `nats://…`, `jetstream://…`, `store:PATH`, `file:PATH`,
    /// `stdout:`. See [`open_sink`](crate::open_sink).
    ///
    /// # Errors
    ///
    /// When the URL names no sink.
    pub fn sink_url(mut self, url: &str) -> Result<Self, SinkUrlError> {
        self.sinks.push(crate::open_sink(url)?);
        Ok(self)
    }

    /// Whether values of Secrets are redacted in every output. Default:
    /// [`Secrets::Redacted`].
    #[must_use]
    pub fn secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// Dialect of the Meshery format. Default: [`Fidelity::Corrected`].
    #[must_use]
    pub fn meshery_wire(mut self, fidelity: Fidelity) -> Self {
        self.fidelity = fidelity;
        self
    }

    /// Bytes that wait for each sink at most, from each source. Default: 8 MiB.
    #[must_use]
    pub fn outbox_bytes(mut self, bytes: usize) -> Self {
        self.outbox_bytes = bytes;
        self
    }

    /// Whether initial lists may be streamed (WatchList). Servers that cannot are
    /// listed in pages whatever this says. Default: yes.
    #[must_use]
    pub fn watch_list(mut self, allowed: bool) -> Self {
        self.watch_list = allowed;
        self
    }

    /// Checks about this often, for one resource after the other, that what is
    /// known is what the API server has; repairs it and says what differed where
    /// not. Costs the server one list of each resource. Default: never.
    #[must_use]
    pub fn verify_interval(mut self, interval: Duration) -> Self {
        self.verify_interval = Some(interval);
        self
    }

    /// For how long the custom resources of a product are still observed in full when
    /// nothing says any more that it is installed, so that a verdict that flaps flaps no
    /// watch. Default: 5 minutes. See [`Depth::opened`](crate::Depth::opened).
    #[must_use]
    pub fn deep_hold(mut self, hold: Duration) -> Self {
        self.deep_hold = hold;
        self
    }

    /// How long what may take on the way from the API server. The defaults are for
    /// real clusters; tests of faults take shorter times.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// How much is asked of the API server at once. The [defaults](Pace) are for one that
    /// others use too.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Tells from the objects which products are installed, by these rules; a later
    /// rule takes the place of an earlier one of the same id. They are told like
    /// other objects, as [`Resource::fingerprints`](crate::model::Resource::fingerprints),
    /// to every sink but those that take Meshery messages. The rules that come with
    /// the program are [`builtin_rules`](crate::fingerprint::builtin_rules). Default:
    /// none, and then nothing is looked at.
    #[must_use]
    pub fn fingerprints(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        for rule in rules {
            self = self.fingerprint(rule);
        }
        self
    }

    /// Adds one rule to [`Builder::fingerprints`].
    #[must_use]
    pub fn fingerprint(mut self, rule: Rule) -> Self {
        self.rules.retain(|known| known.id != rule.id);
        self.rules.push(rule);
        self
    }

    /// Lets Meshery's messages say what [`fingerprints`](Self::fingerprints) tell: under
    /// `component_metadata.fingerprints` of the root object of each instance, in every
    /// message about it. When that changes, the object is read once more and told again.
    /// Default: messages are what they are without fingerprints.
    #[must_use]
    pub fn fingerprints_in_meshery(mut self) -> Self {
        self.tell_meshery = true;
        self
    }

    /// Lets [`fingerprints`](Self::fingerprints) read Helm's records of releases, which are
    /// Secrets: the chart's name, its version and that of the application, and nothing
    /// else. Default: no Secret is read for them.
    #[must_use]
    pub fn helm_releases(mut self) -> Self {
        self.helm_releases = true;
        self
    }

    /// Calls `listener` when a fingerprint appears, changes or goes. It must not
    /// block: verdicts wait for it.
    #[must_use]
    pub fn on_fingerprint(
        mut self,
        listener: impl FnMut(&FingerprintChange) + Send + 'static,
    ) -> Self {
        self.fingerprint_listener = Some(Box::new(listener));
        self
    }

    /// Follows Meshery's custom resource `meshsyncs.meshery.io`, in namespace
    /// `meshery` under the name `meshery-meshsync`: its lists change what
    /// [`select`](Self::select) says for as long as they are there. Default: no.
    #[must_use]
    pub fn follow_meshsync_resource(mut self) -> Self {
        self.follow_resource = true;
        self
    }

    /// Follows our own custom resource of this name (`discoveries.meshsync.io`, whose definition
    /// is in `deploy/kustomize/discovery`): it changes what [`select`](Self::select) says for as
    /// long as it is there. Its status says what became of it, with
    /// [`kubernetes_events`](Self::kubernetes_events). Meshery's resource and a [configuration](Self::configure) lie over it. Default: no.
    #[cfg(feature = "config")]
    #[must_use]
    pub fn follow_discovery_resource(mut self, name: ResourceName) -> Self {
        self.own_resource = Some(name);
        self
    }

    /// What a configuration called `source` selects, over what [`select`](Self::select) and custom
    /// resources that are followed say. [`Handle::configure`](crate::Handle::configure) puts
    /// another one in its place. Default: none.
    #[cfg(feature = "config")]
    #[must_use]
    pub fn configure(mut self, source: impl Into<String>, config: Config) -> Self {
        self.configuration = Some((source.into(), config));
        self
    }

    /// Writes Kubernetes Events of what a person should hear of: into the cluster that is observed,
    /// about this object, such as the pod we run in, or else the namespace of the cluster's
    /// configuration. The status of [our own resource](Self::follow_discovery_resource) is written
    /// too. Who is not permitted to goes on without. Default: nothing is written.
    #[must_use]
    pub fn kubernetes_events(mut self, regarding: Option<Regarding>) -> Self {
        self.events = Some(regarding);
        self
    }

    /// Remembers in this folder what sinks of Meshery messages were given, so that
    /// what is deleted while nobody runs is told after the next start. Costs the
    /// memory of a second set of keys. Default: nothing is remembered.
    #[must_use]
    pub fn state_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state_dir = Some(folder.into());
        self
    }

    /// Waits for a cluster that cannot be reached or identified at the start,
    /// instead of failing. Nothing is sent before its identity is known.
    /// Default: no; with several sources each is waited for.
    #[must_use]
    pub fn wait_for_cluster(mut self) -> Self {
        self.patient = true;
        self
    }

    /// Observes nothing and sends nothing until it leads: of several that run with
    /// the same lock one does. [`MeshSync::run`] ends with
    /// [`RunError::LeadershipLost`] when it leads no more, at once and without
    /// sending what waits; start it again to follow. Default: whoever runs observes.
    #[must_use]
    pub fn leader_election(mut self, election: LeaderElection) -> Self {
        self.leader_election = Some(election);
        self
    }

    /// Answers requests that arrive over NATS. Default: no.
    #[cfg(feature = "nats")]
    #[must_use]
    pub fn requests(mut self, options: crate::meshery::RequestOptions) -> Self {
        self.requests = Some(options);
        self
    }

    /// Checks the description. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// When it cannot work.
    pub fn build(self) -> Result<MeshSync, BuildError> {
        if self.sinks.len() > SINKS_MAX {
            return Err(BuildError::TooManySinks {
                count: self.sinks.len(),
            });
        }
        let verify_interval_min = self.timing.verify_interval_min;
        if let Some(interval) = self.verify_interval
            && interval < verify_interval_min
        {
            return Err(BuildError::VerifyTooOften {
                interval,
                min: verify_interval_min,
            });
        }
        if let Some(election) = &self.leader_election
            && election.lasts < LASTS_MIN
        {
            return Err(BuildError::LeadershipTooShort {
                lasts: election.lasts,
            });
        }
        if self.outbox_bytes < OUTBOX_BYTES_MIN {
            return Err(BuildError::OutboxTooSmall {
                bytes: self.outbox_bytes,
            });
        }
        let sources = self.sources();
        if sources.len() > SOURCES_MAX {
            let count = sources.len();
            return Err(BuildError::TooManySources { count });
        }
        let clusters: Vec<bool> = (sources.iter())
            .map(|(_, platform)| *platform == Platform::KUBERNETES)
            .collect();
        if self.state_dir.is_some() && clusters.iter().filter(|it| **it).count() > 1 {
            return Err(BuildError::StateOfSeveral);
        }
        let catalog = match self.rules.is_empty() {
            true => None,
            false => Some(Arc::new(Catalog::compile(self.rules.clone())?)),
        };
        let (notices, event_writer) = match self.events.clone() {
            Some(regarding) => {
                let (notices, writer) = Notices::written(regarding);
                (notices, Some(writer))
            }
            None => Default::default(),
        };
        let (rows, outlets) = lay(&self.sinks, &clusters, self.outbox_bytes);
        let lanes = sources.into_iter().zip(outlets);
        let lanes = lanes.map(|((name, platform), outlets)| {
            // Meshery is told of clusters.
            let tells = self.tell_meshery && platform == Platform::KUBERNETES;
            let prints = catalog.clone().map(|catalog| {
                let mut prints = Fingerprints::new(catalog);
                if tells {
                    prints = prints.told_to_meshery();
                }
                if self.helm_releases {
                    prints = prints.with_releases();
                }
                Arc::new(prints)
            });
            Arc::new(Lane::new(name, platform, outlets, prints))
        });
        let monitor = Monitor::new(lanes.collect(), rows, self.secrets, notices);
        if self.leader_election.is_some() {
            monitor.set_role(Role::Candidate, None);
        }
        let controls = clusters
            .iter()
            .map(|_| Control::new(self.selection.clone()));
        let (controls, controlled): (Vec<_>, Vec<_>) = controls.unzip();
        let composed = controls.into_iter().map(|control| {
            let composer = Composer::new(control.clone());
            (control, composer)
        });
        let controls: Arc<[(Control, Composer)]> = composed.collect();
        let meshsync = MeshSync {
            layers: Layers::new(Arc::clone(&controls), monitor.clone()),
            controls,
            monitor,
            event_writer,
            builder: self,
            controlled,
        };
        #[cfg(feature = "config")]
        if let Some((source, config)) = meshsync.builder.configuration.clone() {
            meshsync.handle().configure(&source, Ok(config));
        }
        Ok(meshsync)
    }

    /// Name and platform of each source, the cluster first.
    fn sources(&self) -> Vec<(String, Platform)> {
        let cluster = match (&self.cluster, self.sources.is_empty()) {
            (None, false) => None,
            (config, _) => Some(Given::Cluster(config.clone().unwrap_or_default())),
        };
        let all = cluster.iter().chain(&self.sources);
        all.map(|given| (given.name(), given.platform())).collect()
    }

    /// What there is to observe, in the same order.
    pub(crate) fn take_sources(&mut self) -> Vec<Given> {
        let sources = std::mem::take(&mut self.sources);
        let cluster = match (self.cluster.take(), sources.is_empty()) {
            (None, false) => None,
            (config, _) => Some(Given::Cluster(config.unwrap_or_default())),
        };
        cluster.into_iter().chain(sources).collect()
    }
}

/// A pipeline that is ready to run.
pub struct MeshSync {
    builder: Builder,
    monitor: Monitor,
    /// For each source.
    controls: Arc<[(Control, Composer)]>,
    layers: Layers,
    event_writer: Option<EventWriter>,
    controlled: Vec<Controlled>,
}

impl std::fmt::Debug for MeshSync {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MeshSync").field(&self.builder).finish()
    }
}

impl MeshSync {
    /// Bytes that wait for each sink at most, unless told otherwise.
    pub const OUTBOX_BYTES: usize = OUTBOX_BYTES;

    /// Begins a description.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Adds a stream of changes as one more sink.
    pub fn changes(&mut self) -> Changes {
        let name = format!("changes-{}:", self.builder.sinks.len());
        let (sink, received) = channel(name, Wire::Object);
        self.builder.sinks.push(Box::new(sink));
        let lanes = self.monitor.lanes().iter();
        let clusters: Vec<bool> = lanes.map(|lane| lane.is_cluster()).collect();
        let (rows, outlets) = lay(&self.builder.sinks, &clusters, self.builder.outbox_bytes);
        self.monitor.set_sinks(rows, outlets);
        Changes::new(received)
    }

    /// A view of the pipeline's status, before, while and after it runs.
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// A way to tell the pipeline what to do, before and while it runs.
    pub fn handle(&self) -> Handle {
        let Builder {
            secrets, fidelity, ..
        } = self.builder;
        Handle::new(
            (Arc::clone(&self.controls), self.layers.clone()),
            self.monitor.clone(),
            secrets,
            fidelity,
        )
    }

    /// Runs until `stop` completes or no sink is left. Then sinks are given up to
    /// ten seconds to take what still waits for them.
    ///
    /// # Errors
    ///
    /// When there is no usable configuration, or the cluster cannot be reached at
    /// the start. Later troubles are retried for ever and show in the status. With
    /// several sources the first ones are, too: then it is an error when each of
    /// them has ended for good.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), RunError> {
        let handle = self.handle();
        // Large enough to be kept off whatever stack it is called from.
        let given = (self.controlled, self.event_writer);
        Box::pin(run(self.builder, handle, given, stop)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_pipeline_is_short() {
        let builder = MeshSync::builder().sink_url("stdout:").unwrap();
        let text = format!("{:?}", builder.build().unwrap());
        assert!(text.contains("stdout:") && text.len() < 500, "{text}");
    }
}
