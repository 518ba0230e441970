//! From the objects that speak for a product to its installations.

use std::collections::{BTreeMap, BTreeSet};

use meshsync_model::Object;

use super::record::{Claim, ObjectId, Record, Standing};
use super::resolve::is_anchored;
use super::scan::Controller;
use super::stated::source;
use super::subject::Subject;
use super::verdict::{
    ComponentSeen, Proof, ProxySeen, Seen, SourceSeen, State, Verdict, VersionStatus, Versions,
};
use super::version::{clean, settle};
use crate::catalog::{Catalog, EvidenceKind, KINDS, Role, TOP};
use crate::image::Image;
use crate::rule::{Instances, Rule, VersionOf};

/// What all kinds together must add up to for `identified`.
const IDENTIFIED_SCORE: u16 = 8;
/// How far the strongest rival must be behind.
const MARGIN: i16 = 3;
/// What makes a verdict at all.
const PROBABLE_SCORE: u16 = 5;
/// What it counts that something a bundle contains is there.
const MEMBER_WEIGHT: u8 = 3;
/// How many items of evidence a verdict repeats.
const PROOFS_MAX: usize = 16;

/// An object that speaks for the product at hand.
#[derive(Clone, Copy)]
pub(crate) struct Known<'k> {
    pub(crate) id: &'k ObjectId,
    pub(crate) record: &'k Record,
    pub(crate) claim: &'k Claim,
}

/// What an object is a part of: what controls it, else its release.
pub(crate) fn release(
    subject: Subject,
    kind: &str,
    object: &Object<'_>,
    owner: Option<&Controller>,
) -> String {
    // What an operator runs for a resource belongs to it.
    if subject == Subject::Custom {
        return format!("{kind}/{}", object.name());
    }
    if let Some(owner) = owner
        && owner.group.contains('.')
    {
        return format!("{}/{}", owner.kind, owner.name);
    }
    let annotation = object
        .annotations()
        .find(|(key, _)| key == "meta.helm.sh/release-name");
    if let Some((_, name)) = annotation {
        return name.into_owned();
    }
    for wanted in ["app.kubernetes.io/instance", "release"] {
        if let Some((_, name)) = object.labels().find(|(key, _)| key == wanted) {
            return name.into_owned();
        }
    }
    String::new()
}

/// A product that was found, as bundles look for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    product: String,
    namespace: String,
    root: Seen,
}

impl Part {
    pub(crate) fn of(verdict: &Verdict) -> Option<Self> {
        if verdict.state < State::Identified {
            return None;
        }
        Some(Self {
            product: verdict.product.clone(),
            namespace: verdict.namespace.clone().unwrap_or_default(),
            root: verdict.components.first()?.object.clone(),
        })
    }
}

/// The installations of one product. `parts` are the products that a bundle may
/// contain.
pub(crate) fn verdicts_of(
    catalog: &Catalog,
    rule: u16,
    known: &[Known<'_>],
    parts: &[Part],
) -> Vec<Verdict> {
    let of = catalog.rule_at(rule);
    let is_part = |known: &&Known<'_>| known.claim.standing == Standing::Member;
    let mut groups: BTreeMap<(String, String), Vec<Known<'_>>> = BTreeMap::new();
    for &part in known.iter().filter(is_part) {
        groups.entry(group_key(of, part)).or_default().push(part);
    }
    if of.instances == Instances::Release {
        merge_unnamed(&mut groups);
    }
    if groups.is_empty() {
        return alone(catalog, of, known).into_iter().collect();
    }
    let keys: Vec<(String, String)> = groups.keys().cloned().collect();
    for &witness in known.iter().filter(|known| !is_part(known)) {
        for key in &keys {
            if concerns(of, witness, key, &keys)
                && let Some(group) = groups.get_mut(key)
            {
                group.push(witness);
            }
        }
    }
    groups
        .into_iter()
        .filter_map(|(key, group)| verdict(catalog, of, &key, &group, parts))
        .collect()
}

fn group_key(rule: &Rule, part: Known<'_>) -> (String, String) {
    let namespace = part.id.namespace.to_string();
    match rule.instances {
        Instances::Cluster => (String::new(), String::new()),
        Instances::Namespace => (namespace, String::new()),
        Instances::Release => (namespace, part.record.release.to_string()),
        Instances::Workload => {
            let own = if part.record.release.is_empty() {
                part.id.name.to_string()
            } else {
                part.record.release.to_string()
            };
            (namespace, own)
        }
    }
}

/// Workloads that name no release belong to the only one that is there.
fn merge_unnamed(groups: &mut BTreeMap<(String, String), Vec<Known<'_>>>) {
    let unnamed: Vec<(String, String)> = groups
        .keys()
        .filter(|(_, release)| release.is_empty())
        .cloned()
        .collect();
    for key in unnamed {
        let mut named = groups
            .keys()
            .filter(|(namespace, release)| *namespace == key.0 && !release.is_empty())
            .cloned();
        if let (Some(only), None) = (named.next(), named.next())
            && let Some(parts) = groups.remove(&key)
        {
            groups.entry(only).or_default().extend(parts);
        }
    }
}

/// Whether what an object says is about the installation of that key.
fn concerns(
    rule: &Rule,
    witness: Known<'_>,
    key: &(String, String),
    keys: &[(String, String)],
) -> bool {
    let (namespace, release) = key;
    if rule.instances == Instances::Cluster || witness.claim.standing == Standing::Proxy {
        return true;
    }
    if witness.id.namespace.is_empty() {
        let called = &witness.record.services;
        let called_here = |namespace: &str| {
            called
                .iter()
                .any(|service| service.split('/').next() == Some(namespace))
        };
        let elsewhere = keys.iter().any(|(other, _)| called_here(other));
        return called.is_empty() || !elsewhere || called_here(namespace);
    }
    let same_namespace = *witness.id.namespace == **namespace;
    let own = &*witness.record.release;
    let known_release = keys
        .iter()
        .any(|(other, release)| other == namespace && release == own);
    same_namespace && (own.is_empty() || own == release || !known_release)
}

/// What is left where no workload was seen: the API alone.
fn alone(catalog: &Catalog, rule: &Rule, known: &[Known<'_>]) -> Option<Verdict> {
    let api = known.iter().any(|known| {
        known.claim.hits.iter().any(|hit| {
            let item = catalog.item(hit.item);
            item.is_crd && item.role == Role::Anchor
        })
    });
    let proxies = known
        .iter()
        .any(|known| known.claim.standing == Standing::Proxy);
    if !api && !proxies {
        return None;
    }
    let mut verdict = assemble(catalog, rule, &(String::new(), String::new()), known);
    verdict.state = if api { State::ApiOnly } else { State::Probable };
    Some(verdict)
}

fn verdict(
    catalog: &Catalog,
    rule: &Rule,
    key: &(String, String),
    group: &[Known<'_>],
    parts: &[Part],
) -> Option<Verdict> {
    let (mut score, mut kinds, anchored) = strength(catalog, group);
    let inside: Vec<&Part> = parts
        .iter()
        .filter(|part| rule.bundle && rule.relations.contains.contains(&part.product))
        .filter(|part| {
            rule.instances == Instances::Cluster || part.namespace == key.0 || key.0.is_empty()
        })
        .collect();
    if !inside.is_empty() {
        score += u16::from(MEMBER_WEIGHT);
        kinds += 1;
    }
    let rival = group
        .iter()
        .filter(|known| known.claim.standing == Standing::Member)
        .max_by_key(|known| (known.claim.score, std::cmp::Reverse(known.id)))
        .and_then(|known| known.claim.rival);
    let margin = rival.map_or(i16::MAX, |(_, behind)| behind);
    if score < PROBABLE_SCORE && !anchored {
        return None;
    }
    let mut verdict = assemble(catalog, rule, key, group);
    verdict.confidence = confidence(score, rival.map(|(_, behind)| behind));
    for part in inside
        .into_iter()
        .take(PROOFS_MAX - verdict.evidence.len().min(PROOFS_MAX - 1))
    {
        verdict.evidence.push(Proof {
            kind: EvidenceKind::Member,
            value: part.product.clone(),
            weight: MEMBER_WEIGHT,
            anchor: false,
            object: part.root.clone(),
        });
    }
    // Whoever makes a backup has the image and the name of what it is of.
    let runs = group.iter().any(|known| {
        known.claim.standing == Standing::Member && !matches!(&*known.id.kind, "Job" | "CronJob")
    });
    let sure = anchored && kinds >= 2 && score >= IDENTIFIED_SCORE && !rule.unverified && runs;
    verdict.state = match (sure, margin >= MARGIN) {
        (true, true) => State::Identified,
        (true, false) => State::Ambiguous,
        (false, _) => State::Probable,
    };
    if margin < MARGIN
        && let Some((rival, _)) = rival
    {
        verdict.alternatives.push(catalog.rule_at(rival).id.clone());
    }
    Some(verdict)
}

/// Added up over kinds, how many kinds, and whether there is an anchor.
fn strength(catalog: &Catalog, group: &[Known<'_>]) -> (u16, usize, bool) {
    let mut best = [0_u8; KINDS];
    let mut anchored = false;
    for known in group
        .iter()
        .filter(|known| known.claim.standing != Standing::Proxy)
    {
        anchored |= is_anchored(catalog, &known.claim.hits);
        for hit in &known.claim.hits {
            let item = catalog.item(hit.item);
            if item.role == Role::Exclude {
                continue;
            }
            let of = &mut best[item.kind as usize];
            *of = hit.weight.max(*of);
        }
    }
    let score = best.iter().map(|&weight| u16::from(weight)).sum();
    // A port or the like is no kind of evidence to count on.
    let kinds = best.iter().filter(|&&weight| weight >= 2).count();
    (score, kinds, anchored)
}

fn assemble(
    catalog: &Catalog,
    rule: &Rule,
    (namespace, release): &(String, String),
    group: &[Known<'_>],
) -> Verdict {
    let mut members: Vec<&Known<'_>> = group
        .iter()
        .filter(|known| known.claim.standing == Standing::Member)
        .collect();
    members.sort_by_key(|known| {
        (
            known.claim.component == TOP,
            known.claim.component,
            known.id,
        )
    });
    let root = members.first().copied().or_else(|| group.first());
    let namespace = match root {
        Some(root) if namespace.is_empty() => root.id.namespace.to_string(),
        _ => namespace.clone(),
    };
    let instance = match root {
        _ if !release.is_empty() => release.clone(),
        Some(root) if !members.is_empty() => root.id.name.to_string(),
        _ => rule.id.clone(),
    };
    let (score, _, _) = strength(catalog, group);
    let behind = members
        .iter()
        .filter_map(|known| known.claim.rival)
        .map(|(_, behind)| behind)
        .min();
    let versions = versions(rule, group);
    let main = versions.controller.as_ref();
    let edition = members
        .iter()
        .filter_map(|known| known.claim.edition)
        .min()
        .and_then(|at| rule.editions.get(usize::from(at)))
        .map(|edition| edition.id.clone())
        .or_else(|| root.and_then(|root| distribution(catalog, root.claim)));
    let mut config = BTreeMap::new();
    for known in group {
        for (at, value) in &known.claim.facts {
            if let Some(fact) = rule.config.get(usize::from(*at)) {
                config
                    .entry(fact.key.clone())
                    .or_insert_with(|| value.clone());
            }
        }
    }
    Verdict {
        product: rule.id.clone(),
        name: rule.name.clone(),
        category: rule.category.clone(),
        state: State::Probable,
        version: main.and_then(|seen| seen.version.clone()),
        version_status: main.map_or(VersionStatus::Unknown, |seen| seen.status),
        versions,
        edition,
        namespace: (!namespace.is_empty()).then_some(namespace),
        instance,
        confidence: confidence(score, behind),
        components: members.iter().map(|known| component(rule, known)).collect(),
        evidence: proofs(catalog, group),
        config,
        models: rule.models.clone(),
        part_of: Vec::new(),
        contains: Vec::new(),
        managed_by: Vec::new(),
        conflicts: Vec::new(),
        alternatives: Vec::new(),
        crds: group
            .iter()
            .filter(|known| {
                known
                    .claim
                    .hits
                    .iter()
                    .any(|hit| catalog.item(hit.item).is_crd)
            })
            .map(|known| known.id.name.to_string())
            .collect(),
    }
}

/// How likely a verdict of that strength is right; two decimals.
fn confidence(score: u16, behind: Option<i16>) -> f64 {
    let ahead = behind.map_or_else(|| f64::from(score), |behind| f64::from(behind) + 2.0);
    let strength = ahead.min(f64::from(score)) - 4.0;
    let likely = 1.0 / (1.0 + (-strength / 1.5).exp());
    (likely * 100.0).round() / 100.0
}

fn seen(known: &Known<'_>) -> Seen {
    Seen {
        kind: known.id.kind.to_string(),
        namespace: (!known.id.namespace.is_empty()).then(|| known.id.namespace.to_string()),
        name: known.id.name.to_string(),
        uid: known.record.uid.to_string(),
    }
}

fn component(rule: &Rule, known: &Known<'_>) -> ComponentSeen {
    let part = rule.components.get(usize::from(known.claim.component));
    let image = known.claim.image.as_deref();
    ComponentSeen {
        id: part.map_or_else(|| rule.id.clone(), |part| part.id.clone()),
        object: seen(known),
        image: image.map(str::to_owned),
        version: image.and_then(|image| clean(Image::parse(image).tag?)),
    }
}

/// The best of each kind first, then what else there is, as far as there is room.
fn proofs(catalog: &Catalog, group: &[Known<'_>]) -> Vec<Proof> {
    let mut all: Vec<Proof> = Vec::new();
    for known in group
        .iter()
        .filter(|known| known.claim.standing != Standing::Proxy)
    {
        push_proofs(catalog, *known, &mut all);
    }
    sort_proofs(&mut all);
    let mut kinds = BTreeSet::new();
    let (first, rest): (Vec<Proof>, Vec<Proof>) =
        all.into_iter().partition(|proof| kinds.insert(proof.kind));
    first.into_iter().chain(rest).take(PROOFS_MAX).collect()
}

/// What one object says.
pub(crate) fn push_proofs(catalog: &Catalog, known: Known<'_>, all: &mut Vec<Proof>) {
    for hit in &known.claim.hits {
        let item = catalog.item(hit.item);
        if item.role == Role::Exclude {
            continue;
        }
        all.push(Proof {
            kind: item.kind,
            value: hit.value.to_string(),
            weight: hit.weight,
            anchor: item.role == Role::Anchor,
            object: seen(&known),
        });
    }
}

/// Strongest first, each once.
pub(crate) fn sort_proofs(all: &mut Vec<Proof>) {
    all.sort_by(|a, b| {
        (b.weight, b.anchor, a.kind, &a.object, &a.value)
            .cmp(&(a.weight, a.anchor, b.kind, &b.object, &b.value))
    });
    all.dedup_by(|a, b| a.kind == b.kind && a.value == b.value && a.object == b.object);
}

fn versions(rule: &Rule, group: &[Known<'_>]) -> Versions {
    let collect = |of: VersionOf| {
        let mut found: Vec<(u8, SourceSeen)> = Vec::new();
        for known in group
            .iter()
            .filter(|known| known.claim.standing != Standing::Proxy)
        {
            for (at, value) in &known.claim.stated {
                let Some(source) = source(rule, *at).filter(|source| source.of == of) else {
                    continue;
                };
                let from = serde_json::to_value(source.from).unwrap_or_default();
                found.push((
                    *at,
                    SourceSeen {
                        from: from.as_str().unwrap_or_default().to_owned(),
                        value: value.clone(),
                        version: clean(value),
                        object: seen(known),
                    },
                ));
            }
        }
        found.sort_by(|(a_at, a), (b_at, b)| (a_at, &a.object).cmp(&(b_at, &b.object)));
        settle(found.into_iter().map(|(_, source)| source).collect())
    };
    let controller = collect(VersionOf::Controller);
    let proxies = proxies(group);
    let main = controller.as_ref().and_then(|seen| seen.version.as_deref());
    let other = main.is_some_and(|main| {
        proxies
            .iter()
            .filter_map(|proxy| proxy.version.as_deref())
            .any(|version| !super::version::agree(main, version))
    });
    let unnamed = proxies.iter().filter(|proxy| proxy.version.is_none());
    let skew = other || unnamed.count() > 1;
    Versions {
        controller,
        workload: collect(VersionOf::Workload),
        api: collect(VersionOf::Api),
        proxies,
        skew,
    }
}

fn proxies(group: &[Known<'_>]) -> Vec<ProxySeen> {
    let carriers = |pods: bool| {
        group.iter().filter(move |known| {
            known.claim.standing == Standing::Proxy && (&*known.id.kind == "Pod") == pods
        })
    };
    let pods = carriers(true).next().is_some();
    let mut counts: BTreeMap<(Option<String>, Option<String>), usize> = BTreeMap::new();
    for known in carriers(pods) {
        let image = known.claim.image.as_deref().map(Image::parse);
        let version = image.and_then(|image| clean(image.tag?));
        // The node says what runs; else the reference may be pinned.
        let digest = match (&version, &known.claim.digest) {
            (Some(_), _) => None,
            (None, Some(digest)) => Some(digest.to_string()),
            (None, None) => image.and_then(|image| image.digest.map(str::to_owned)),
        };
        *counts.entry((version, digest)).or_default() += 1;
    }
    let mut proxies: Vec<ProxySeen> = counts
        .into_iter()
        .map(|((version, digest), count)| ProxySeen {
            version,
            digest,
            count,
        })
        .collect();
    proxies.sort_by(|a, b| (b.count, &a.version, &a.digest).cmp(&(a.count, &b.version, &b.digest)));
    proxies
}

/// Who built the image, as far as its repository says.
fn distribution(catalog: &Catalog, claim: &Claim) -> Option<String> {
    let image = Image::parse(claim.image.as_deref()?);
    let registry = image.registry.unwrap_or("docker.io");
    let from =
        |start: &str| image.path.starts_with(start) || image.path.contains(&format!("/{start}"));
    let by = if from("bitnami/") || from("bitnamilegacy/") || from("bitnamisecure/") {
        "bitnami"
    } else if registry.ends_with("redhat.io") || registry.ends_with("redhat.com") {
        "red-hat"
    } else if from("rancher/") {
        "rancher"
    } else if registry == "cgr.dev" {
        "chainguard"
    } else if from("eks/") || from("eks-distro/") {
        "aws"
    } else if registry == "gke.gcr.io" || from("gke-release/") {
        "google"
    } else if registry == "mcr.microsoft.com" {
        "microsoft"
    } else {
        let own = claim.hits.iter().any(|hit| {
            let item = catalog.item(hit.item);
            item.kind == EvidenceKind::Image && item.role == Role::Anchor
        });
        return own.then(|| "upstream".to_owned());
    };
    Some(by.to_owned())
}
