//! From a document to a configuration, or to what is wrong with it.

use std::fmt::Display;
use std::time::Duration;

use jiff::SignedDuration;
use meshsync_discovery::NamespaceSelection;
use meshsync_model::wire::meshery::Fidelity;
use meshsync_model::{ClusterId, Secrets};
use serde_saphyr::Spanned;

use super::document::{Node, Place, Problem, place};
use super::{Config, ListenAddr, SinkUrl};
use crate::builder::MeshSync;
use crate::leader::{LeaderElection, LeaderLock};
use crate::source::SourceUrl;

pub(super) const KEYS: &[&str] = &[
    "adminAddr",
    "also",
    "bytesPerSecond",
    "clusterId",
    "deepHold",
    "depth",
    "discoveryResource",
    "events",
    "exclude",
    "include",
    "leaderElect",
    "leaderLease",
    "listsMax",
    "mesheryWire",
    "meshsyncResource",
    "namespaceLabels",
    "namespaces",
    "optOut",
    "outboxBytes",
    "probesAddr",
    "requestsPerSecond",
    "secrets",
    "sinks",
    "smoothStart",
    "source",
    "sources",
    "tiers",
    "verifyInterval",
];

/// What can change while running: what is observed.
pub(super) const LIVE: &[&str] = &[
    "also",
    "depth",
    "exclude",
    "include",
    "namespaceLabels",
    "namespaces",
    "optOut",
    "tiers",
];

/// How many letters a key may be off to be taken for a slip.
const SLIPS_MAX: usize = 2;

pub(super) fn resolve(document: Spanned<Node>) -> (Config, Vec<Problem>) {
    let mut resolver = Resolver::default();
    let at = place(&document);
    match document.value {
        Node::Null => {}
        Node::Map(entries) => resolver.entries(entries),
        other => resolver.problem(
            at,
            format!(
                "a configuration is a mapping such as `sinks: [...]`, this is {}",
                other.name()
            ),
        ),
    }
    (resolver.config, resolver.problems)
}

/// Whether the value of a key is a list.
pub(super) fn is_list(key: &str) -> bool {
    matches!(
        key,
        "also" | "exclude" | "include" | "namespaces" | "sinks" | "sources" | "tiers"
    )
}

/// Whether the value of a key is a number.
pub(super) fn is_number(key: &str) -> bool {
    matches!(
        key,
        "bytesPerSecond" | "listsMax" | "outboxBytes" | "requestsPerSecond"
    )
}

/// A configuration with one more key, and what is wrong with its value.
pub(super) fn entry(config: Config, key: &str, value: &Spanned<Node>) -> (Config, Vec<Problem>) {
    let mut resolver = Resolver {
        config,
        problems: Vec::new(),
    };
    let at = value.referenced;
    resolver.entry(&Spanned::new(key.to_owned(), at, at), value);
    (resolver.config, resolver.problems)
}

#[derive(Default)]
struct Resolver {
    config: Config,
    problems: Vec<Problem>,
}

impl Resolver {
    fn problem(&mut self, place: Place, message: impl Display) {
        self.problems.push(Problem {
            place,
            message: message.to_string(),
        });
    }

    fn entries(&mut self, entries: Vec<(Spanned<String>, Spanned<Node>)>) {
        let mut seen: Vec<String> = Vec::new();
        for (key, value) in entries {
            if seen.contains(&key.value) {
                let message = format!("{:?} is given twice: keep one", key.value);
                self.problem(place(&key), message);
                continue;
            }
            let is_second = |other: &str| seen.iter().any(|seen| seen == other);
            if key.value == "source" && is_second("sources")
                || key.value == "sources" && is_second("source")
            {
                let message = "source and sources are both given: keep sources, with all of them";
                self.problem(place(&key), message);
                continue;
            }
            self.entry(&key, &value);
            seen.push(key.value);
        }
    }

    fn entry(&mut self, key: &Spanned<String>, value: &Spanned<Node>) {
        match key.value.as_str() {
            "source" => {
                self.config.source = self.text(value, |url| {
                    SourceUrl::parse(url).map(|_source| url.to_owned())
                });
            }
            "sources" => {
                self.config.sources = self.list(value, |url| {
                    SourceUrl::parse(url).map(|_source| url.to_owned())
                });
            }
            "sinks" => {
                self.config.sinks = self.list(value, |url| {
                    crate::open_sink(url).map(|_sink| SinkUrl(url.to_owned()))
                });
            }
            "include" => self.config.include = self.list(value, str::parse),
            "exclude" => self.config.exclude = self.list(value, str::parse),
            "also" => self.config.also = self.list(value, str::parse),
            "namespaces" => self.namespaces(value),
            "namespaceLabels" => self.config.namespace_labels = self.text(value, str::parse),
            "optOut" => self.config.opt_out = self.text(value, str::parse),
            "depth" => self.config.depth = self.text(value, str::parse),
            "tiers" => self.config.tiers = self.list(value, str::parse),
            "deepHold" => self.config.deep_hold = self.text(value, duration),
            "discoveryResource" => {
                self.config.discovery_resource = self.text(value, str::parse);
            }
            "meshsyncResource" => self.config.meshsync_resource = self.text(value, str::parse),
            "events" => self.config.events = self.text(value, str::parse),
            "secrets" => self.config.secrets = self.text(value, secrets),
            "mesheryWire" => self.config.meshery_wire = self.text(value, meshery_wire),
            "outboxBytes" => self.config.outbox_bytes = self.bytes(value),
            "verifyInterval" => self.config.verify_interval = self.text(value, verify_interval),
            "listsMax" => {
                let number = self.number(value, "lists at once");
                self.config.lists_max = number.and_then(|number| number.try_into().ok());
            }
            "requestsPerSecond" => {
                self.config.requests_per_second = self.number(value, "requests a second");
            }
            "bytesPerSecond" => {
                self.config.bytes_per_second = self.number(value, "bytes a second");
            }
            "smoothStart" => self.config.smooth_start = self.text(value, smooth_start),
            "leaderElect" => self.config.leader_elect = self.text(value, str::parse),
            "leaderLease" => self.config.leader_lease = self.text(value, leader_lease),
            "clusterId" => {
                self.config.cluster_id = self.text(value, |id| {
                    ClusterId::new(id).ok_or("it is empty: give the cluster a name")
                });
            }
            "probesAddr" => self.config.probes_addr = self.text(value, str::parse::<ListenAddr>),
            "adminAddr" => self.config.admin_addr = self.text(value, str::parse::<ListenAddr>),
            unknown => self.problem(place(key), unknown_key(unknown)),
        }
    }

    fn text<T, E: Display>(
        &mut self,
        value: &Spanned<Node>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let message = match &value.value {
            Node::Text(text) => match parse(text) {
                Ok(value) => return Some(value),
                Err(error) => error.to_string(),
            },
            Node::Number(_) | Node::Bool => {
                format!(
                    "expected text, found {}: put it in quotes",
                    value.value.name()
                )
            }
            // `- stdout:` is a mapping in YAML.
            Node::Map(entries) if entries.len() == 1 => format!(
                "expected text, found a mapping: put it in quotes, as '{}:'",
                entries[0].0.value
            ),
            other => format!("expected text, found {}", other.name()),
        };
        self.problem(place(value), message);
        None
    }

    fn list<T, E: Display>(
        &mut self,
        value: &Spanned<Node>,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Vec<T> {
        match &value.value {
            Node::List(items) => items
                .iter()
                .filter_map(|item| self.text(item, &parse))
                .collect(),
            other => {
                let message = format!(
                    "expected a list, found {}: write one entry a line, each after `- `",
                    other.name()
                );
                self.problem(place(value), message);
                Vec::new()
            }
        }
    }

    fn namespaces(&mut self, value: &Spanned<Node>) {
        let names = self.list(value, |name| {
            NamespaceSelection::only([name]).map(|_valid| name.to_owned())
        });
        // Each was found valid.
        self.config.namespaces = NamespaceSelection::only(names).unwrap_or_default();
    }

    /// A whole number of something, at least one.
    fn number(&mut self, value: &Spanned<Node>, what: &str) -> Option<u64> {
        match value.value {
            Node::Number(Some(number)) if number > 0 => Some(number),
            _ => {
                let found = value.value.name();
                let message =
                    format!("expected a whole number of {what}, at least 1, found {found}");
                self.problem(place(value), message);
                None
            }
        }
    }

    fn bytes(&mut self, value: &Spanned<Node>) -> Option<usize> {
        let bytes = match value.value {
            Node::Number(Some(bytes)) => usize::try_from(bytes).ok(),
            _ => None,
        };
        let Some(bytes) = bytes else {
            let message = format!(
                "expected a whole number of bytes such as 8388608, found {}",
                value.value.name()
            );
            self.problem(place(value), message);
            return None;
        };
        // The builder knows what is enough.
        match MeshSync::builder().outbox_bytes(bytes).build() {
            Ok(_) => Some(bytes),
            Err(error) => {
                self.problem(place(value), error);
                None
            }
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    const FORMS: &str = "write a duration such as 15s, 10m or 1h30m";
    let duration: SignedDuration = text.parse().map_err(|_| FORMS.to_owned())?;
    Duration::try_from(duration).map_err(|_| FORMS.to_owned())
}

fn leader_lease(text: &str) -> Result<Duration, String> {
    let lock = LeaderLock::Lease {
        namespace: None,
        name: String::new(),
    };
    let mut election = LeaderElection::new(lock, "");
    election.lasts = duration(text)?;
    // The builder knows what is too short.
    match MeshSync::builder()
        .leader_election(election.clone())
        .build()
    {
        Ok(_) => Ok(election.lasts),
        Err(error) => Err(error.to_string()),
    }
}

fn verify_interval(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    // The builder knows what is too often.
    match MeshSync::builder().verify_interval(duration).build() {
        Ok(_) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

fn smooth_start(text: &str) -> Result<Duration, String> {
    const FORMS: &str = "write a duration such as 500ms, 30s or 2m";
    let duration: SignedDuration = text.parse().map_err(|_| FORMS.to_owned())?;
    Duration::try_from(duration).map_err(|_| FORMS.to_owned())
}

fn secrets(text: &str) -> Result<Secrets, String> {
    match text {
        "redacted" => Ok(Secrets::Redacted),
        "plain" => Ok(Secrets::Plain),
        _ => Err(format!("{text:?} is neither redacted nor plain")),
    }
}

fn meshery_wire(text: &str) -> Result<Fidelity, String> {
    match text {
        "corrected" => Ok(Fidelity::Corrected),
        "exact" => Ok(Fidelity::Exact),
        "decoded" => Ok(Fidelity::Decoded),
        _ => Err(format!("{text:?} is none of corrected, exact, decoded")),
    }
}

fn unknown_key(key: &str) -> String {
    let plain = |text: &str| text.replace(['_', '-'], "").to_lowercase();
    let nearest = KEYS
        .iter()
        .map(|known| (distance(&plain(key), &plain(known)), known))
        .min()
        .filter(|(slips, _)| *slips <= SLIPS_MAX);
    match nearest {
        Some((_, known)) => format!("unknown key {key:?}: did you mean {known:?}?"),
        None => format!("unknown key {key:?}: known are {}", KEYS.join(", ")),
    }
}

/// How many letters must be added, removed or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
