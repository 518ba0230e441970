//! What is right and what is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use meshsync_fingerprint::{Catalog, Engine, State, Verdict, VersionStatus};
use meshsync_model::{Index, text::JsonStr};

use super::corpus::Labelled;

/// Counts over some files.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Products identified that are there, and that are not.
    pub(super) right: usize,
    pub(super) wrong: usize,
    /// Expected products that have a rule, and how many of them were identified.
    pub(super) expected: usize,
    pub(super) found: usize,
    pub(super) hard_expected: usize,
    pub(super) hard_found: usize,
    /// Files that state a version of what was identified in them.
    pub(super) versions: usize,
    pub(super) versions_right: usize,
    pub(super) versions_unknown: usize,
    /// Wrong ones where the index is, see `MISSTATED`.
    pub(super) versions_misstated: usize,
    pub(super) wrong_and_agreed: usize,
    /// Pairs of what is there and what was identified instead.
    pub(super) confused: BTreeMap<(String, String), usize>,
    /// Products that were not identified, and those of another version.
    pub(super) missed: BTreeMap<String, usize>,
    pub(super) misdated: BTreeMap<String, usize>,
    pub(super) notes: Vec<String>,
    /// Products of which several installations were found.
    pub(super) several: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.expected += other.expected;
        self.found += other.found;
        self.hard_expected += other.hard_expected;
        self.hard_found += other.hard_found;
        self.versions += other.versions;
        self.versions_right += other.versions_right;
        self.versions_unknown += other.versions_unknown;
        self.versions_misstated += other.versions_misstated;
        self.wrong_and_agreed += other.wrong_and_agreed;
        for (pair, count) in &other.confused {
            *self.confused.entry(pair.clone()).or_default() += count;
        }
        for (product, count) in &other.missed {
            *self.missed.entry(product.clone()).or_default() += count;
        }
        for (product, count) in &other.misdated {
            *self.misdated.entry(product.clone()).or_default() += count;
        }
        self.notes.extend(other.notes.iter().cloned());
        self.several.extend(other.several.iter().cloned());
    }
}

/// What the engine says of a manifest.
pub(super) fn verdicts(catalog: &Arc<Catalog>, file: &Labelled) -> Vec<Verdict> {
    let mut engine = Engine::new(Arc::clone(catalog));
    let mut index = Index::new();
    for raw in &file.objects {
        let Ok(object) = index.parse(raw.get().as_bytes()) else {
            continue;
        };
        let text = |name| Some(JsonStr::new(object.member(name)?)?.decode());
        let (Some(kind), Some(api_version)) = (text("kind"), text("apiVersion")) else {
            continue;
        };
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        engine.apply(group, &kind, &object);
    }
    engine.verdicts()
}

/// Compares what the engine says with what the index says.
pub(super) fn tally(catalog: &Catalog, file: &Labelled, verdicts: &[Verdict]) -> Tally {
    let mut tally = Tally::default();
    let identified: BTreeSet<&str> = verdicts
        .iter()
        .filter(|verdict| verdict.state == State::Identified)
        .map(|verdict| verdict.product.as_str())
        .collect();
    for &id in &identified {
        if is_there(catalog, file, id) {
            tally.right += 1;
        } else if file.product.starts_with("_multi-") {
            // The index of whole clusters is not complete; somebody has to look.
            tally.notes.push(format!(
                "{}: {id} is identified, and not in the index",
                file.path
            ));
        } else {
            tally.wrong += 1;
            let pair = (file.product.clone(), id.to_owned());
            *tally.confused.entry(pair).or_default() += 1;
            tally
                .notes
                .push(format!("{}: {id} is identified and not there", file.path));
        }
    }
    for &id in &identified {
        let own = verdicts
            .iter()
            .filter(|verdict| verdict.product == id && verdict.state == State::Identified);
        let names: Vec<String> = own
            .map(|verdict| {
                let namespace = verdict.namespace.as_deref().unwrap_or("-");
                format!("{namespace}/{}", verdict.instance)
            })
            .collect();
        if names.len() > 1 {
            tally
                .several
                .push(format!("{}: {id}: {}", file.path, names.join(" ")));
        }
    }
    for id in file.expected.iter().filter(|id| catalog.rule(id).is_some()) {
        let best = verdicts
            .iter()
            .filter(|verdict| verdict.product == *id)
            .map(|verdict| verdict.state)
            .max();
        let unverified = catalog.rule(id).is_some_and(|rule| rule.unverified);
        if file.is_api_only || unverified {
            if best.is_none() {
                tally
                    .notes
                    .push(format!("{}: {id} not seen at all (no recall)", file.path));
            }
            continue;
        }
        let found = usize::from(best == Some(State::Identified));
        tally.expected += 1;
        tally.found += found;
        if file.is_hard {
            tally.hard_expected += 1;
            tally.hard_found += found;
        }
        if found == 0 {
            *tally.missed.entry(id.clone()).or_default() += 1;
            let state = best.map_or("missed", State::as_str);
            let rivals: Vec<&str> = verdicts
                .iter()
                .filter(|verdict| verdict.product == *id)
                .flat_map(|verdict| verdict.alternatives.iter().map(String::as_str))
                .collect();
            let rivals = if rivals.is_empty() {
                String::new()
            } else {
                format!(", or {}", rivals.join(", "))
            };
            tally
                .notes
                .push(format!("{}: {id} {state}{rivals}", file.path));
        }
    }
    version(file, verdicts, &mut tally);
    tally
}

/// A bundle is there with all that it contains, and the other way round.
fn is_there(catalog: &Catalog, file: &Labelled, id: &str) -> bool {
    file.allowed.contains(id)
        || file
            .allowed
            .iter()
            .filter_map(|there| catalog.rule(there))
            .any(|rule| rule.bundle && rule.relations.contains.iter().any(|part| part == id))
}

fn version(file: &Labelled, verdicts: &[Verdict], tally: &mut Tally) {
    let Some(truth) = &file.version else { return };
    let product = verdicts
        .iter()
        .find(|verdict| verdict.product == file.product && verdict.state == State::Identified);
    let Some(verdict) = product else { return };
    let truth = plain(truth);
    tally.versions += 1;
    let found = verdict.version.as_deref().map(plain);
    if found.is_some_and(|version| version == truth || is_more_exact(version, truth)) {
        tally.versions_right += 1;
        return;
    }
    let status = verdict.version_status.as_str();
    let mut note = match found {
        None => format!("{}: version unknown instead of {truth}", file.path),
        Some(version) => format!(
            "{}: version {version} ({status}) instead of {truth}",
            file.path
        ),
    };
    if let Some(why) = file.misstated {
        tally.versions_misstated += 1;
        note = format!("{note}: {why}");
    } else {
        *tally.misdated.entry(file.product.clone()).or_default() += 1;
        tally.versions_unknown += usize::from(found.is_none());
        let agreed = verdict.version_status == VersionStatus::Agreed;
        tally.wrong_and_agreed += usize::from(agreed && found.is_some());
    }
    tally.notes.push(note);
}

/// Where the index has no more than the name of a line of releases (`1.22`), a release of it
/// is right.
fn is_more_exact(version: &str, truth: &str) -> bool {
    truth.split('.').count() == 2
        && version
            .strip_prefix(truth)
            .is_some_and(|rest| rest.starts_with('.'))
}

/// Without what is only packaging: the index takes versions from tags.
fn plain(version: &str) -> &str {
    version.strip_prefix('v').unwrap_or(version)
}
