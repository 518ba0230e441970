//! From rules to one table of keys.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::OnceLock;

use hashbrown::{DefaultHashBuilder, HashTable};
use regex::Regex;

use super::feature::{EvidenceKind, Feature, GENERIC_IMAGES, GENERIC_LABELS};
use crate::engine::Subject;
use crate::image::plainly_called;
use crate::pattern;
use crate::rule::{Evidence, Rule, Shape, VersionFrom, check};

/// The component number of evidence that belongs to the product as a whole.
pub(crate) const TOP: u8 = u8::MAX;

/// How many rules one catalog may have.
pub(crate) const RULES_MAX: usize = 5_000;

/// Why rules do not make a catalog.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// A rule breaks its own form.
    #[error("rule {rule}: {message}")]
    Rule {
        /// Its id.
        rule: String,
        /// What is wrong with it.
        message: String,
    },
    /// Two rules for one product.
    #[error("two rules have the id {0}")]
    Twice(String),
    /// Too many rules.
    #[error("{0} rules are more than {RULES_MAX}")]
    TooMany(usize),
}

/// What an item of evidence means for its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Support,
    Anchor,
    Exclude,
}

/// One item of a rule's evidence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) rule: u16,
    pub(crate) component: u8,
    pub(crate) kind: EvidenceKind,
    pub(crate) weight: u8,
    pub(crate) role: Role,
    /// Of a component that is put into other workloads' pods.
    pub(crate) injected: bool,
    /// A definition by its full name.
    pub(crate) is_crd: bool,
    /// A Helm chart.
    pub(crate) is_chart: bool,
}

/// What a key leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Posting {
    Item(u32),
    /// One of the items of a shape.
    Shape {
        shape: u32,
        slot: u8,
    },
}

#[derive(Debug)]
pub(crate) struct CompiledShape {
    pub(crate) item: u32,
    pub(crate) at_least: u8,
}

#[derive(Debug)]
struct Entry {
    feature: Feature,
    text: Box<str>,
    start: u32,
    end: u32,
}

/// Rules, compiled once and then only read.
#[derive(Debug)]
pub struct Catalog {
    rules: Vec<Rule>,
    items: Vec<Item>,
    pub(crate) shapes: Vec<CompiledShape>,
    postings: Vec<Posting>,
    table: HashTable<Entry>,
    sieve: Sieve,
    hasher: DefaultHashBuilder,
    by_id: HashMap<String, u16>,
    /// Patterns of versions, by rule and source; made when first needed.
    patterns: Vec<Vec<OnceLock<Option<Regex>>>>,
    /// Rules by the objects that they read a version or a fact from, by kind and name.
    named: HashMap<(&'static str, String), Vec<u16>>,
}

impl Catalog {
    /// Compiles rules.
    ///
    /// # Errors
    ///
    /// When a rule is wrong in itself, or there are two of one id.
    pub fn compile(mut rules: Vec<Rule>) -> Result<Self, CatalogError> {
        if rules.len() > RULES_MAX {
            return Err(CatalogError::TooMany(rules.len()));
        }
        rules.sort_by(|a, b| a.id.cmp(&b.id));
        let mut compiler = Compiler::default();
        let mut by_id = HashMap::new();
        for (at, rule) in rules.iter().enumerate() {
            if let Some(flaw) = check(rule).into_iter().next() {
                return Err(CatalogError::Rule {
                    rule: rule.id.clone(),
                    message: flaw.message,
                });
            }
            let at = u16::try_from(at).map_err(|_| CatalogError::TooMany(at))?;
            if by_id.insert(rule.id.clone(), at).is_some() {
                return Err(CatalogError::Twice(rule.id.clone()));
            }
            compiler.rule(at, rule);
        }
        let named = named(&rules);
        Ok(compiler.finish(rules, by_id, named))
    }

    /// The rules, in order of their ids.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule for a product.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.by_id.get(id).map(|&at| &self.rules[usize::from(at)])
    }

    pub(crate) fn rule_at(&self, at: u16) -> &Rule {
        &self.rules[usize::from(at)]
    }

    pub(crate) fn item(&self, at: u32) -> Item {
        self.items[at as usize]
    }

    /// The pattern of a rule's version source, where it has one.
    pub(crate) fn pattern(&self, rule: u16, source: u8) -> Option<&Regex> {
        let cell = self
            .patterns
            .get(usize::from(rule))?
            .get(usize::from(source))?;
        let made = cell.get_or_init(|| {
            let source = self.rule_at(rule).version.get(usize::from(source))?;
            // The rule was checked, and this with it.
            pattern::compile(source.pattern.as_deref()?).ok()
        });
        made.as_ref()
    }

    /// Rules that read a version or a fact from the object.
    pub(crate) fn named_sources(
        &self,
        subject: Subject,
        group: &str,
        kind: &str,
        name: &str,
    ) -> &[u16] {
        let key = match subject {
            Subject::ConfigMap => (CONFIGMAP, name.to_owned()),
            Subject::Crd => (CRD, name.to_owned()),
            Subject::Custom => (RESOURCE, format!("{kind}.{group}")),
            _ => return &[],
        };
        self.named.get(&key).map_or(&[], Vec::as_slice)
    }

    /// What is said of a key; nothing of most.
    pub(crate) fn find(&self, feature: Feature, text: &str) -> &[Posting] {
        let hash = key_hash(&self.hasher, feature, text);
        if !self.sieve.may_have(hash) {
            return &[];
        }
        self.table
            .find(hash, |entry| {
                entry.feature == feature && *entry.text == *text
            })
            .map_or(&[], |entry| {
                &self.postings[entry.start as usize..entry.end as usize]
            })
    }
}

fn key_hash(hasher: &DefaultHashBuilder, feature: Feature, text: &str) -> u64 {
    let mut state = hasher.build_hasher();
    state.write(text.as_bytes());
    state.write_u8(feature as u8);
    state.finish()
}

/// Which hashes are in a table at all: small enough to stay near the processor,
/// where the table is not.
#[derive(Debug)]
struct Sieve(Box<[u64]>);

/// 16 KiB.
const SIEVE_WORDS: usize = 1 << 11;

impl Default for Sieve {
    fn default() -> Self {
        Self(vec![0; SIEVE_WORDS].into())
    }
}

impl Sieve {
    fn place(hash: u64) -> (usize, u64) {
        // Other bits than those that the table looks at first.
        let hash = hash.rotate_left(20);
        let word = usize::try_from((hash >> 6) % SIEVE_WORDS as u64).unwrap_or(0);
        (word, 1 << (hash & 63))
    }

    fn add(&mut self, hash: u64) {
        let (word, bit) = Self::place(hash);
        self.0[word] |= bit;
    }

    fn may_have(&self, hash: u64) -> bool {
        let (word, bit) = Self::place(hash);
        self.0[word] & bit != 0
    }
}

const CONFIGMAP: &str = "ConfigMap";
const CRD: &str = "CustomResourceDefinition";
const RESOURCE: &str = "";

fn named(rules: &[Rule]) -> HashMap<(&'static str, String), Vec<u16>> {
    let mut named: HashMap<_, Vec<u16>> = HashMap::new();
    for (at, rule) in (0_u16..).zip(rules) {
        let versions = rule.version.iter().filter_map(|source| {
            let kind = match source.from {
                VersionFrom::Configmap => CONFIGMAP,
                VersionFrom::CrdLabel | VersionFrom::CrdAnnotation => CRD,
                VersionFrom::Field => RESOURCE,
                _ => return None,
            };
            Some((kind, source.name.clone()?))
        });
        let facts = rule
            .config
            .iter()
            .filter_map(|fact| Some((RESOURCE, fact.resource.clone()?)));
        for key in versions.chain(facts) {
            let of = named.entry(key).or_default();
            if of.last() != Some(&at) {
                of.push(at);
            }
        }
    }
    named
}

#[derive(Default)]
struct Compiler {
    items: Vec<Item>,
    shapes: Vec<CompiledShape>,
    keys: HashMap<(Feature, String), Vec<Posting>>,
}

/// Where a block stands.
#[derive(Clone, Copy)]
struct Site {
    rule: u16,
    component: u8,
    role: Role,
    injected: bool,
}

impl Compiler {
    fn rule(&mut self, rule: u16, of: &Rule) {
        let site = Site {
            rule,
            component: TOP,
            role: Role::Anchor,
            injected: false,
        };
        self.blocks(site, &of.anchors);
        self.blocks(
            Site {
                role: Role::Support,
                ..site
            },
            &of.supports,
        );
        self.blocks(
            Site {
                role: Role::Exclude,
                ..site
            },
            &of.excludes,
        );
        for (at, part) in of.components.iter().enumerate() {
            let site = Site {
                component: u8::try_from(at).unwrap_or(TOP - 1),
                injected: part.injected,
                ..site
            };
            self.blocks(site, &part.anchors);
            self.blocks(
                Site {
                    role: Role::Support,
                    ..site
                },
                &part.supports,
            );
        }
    }

    fn blocks(&mut self, site: Site, blocks: &[Evidence]) {
        for block in blocks {
            self.images(site, block);
            self.plain(site, block);
            self.ports(site, block);
            for shape in &block.shapes {
                self.shape(site, block.weight, shape);
            }
        }
    }

    fn item(&mut self, site: Site, kind: EvidenceKind, weight: u8) -> u32 {
        let at = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.items.push(Item {
            rule: site.rule,
            component: site.component,
            kind,
            weight,
            role: site.role,
            injected: site.injected,
            is_crd: false,
            is_chart: false,
        });
        at
    }

    fn key(&mut self, feature: Feature, text: &str, posting: Posting) {
        let of = self.keys.entry((feature, text.to_owned())).or_default();
        of.push(posting);
    }

    fn images(&mut self, site: Site, block: &Evidence) {
        for image in &block.images {
            let image = plainly_called(image);
            if !image.contains('/') {
                let weight = block.weight.unwrap_or(3);
                let item = self.item(site, EvidenceKind::Image, weight);
                self.key(Feature::ImageBase, image, Posting::Item(item));
                continue;
            }
            let item = self.item(site, EvidenceKind::Image, block.weight.unwrap_or(7));
            self.key(Feature::ImageSuffix, image, Posting::Item(item));
            self.key(
                Feature::ImageFlat,
                &image.replace('/', "-"),
                Posting::Item(item),
            );
            // Whoever copies an image keeps its last name.
            let base = image.rsplit('/').next().unwrap_or(image);
            if site.role != Role::Exclude && !GENERIC_IMAGES.contains(&base) {
                let site = Site {
                    role: Role::Support,
                    ..site
                };
                let item = self.item(site, EvidenceKind::Image, 3);
                self.key(Feature::ImageBase, base, Posting::Item(item));
            }
        }
    }

    fn plain(&mut self, site: Site, block: &Evidence) {
        use EvidenceKind as K;
        use Feature as F;
        let lists = [
            (&block.names, F::Name, K::Name, 3),
            (&block.charts, F::Chart, K::Label, 5),
            (&block.charts, F::ReleaseChart, K::Release, 5),
            (&block.packages, F::Package, K::Package, 6),
            (&block.crds, F::Crd, K::Crd, 3),
            (&block.crd_groups, F::CrdGroup, K::Crd, 2),
            (&block.resources, F::Resource, K::Crd, 2),
            (&block.owners, F::Owner, K::Owner, 6),
            (&block.services, F::Service, K::Service, 2),
            (&block.webhooks, F::Webhook, K::Registration, 5),
            (&block.apiservices, F::ApiService, K::Registration, 4),
            (&block.classes, F::Class, K::Class, 6),
            (&block.accounts, F::Account, K::Account, 2),
            (&block.labels, F::Label, K::Label, 3),
            (&block.annotations, F::Annotation, K::Label, 3),
        ];
        for (list, feature, kind, usual) in lists {
            for text in list {
                if feature == F::Label && GENERIC_LABELS.contains(&text.as_str()) {
                    continue;
                }
                let usual = match (feature, site.role) {
                    // A resource that declares an installation.
                    (F::Resource, Role::Anchor) => 6,
                    _ => usual,
                };
                let item = self.item(site, kind, block.weight.unwrap_or(usual));
                if let Some(item) = self.items.last_mut() {
                    item.is_crd = feature == F::Crd;
                    item.is_chart = feature == F::Chart;
                }
                let feature = match feature {
                    F::Name if text.contains('/') => F::KindName,
                    F::Label if !text.contains('=') => F::LabelKey,
                    F::Annotation if !text.contains('=') => F::AnnotationKey,
                    other => other,
                };
                self.key(feature, text, Posting::Item(item));
            }
        }
    }

    fn ports(&mut self, site: Site, block: &Evidence) {
        for port in &block.ports {
            let item = self.item(site, EvidenceKind::Shape, block.weight.unwrap_or(1));
            let (feature, _) = port_feature(port);
            self.key(feature, port, Posting::Item(item));
        }
        for port in &block.service_ports {
            let item = self.item(site, EvidenceKind::Service, block.weight.unwrap_or(1));
            let (_, feature) = port_feature(port);
            self.key(feature, port, Posting::Item(item));
        }
    }

    fn shape(&mut self, site: Site, weight: Option<u8>, shape: &Shape) {
        let usual = if site.role == Role::Support { 3 } else { 6 };
        let item = self.item(site, EvidenceKind::Shape, weight.unwrap_or(usual));
        let at = u32::try_from(self.shapes.len()).unwrap_or(u32::MAX);
        let items = u8::try_from(shape.items()).unwrap_or(u8::MAX);
        self.shapes.push(CompiledShape {
            item,
            at_least: shape.at_least.unwrap_or(items).min(items),
        });
        let mut slot = 0;
        let posting = |slot| Posting::Shape { shape: at, slot };
        for (list, feature) in [
            (&shape.containers, Feature::Container),
            (&shape.commands, Feature::Command),
        ] {
            for text in list {
                self.key(feature, text, posting(slot));
            }
            slot += u8::from(!list.is_empty());
        }
        for arg in &shape.args {
            let (feature, text) = arg_feature(arg);
            self.key(feature, text, posting(slot));
            slot += 1;
        }
        for env in &shape.envs {
            let (feature, text) = match env.strip_suffix('*') {
                Some(prefix) => (Feature::EnvPrefix, prefix),
                None => (Feature::Env, env.as_str()),
            };
            self.key(feature, text, posting(slot));
            slot += 1;
        }
        for port in &shape.ports {
            self.key(port_feature(port).0, port, posting(slot));
            slot += 1;
        }
    }

    fn finish(
        self,
        rules: Vec<Rule>,
        by_id: HashMap<String, u16>,
        named: HashMap<(&'static str, String), Vec<u16>>,
    ) -> Catalog {
        let patterns = rules
            .iter()
            .map(|rule| rule.version.iter().map(|_| OnceLock::new()).collect())
            .collect();
        let hasher = DefaultHashBuilder::default();
        let mut table = HashTable::with_capacity(self.keys.len());
        let mut sieve = Sieve::default();
        let mut postings = Vec::new();
        for ((feature, text), of) in self.keys {
            let start = u32::try_from(postings.len()).unwrap_or(u32::MAX);
            postings.extend(of);
            let end = u32::try_from(postings.len()).unwrap_or(u32::MAX);
            let hash = key_hash(&hasher, feature, &text);
            sieve.add(hash);
            let entry = Entry {
                feature,
                text: text.into(),
                start,
                end,
            };
            table.insert_unique(hash, entry, |entry| {
                key_hash(&hasher, entry.feature, &entry.text)
            });
        }
        Catalog {
            rules,
            items: self.items,
            shapes: self.shapes,
            postings,
            table,
            sieve,
            hasher,
            by_id,
            patterns,
            named,
        }
    }
}

/// The features of a port of a container and of a Service.
fn port_feature(port: &str) -> (Feature, Feature) {
    if port.contains(':') {
        (Feature::Port, Feature::ServicePort)
    } else if port.bytes().all(|b| b.is_ascii_digit()) {
        (Feature::PortNumber, Feature::ServicePortNumber)
    } else {
        (Feature::PortName, Feature::ServicePortName)
    }
}

/// The feature of a flag or word, and how it is written in the table.
pub(crate) fn arg_feature(arg: &str) -> (Feature, &str) {
    let bare = arg.trim_start_matches('-');
    if bare.contains('=') {
        (Feature::ArgValue, bare)
    } else {
        (Feature::Arg, bare)
    }
}
