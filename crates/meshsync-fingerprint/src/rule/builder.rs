//! Rules in Rust, the same as in YAML.

use super::check::check;
use super::{
    Component, ConfigFact, Edition, Evidence, Example, Flaw, Instances, Rule, Shape, VersionFrom,
    VersionSource,
};

/// Where rules begin that are written in Rust.
///
/// ```
/// use meshsync_fingerprint::Fingerprint;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rule = Fingerprint::builder("acme-db")
///     .images(["registry.acme.io/db"])
///     .crds(["databases.acme.io"])
///     .deployment(|d| d.labels(["app=acme-db"]).port(5432))
///     .version_from_image_tag()
///     .build()?;
/// // The same rule, for those who prefer YAML.
/// let yaml = meshsync_fingerprint::rule::to_yaml(&rule)?;
/// # assert_eq!(meshsync_fingerprint::rule::parse("acme-db.yaml", &yaml).unwrap(), rule);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Fingerprint;

impl Fingerprint {
    /// Begins the rule of a product.
    pub fn builder(id: impl Into<String>) -> FingerprintBuilder {
        let id = id.into();
        FingerprintBuilder {
            rule: Rule {
                name: id.clone(),
                category: "other".to_owned(),
                id,
                ..Rule::default()
            },
            anchors: Evidence::default(),
            supports: Evidence::default(),
            excludes: Evidence::default(),
        }
    }
}

/// A rule in the making.
#[derive(Clone, Debug)]
#[must_use]
pub struct FingerprintBuilder {
    rule: Rule,
    anchors: Evidence,
    supports: Evidence,
    excludes: Evidence,
}

/// A workload of a product in the making.
#[derive(Clone, Debug)]
#[must_use]
pub struct WorkloadBuilder {
    kind: &'static str,
    component: Component,
    anchors: Evidence,
    supports: Evidence,
    shape: Shape,
}

/// Why a rule cannot be used: everything that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule {rule}: {}", flaws.iter().map(|flaw| flaw.message.as_str()).collect::<Vec<_>>().join("; "))]
pub struct BuildRuleError {
    /// Its id.
    pub rule: String,
    /// What is wrong.
    pub flaws: Vec<Flaw>,
}

fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> impl Iterator<Item = String> {
    texts.into_iter().map(Into::into)
}

/// Methods that append to a list of an [`Evidence`].
macro_rules! lists {
    ($($(#[$doc:meta])* $method:ident => $block:ident.$list:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $method<T: Into<String>>(mut self, items: impl IntoIterator<Item = T>) -> Self {
                self.$block.$list.extend(texts(items));
                self
            }
        )*
    };
}

impl FingerprintBuilder {
    lists! {
        /// Ends of image repositories, as anchors.
        images => anchors.images;
        /// Full names of CRDs, as anchors.
        crds => anchors.crds;
        /// Controllers of classes, provisioners and drivers, as anchors.
        classes => anchors.classes;
        /// Names of webhook configurations or webhooks, as anchors.
        webhooks => anchors.webhooks;
        /// OLM packages, as anchors.
        packages => anchors.packages;
        /// API groups of CRDs.
        crd_groups => supports.crd_groups;
        /// Helm charts, without their versions.
        charts => supports.charts;
        /// Labels of any of its workloads: `key=value`, or `key`.
        labels => supports.labels;
        /// Names of Services.
        services => supports.services;
        /// Images that rule it out.
        exclude_images => excludes.images;
    }

    /// The name people use. Default: the id.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.rule.name = name.into();
        self
    }

    /// What it is for. Default: `other`.
    pub fn category(mut self, category: impl Into<String>) -> Self {
        self.rule.category = category.into();
        self
    }

    /// Where to read about it.
    pub fn home(mut self, home: impl Into<String>) -> Self {
        self.rule.home = home.into();
        self
    }

    /// Meshery's models for it.
    pub fn models<T: Into<String>>(mut self, models: impl IntoIterator<Item = T>) -> Self {
        self.rule.models.extend(texts(models));
        self
    }

    /// What one installation is. Default: a release.
    pub fn instances(mut self, instances: Instances) -> Self {
        self.rule.instances = instances;
        self
    }

    /// It was never checked against an installation: never `identified`.
    pub fn unverified(mut self) -> Self {
        self.rule.unverified = true;
        self
    }

    /// Any other anchors.
    pub fn anchor(mut self, evidence: Evidence) -> Self {
        self.rule.anchors.push(evidence);
        self
    }

    /// Any other supporting evidence.
    pub fn support(mut self, evidence: Evidence) -> Self {
        self.rule.supports.push(evidence);
        self
    }

    /// Any other excluding evidence.
    pub fn exclude(mut self, evidence: Evidence) -> Self {
        self.rule.excludes.push(evidence);
        self
    }

    /// One of its Deployments. The first workload is the primary one.
    pub fn deployment(self, describe: impl FnOnce(WorkloadBuilder) -> WorkloadBuilder) -> Self {
        self.workload("Deployment", describe)
    }

    /// One of its StatefulSets.
    pub fn stateful_set(self, describe: impl FnOnce(WorkloadBuilder) -> WorkloadBuilder) -> Self {
        self.workload("StatefulSet", describe)
    }

    /// One of its DaemonSets.
    pub fn daemon_set(self, describe: impl FnOnce(WorkloadBuilder) -> WorkloadBuilder) -> Self {
        self.workload("DaemonSet", describe)
    }

    fn workload(
        mut self,
        kind: &'static str,
        describe: impl FnOnce(WorkloadBuilder) -> WorkloadBuilder,
    ) -> Self {
        let number = self.rule.components.len();
        let id = match number {
            0 => kind.to_lowercase(),
            _ => format!("{}-{number}", kind.to_lowercase()),
        };
        let workload = describe(WorkloadBuilder {
            kind,
            component: Component {
                id,
                ..Component::default()
            },
            anchors: Evidence::default(),
            supports: Evidence::default(),
            shape: Shape::default(),
        });
        self.rule.components.push(workload.component());
        self
    }

    /// Its version is the tag of its image.
    pub fn version_from_image_tag(self) -> Self {
        self.version(VersionSource::default())
    }

    /// Its version is in a label of its primary workload.
    pub fn version_from_label(self, key: impl Into<String>) -> Self {
        self.version(VersionSource {
            from: VersionFrom::Label,
            key: Some(key.into()),
            ..VersionSource::default()
        })
    }

    /// One more place that states its version, after those before.
    pub fn version(mut self, source: VersionSource) -> Self {
        self.rule.version.push(source);
        self
    }

    /// One more edition.
    pub fn edition(mut self, edition: Edition) -> Self {
        self.rule.editions.push(edition);
        self
    }

    /// One more fact of its configuration.
    pub fn config(mut self, fact: ConfigFact) -> Self {
        self.rule.config.push(fact);
        self
    }

    /// Products that it brings along.
    pub fn contains<T: Into<String>>(mut self, products: impl IntoIterator<Item = T>) -> Self {
        self.rule.relations.contains.extend(texts(products));
        self
    }

    /// Products that install it.
    pub fn managed_by<T: Into<String>>(mut self, products: impl IntoIterator<Item = T>) -> Self {
        self.rule.relations.managed_by.extend(texts(products));
        self
    }

    /// An installation that must be identified.
    pub fn example(mut self, example: Example) -> Self {
        self.rule.examples.push(example);
        self
    }

    /// Objects that must not be.
    pub fn counter_example(mut self, example: Example) -> Self {
        self.rule.counter_examples.push(example);
        self
    }

    /// The rule.
    ///
    /// # Errors
    ///
    /// When it cannot be used.
    pub fn build(self) -> Result<Rule, BuildRuleError> {
        let Self {
            mut rule,
            anchors,
            supports,
            excludes,
        } = self;
        for (block, blocks) in [
            (anchors, &mut rule.anchors),
            (supports, &mut rule.supports),
            (excludes, &mut rule.excludes),
        ] {
            if block != Evidence::default() {
                blocks.insert(0, block);
            }
        }
        let flaws = check(&rule);
        if flaws.is_empty() {
            Ok(rule)
        } else {
            let rule = rule.id;
            Err(BuildRuleError { rule, flaws })
        }
    }
}

impl WorkloadBuilder {
    lists! {
        /// Ends of image repositories, as anchors.
        images => anchors.images;
        /// What controls it, as `Kind.group`, as anchors.
        owners => anchors.owners;
        /// Labels: `key=value`, or `key`.
        labels => supports.labels;
        /// Names of ServiceAccounts.
        accounts => supports.accounts;
        /// Programs; part of what its container looks like.
        commands => shape.commands;
        /// Flags and words; part of what its container looks like.
        args => shape.args;
        /// Names of variables; part of what its container looks like.
        envs => shape.envs;
    }

    /// Name of the component. Default: from the kind.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.component.id = id.into();
        self
    }

    /// Name of the workload.
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        let name = format!("{}/{}", self.kind, name.as_ref());
        self.supports.names.push(name);
        self
    }

    /// A port of its container.
    pub fn port(mut self, port: u16) -> Self {
        self.supports.ports.push(port.to_string());
        self
    }

    fn component(self) -> Component {
        let Self {
            kind: _,
            mut component,
            mut anchors,
            supports,
            shape,
        } = self;
        if shape != Shape::default() {
            anchors.shapes.push(shape);
        }
        for (block, blocks) in [
            (anchors, &mut component.anchors),
            (supports, &mut component.supports),
        ] {
            if block != Evidence::default() {
                blocks.push(block);
            }
        }
        component
    }
}
