//! Versions, configuration and editions that one object states.

use std::sync::OnceLock;

use meshsync_model::Object;
use meshsync_model::text::{ElementIter, JsonStr, MemberIter, member_of};

use super::record::{Claim, Standing};
use super::scan::{Reading, WHOLE, chart_name, chart_version};
use super::subject::Subject;
use crate::catalog::{Catalog, EvidenceKind, TOP};
use crate::image::Image;
use crate::rule::{ConfigFact, Edition, Rule, VersionFrom, VersionSource};

/// How much of a value is kept.
const VALUE_BYTES_MAX: usize = 256;
/// How much of a ConfigMap's datum is searched for a version.
const DATUM_BYTES_MAX: usize = 64 << 10;

/// The sources of a rule that names none.
fn usual_sources() -> &'static [VersionSource] {
    static USUAL: OnceLock<[VersionSource; 2]> = OnceLock::new();
    USUAL.get_or_init(|| {
        let label = VersionSource {
            from: VersionFrom::Label,
            key: Some("app.kubernetes.io/version".to_owned()),
            ..VersionSource::default()
        };
        [VersionSource::default(), label]
    })
}

/// The sources of a rule, in order.
pub(crate) fn sources(rule: &Rule) -> &[VersionSource] {
    match (rule.version.is_empty(), rule.bundle) {
        // The tags in it are of what it contains.
        (true, true) => &[],
        (true, false) => usual_sources(),
        (false, _) => &rule.version,
    }
}

/// The number of the source that each rule has last: what the chart of a release says.
pub(crate) const RELEASE_SOURCE: u8 = u8::MAX;

/// A source by its number.
pub(crate) fn source(rule: &Rule, at: u8) -> Option<&VersionSource> {
    static RELEASE: OnceLock<VersionSource> = OnceLock::new();
    if at == RELEASE_SOURCE {
        return Some(RELEASE.get_or_init(|| VersionSource {
            from: VersionFrom::AppVersion,
            ..VersionSource::default()
        }));
    }
    sources(rule).get(usize::from(at))
}

/// What is known of the object at hand.
pub(crate) struct View<'v, 'a> {
    pub(crate) subject: Subject,
    pub(crate) group: &'v str,
    pub(crate) kind: &'v str,
    pub(crate) object: &'v Object<'a>,
    pub(crate) reading: &'v Reading<'a>,
}

/// Adds to a claim what the object states for its rule.
pub(crate) fn fill(catalog: &Catalog, claim: &mut Claim, view: &View<'_, '_>) {
    let rule = catalog.rule_at(claim.rule);
    let container = container_of(catalog, claim, view);
    let container = container.and_then(|at| view.reading.containers.get(at));
    claim.image = container
        .map(|container| &*container.image)
        .filter(|image| !image.is_empty())
        .map(Into::into);
    claim.digest = container.and_then(|container| {
        let mut running = view.reading.running.iter();
        let (_, id) = running.find(|(name, _)| *name == container.name)?;
        Image::parse(id).digest.map(Into::into)
    });
    for (at, source) in sources(rule).iter().enumerate() {
        let Ok(at) = u8::try_from(at) else { break };
        if !speaks(rule, claim, source.component.as_deref()) {
            continue;
        }
        if let Some(value) = stated(catalog, claim, source, view)
            && let Some(value) = extracted(catalog, (claim.rule, at), source, &value)
        {
            claim.stated.push((at, value));
        }
    }
    if let Some(release) = &view.reading.release
        && !release.app_version.is_empty()
        && sources(rule)
            .iter()
            .all(|source| source.from != VersionFrom::AppVersion)
    {
        claim
            .stated
            .push((RELEASE_SOURCE, release.app_version.clone()));
    }
    for (at, fact) in rule.config.iter().enumerate() {
        let Ok(at) = u8::try_from(at) else { break };
        if fact.resource.is_none() && !speaks(rule, claim, fact.component.as_deref()) {
            continue;
        }
        if let Some(value) = configured(claim, fact, view) {
            claim.facts.push((at, value));
        }
    }
    let edition = rule
        .editions
        .iter()
        .position(|edition| shows(rule, claim, edition, view));
    claim.edition = edition.and_then(|at| u8::try_from(at).ok());
}

/// Whether the claim is one of the component that a source means.
fn speaks(rule: &Rule, claim: &Claim, component: Option<&str>) -> bool {
    if claim.standing != Standing::Member {
        return true;
    }
    match component {
        Some(id) => rule
            .components
            .get(usize::from(claim.component))
            .is_some_and(|part| part.id == id),
        None => claim.component == TOP || claim.component == 0,
    }
}

/// The container that the claim is about.
fn container_of(catalog: &Catalog, claim: &Claim, view: &View<'_, '_>) -> Option<usize> {
    let best = claim
        .hits
        .iter()
        .filter(|hit| hit.container != WHOLE)
        .max_by_key(|hit| {
            let item = catalog.item(hit.item);
            let is_image = item.kind == EvidenceKind::Image;
            (
                item.role,
                is_image,
                hit.weight,
                std::cmp::Reverse(hit.container),
            )
        });
    match best {
        Some(hit) => Some(usize::from(hit.container)),
        None if view.reading.containers.len() == 1 => Some(0),
        None => None,
    }
}

fn stated(
    catalog: &Catalog,
    claim: &Claim,
    source: &VersionSource,
    view: &View<'_, '_>,
) -> Option<String> {
    let is_member = claim.standing == Standing::Member;
    let key = source.key.as_deref().unwrap_or_default();
    let named = source.name.as_deref() == Some(view.object.name());
    match source.from {
        VersionFrom::Image if is_member && has_its_image(catalog, claim, view) => {
            Image::parse(claim.image.as_deref()?).tag.map(str::to_owned)
        }
        VersionFrom::Label if is_member && is_its_chart(catalog, claim, key, view) => {
            label(view, key)
        }
        VersionFrom::Annotation if is_member => annotation(view, key),
        VersionFrom::Chart if is_member => {
            let chart = label(view, "helm.sh/chart").or_else(|| label(view, "chart"))?;
            chart_version(&chart).map(str::to_owned)
        }
        VersionFrom::Chart => Some(view.reading.release.as_ref()?.version.clone()),
        VersionFrom::AppVersion => Some(view.reading.release.as_ref()?.app_version.clone()),
        VersionFrom::CrdLabel if view.subject == Subject::Crd && named => label(view, key),
        VersionFrom::CrdAnnotation if view.subject == Subject::Crd && named => {
            annotation(view, key)
        }
        VersionFrom::Csv if view.subject == Subject::Csv => {
            let spec = view.object.member("spec")?;
            text(member_of(spec, "version")?)
        }
        VersionFrom::Configmap if view.subject == Subject::ConfigMap && named => {
            let data = member_of(view.object.member("data")?, key)?;
            let data = JsonStr::new(data)?.decode();
            (data.len() <= DATUM_BYTES_MAX).then(|| data.into_owned())
        }
        VersionFrom::Arg if is_member => flag(view, key),
        VersionFrom::Field if source.name.as_deref() == Some(&resource(view)) => {
            field(view.object, key)
        }
        _ => None,
    }
}

/// Jobs that set a product up run `kubectl` and the like as well.
fn has_its_image(catalog: &Catalog, claim: &Claim, view: &View<'_, '_>) -> bool {
    !matches!(view.kind, "Job" | "CronJob")
        || claim
            .hits
            .iter()
            .any(|hit| hit.container != WHOLE && catalog.item(hit.item).kind == EvidenceKind::Image)
}

/// A chart labels all it installs with its own version, the database that it
/// brings along included.
fn is_its_chart(catalog: &Catalog, claim: &Claim, key: &str, view: &View<'_, '_>) -> bool {
    if key != "app.kubernetes.io/version" {
        return true;
    }
    let Some(chart) = label(view, "helm.sh/chart") else {
        return true;
    };
    let rule = catalog.rule_at(claim.rule);
    let mut charts = rule
        .components
        .iter()
        .flat_map(|part| part.anchors.iter().chain(&part.supports))
        .chain(&rule.anchors)
        .chain(&rule.supports)
        .flat_map(|block| &block.charts)
        .peekable();
    charts.peek().is_none() || charts.any(|known| known == chart_name(&chart))
}

fn extracted(
    catalog: &Catalog,
    (rule, at): (u16, u8),
    source: &VersionSource,
    value: &str,
) -> Option<String> {
    let found = match &source.pattern {
        None => value.trim(),
        Some(_) => catalog.pattern(rule, at)?.captures(value)?.get(1)?.as_str(),
    };
    (!found.is_empty() && found.len() <= VALUE_BYTES_MAX).then(|| found.to_owned())
}

fn configured(claim: &Claim, fact: &ConfigFact, view: &View<'_, '_>) -> Option<String> {
    let is_member = claim.standing == Standing::Member;
    let value = match fact {
        ConfigFact {
            arg: Some(name), ..
        } if is_member => flag(view, name),
        ConfigFact {
            label: Some(key), ..
        } if is_member => label(view, key),
        ConfigFact {
            path: Some(path),
            resource: Some(kind),
            ..
        } => (*kind == resource(view))
            .then(|| field(view.object, path))
            .flatten(),
        ConfigFact {
            path: Some(path), ..
        } if is_member => field(view.object, path),
        _ => None,
    }?;
    (value.len() <= VALUE_BYTES_MAX).then_some(value)
}

fn resource(view: &View<'_, '_>) -> String {
    format!("{}.{}", view.kind, view.group)
}

fn label(view: &View<'_, '_>, key: &str) -> Option<String> {
    let own = view.object.labels().find(|(name, _)| name == key);
    own.map(|(_, value)| value.into_owned()).or_else(|| {
        let mut template = view.reading.template_labels.iter();
        let found = template.find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone().into_owned())
    })
}

fn annotation(view: &View<'_, '_>, key: &str) -> Option<String> {
    let own = view.object.annotations().find(|(name, _)| name == key);
    own.map(|(_, value)| value.into_owned()).or_else(|| {
        let mut template = view.reading.template_annotations.iter();
        let found = template.find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone().into_owned())
    })
}

/// Value of a flag, in either of the two ways to write one; `true` for one that
/// stands alone.
fn flag(view: &View<'_, '_>, name: &str) -> Option<String> {
    let name = name.trim_start_matches('-');
    for container in &view.reading.containers {
        let words: Vec<&str> = container
            .command
            .iter()
            .chain(&container.args)
            .map(|text| &**text)
            .collect();
        for (at, word) in words.iter().enumerate() {
            let Some(bare) = word
                .strip_prefix('-')
                .map(|bare| bare.trim_start_matches('-'))
            else {
                continue;
            };
            match bare.split_once('=') {
                Some((flag, value)) if flag == name => return Some(value.to_owned()),
                None if bare == name => {
                    let next = words.get(at + 1).filter(|next| !next.starts_with('-'));
                    return Some((*next.unwrap_or(&"true")).to_owned());
                }
                _ => {}
            }
        }
    }
    None
}

/// A scalar at a path, with numbers for elements of lists.
fn field(object: &Object<'_>, path: &str) -> Option<String> {
    let mut parts = path.split('.');
    let mut at = object.member(parts.next()?)?;
    for part in parts {
        at = match MemberIter::of_object(at) {
            Some(_) => member_of(at, part)?,
            None => ElementIter::of_array(at)?.nth(part.parse().ok()?)?,
        };
    }
    text(at)
}

fn text(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'{' | b'[' | b'n' => None,
        b'"' => Some(JsonStr::new(raw)?.decode().into_owned()),
        _ => Some(raw.to_owned()),
    }
}

fn shows(rule: &Rule, claim: &Claim, edition: &Edition, view: &View<'_, '_>) -> bool {
    if claim.standing != Standing::Member {
        return false;
    }
    let image = claim.image.as_deref().map(Image::parse);
    let from = |wanted: &String| {
        image.is_some_and(|image| {
            let whole = match image.registry {
                Some(registry) => format!("{registry}/{}", image.path),
                None => image.path.to_owned(),
            };
            let fits = |path: &str| match wanted.strip_suffix('*') {
                Some(start) => path.starts_with(start),
                None => path == wanted,
            };
            fits(&whole) || image.suffixes().any(fits)
        })
    };
    let tagged = |wanted: &String| {
        image.is_some_and(|image| image.tag.is_some_and(|tag| tag.contains(wanted.as_str())))
    };
    let component = rule.components.get(usize::from(claim.component));
    edition.images.iter().any(from)
        || edition.tags.iter().any(tagged)
        || edition.args.iter().any(|arg| flag(view, arg).is_some())
        || component.is_some_and(|part| edition.components.contains(&part.id))
}
