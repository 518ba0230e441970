//! What a configuration says, key by key, and one configuration over another.

use std::time::Duration;

use meshsync_discovery::{OptOut, Selection};
use meshsync_model::Secrets;
use meshsync_model::wire::meshery::Fidelity;
use serde_json::{Value, json};

use super::{Config, ListenAddr, SinkUrl};

impl Config {
    /// What it says: keys and values as in a file, in order, passwords left out.
    pub fn entries(&self) -> Vec<(&'static str, Value)> {
        // Names every field, so that a new one cannot be forgotten here.
        let Self {
            source,
            sources,
            sinks,
            include,
            exclude,
            also,
            namespaces,
            namespace_labels,
            opt_out,
            depth,
            tiers,
            deep_hold,
            discovery_resource,
            meshsync_resource,
            events,
            secrets,
            meshery_wire,
            outbox_bytes,
            verify_interval,
            cluster_id,
            probes_addr,
            admin_addr,
            leader_elect,
            leader_lease,
            lists_max,
            requests_per_second,
            bytes_per_second,
            smooth_start,
        } = self;
        fn list<T: ToString>(list: &[T]) -> Option<Value> {
            let texts: Vec<String> = list.iter().map(ToString::to_string).collect();
            (!texts.is_empty()).then(|| json!(texts))
        }
        let addr = |addr: &Option<ListenAddr>| {
            let addr = addr.as_ref()?.addr();
            Some(json!(
                addr.map_or_else(|| "none".to_owned(), |addr| addr.to_string())
            ))
        };
        fn duration(of: Option<Duration>) -> Option<Value> {
            let it = jiff::SignedDuration::try_from(of?).ok()?;
            Some(json!(format!("{it:#}")))
        }
        let sinks: Vec<String> = sinks.iter().map(shown).collect();
        let entries = [
            ("adminAddr", addr(admin_addr)),
            ("also", list(also)),
            ("bytesPerSecond", bytes_per_second.map(|it| json!(it))),
            (
                "clusterId",
                cluster_id.as_ref().map(|id| json!(id.as_str())),
            ),
            ("deepHold", duration(*deep_hold)),
            ("depth", depth.map(|depth| json!(depth.as_str()))),
            (
                "discoveryResource",
                discovery_resource.as_ref().map(|it| json!(it.to_string())),
            ),
            ("events", events.map(|it| json!(it.as_str()))),
            ("exclude", list(exclude)),
            ("include", list(include)),
            (
                "leaderElect",
                leader_elect.as_ref().map(|it| json!(it.to_string())),
            ),
            ("leaderLease", duration(*leader_lease)),
            ("listsMax", lists_max.map(|it| json!(it))),
            (
                "mesheryWire",
                meshery_wire.map(|wire| json!(wire_name(wire))),
            ),
            (
                "meshsyncResource",
                meshsync_resource.map(|it| json!(it.as_str())),
            ),
            (
                "namespaceLabels",
                namespace_labels.as_ref().map(|it| json!(it.to_string())),
            ),
            ("namespaces", list(&namespaces.texts())),
            ("optOut", opt_out.map(|it| json!(OptOut::as_str(it)))),
            ("outboxBytes", outbox_bytes.map(|bytes| json!(bytes))),
            ("probesAddr", addr(probes_addr)),
            ("requestsPerSecond", requests_per_second.map(|it| json!(it))),
            ("secrets", secrets.map(|it| json!(secrets_name(it)))),
            ("sinks", list(&sinks)),
            ("smoothStart", duration(*smooth_start)),
            ("source", source.as_ref().map(|url| json!(url))),
            ("sources", list(sources)),
            ("tiers", list(tiers)),
            ("verifyInterval", duration(*verify_interval)),
        ];
        let said = entries.into_iter();
        said.filter_map(|(key, value)| Some((key, value?)))
            .collect()
    }

    /// This, and what it does not say from `lower`.
    #[must_use]
    pub fn over(self, lower: &Self) -> Self {
        fn list<T: Clone>(own: Vec<T>, lower: &[T]) -> Vec<T> {
            if own.is_empty() { lower.to_vec() } else { own }
        }
        // Whoever names one or several names all.
        let (source, sources) = if self.source_urls().is_empty() {
            (lower.source.clone(), lower.sources.clone())
        } else {
            (self.source, self.sources)
        };
        Self {
            source,
            sources,
            sinks: list(self.sinks, &lower.sinks),
            include: list(self.include, &lower.include),
            exclude: list(self.exclude, &lower.exclude),
            also: list(self.also, &lower.also),
            namespaces: if self.namespaces.is_all() {
                lower.namespaces.clone()
            } else {
                self.namespaces
            },
            namespace_labels: self
                .namespace_labels
                .or_else(|| lower.namespace_labels.clone()),
            opt_out: self.opt_out.or(lower.opt_out),
            depth: self.depth.or(lower.depth),
            tiers: list(self.tiers, &lower.tiers),
            deep_hold: self.deep_hold.or(lower.deep_hold),
            discovery_resource: (self.discovery_resource)
                .or_else(|| lower.discovery_resource.clone()),
            meshsync_resource: self.meshsync_resource.or(lower.meshsync_resource),
            events: self.events.or(lower.events),
            secrets: self.secrets.or(lower.secrets),
            meshery_wire: self.meshery_wire.or(lower.meshery_wire),
            outbox_bytes: self.outbox_bytes.or(lower.outbox_bytes),
            verify_interval: self.verify_interval.or(lower.verify_interval),
            cluster_id: self.cluster_id.or_else(|| lower.cluster_id.clone()),
            probes_addr: self.probes_addr.or(lower.probes_addr),
            admin_addr: self.admin_addr.or(lower.admin_addr),
            leader_elect: self.leader_elect.or_else(|| lower.leader_elect.clone()),
            leader_lease: self.leader_lease.or(lower.leader_lease),
            lists_max: self.lists_max.or(lower.lists_max),
            requests_per_second: self.requests_per_second.or(lower.requests_per_second),
            bytes_per_second: self.bytes_per_second.or(lower.bytes_per_second),
            smooth_start: self.smooth_start.or(lower.smooth_start),
        }
    }

    /// `base` with what this says of what is observed.
    pub fn select(&self, base: &Selection) -> Selection {
        let mut selection = base.clone();
        let lists = [
            (&self.include, &mut selection.include),
            (&self.exclude, &mut selection.exclude),
            (&self.also, &mut selection.also),
        ];
        for (said, list) in lists {
            if !said.is_empty() {
                list.clone_from(said);
            }
        }
        let labels = selection.namespaces.labels().cloned();
        if !self.namespaces.is_all() {
            selection.namespaces.clone_from(&self.namespaces);
        }
        if let Some(labels) = self.namespace_labels.clone().or(labels) {
            selection.namespaces = selection.namespaces.labelled(labels);
        }
        if !self.tiers.is_empty() {
            selection.depth.rules.clone_from(&self.tiers);
        }
        selection.depth.preset = self.depth.unwrap_or(selection.depth.preset);
        selection.opt_out = self.opt_out.unwrap_or(selection.opt_out);
        selection
    }
}

/// The sink as it names itself, which is without a password.
fn shown(url: &SinkUrl) -> String {
    crate::open_sink(url.as_str()).map_or_else(|_| "(redacted)".to_owned(), |sink| sink.name())
}

fn wire_name(wire: Fidelity) -> &'static str {
    match wire {
        Fidelity::Exact => "exact",
        Fidelity::Corrected => "corrected",
        Fidelity::Decoded => "decoded",
    }
}

fn secrets_name(secrets: Secrets) -> &'static str {
    match secrets {
        Secrets::Redacted => "redacted",
        Secrets::Plain => "plain",
    }
}
