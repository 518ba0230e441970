//! How deep each resource is observed.

use std::fmt;
use std::str::FromStr;

use meshsync_model::{Resource, Tier};
use thiserror::Error;

use super::rule::NameGlob;
use super::{Pattern, PatternError};

/// How much of each object is observed: the first rule that matches, else what the preset says.
///
/// ```
/// # use meshsync_discovery::{Depth, Preset};
/// # use meshsync_model::{Gvk, Resource, Tier};
/// let depth = Depth {
///     preset: Preset::Full,
///     rules: vec!["pods@kube-*=presence".parse()?],
///     ..Depth::default()
/// };
/// let pods = depth.of(&Resource::new(Gvk::new("", "v1", "Pod"), "pods", true));
/// assert_eq!(pods.tier(Some("kube-system")), Tier::Presence);
/// assert_eq!(pods.tier(Some("shop")), Tier::Detail);
/// # Ok::<(), meshsync_discovery::TierRuleError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// What holds where no rule matches.
    pub preset: Preset,
    /// In order: the first that matches decides.
    pub rules: Vec<TierRule>,
    /// Products that are installed: their own custom resources are observed in full where no rule
    /// of the resource says otherwise, or as a rule of the product says.
    pub opened: Vec<Opened>,
}

/// A product that is installed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Its id.
    pub product: String,
    /// Its own custom resources, as `plural.group`.
    pub resources: Vec<String>,
}

/// How deep everything is observed that no rule speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Identity, labels, annotations and owners of everything; no body is ever transferred.
    Presence,
    /// Whole objects of what says which infrastructure there is, the presence of the rest.
    Standard,
    /// Whole objects of everything.
    #[default]
    Full,
}

/// What [`Preset::Standard`] observes in full, by group and plural: workload controllers, Services,
/// and what products register with the API server.
const STANDARD: &[(&str, &str)] = &[
    ("", "namespaces"),
    ("", "nodes"),
    ("", "services"),
    (
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
    ),
    (
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
    ),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "apiservices"),
    ("apps", "daemonsets"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("batch", "cronjobs"),
    ("batch", "jobs"),
    ("gateway.networking.k8s.io", "gatewayclasses"),
    ("networking.k8s.io", "ingressclasses"),
    ("operators.coreos.com", "clusterserviceversions"),
    ("storage.k8s.io", "csidrivers"),
    ("storage.k8s.io", "storageclasses"),
];

impl Preset {
    /// The name in options and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Standard => "standard",
            Self::Full => "full",
        }
    }

    /// How deep it observes a resource.
    pub fn tier(self, resource: &Resource) -> Tier {
        let standard = || {
            let name = (resource.gvk.group.as_str(), resource.plural.as_str());
            STANDARD.binary_search(&name).is_ok()
        };
        match self {
            Self::Presence => Tier::Presence,
            Self::Standard if !standard() => Tier::Presence,
            Self::Standard | Self::Full => Tier::Detail,
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Preset {
    type Err = PresetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Presence, Self::Standard, Self::Full]
            .into_iter()
            .find(|preset| preset.as_str() == text)
            .ok_or_else(|| PresetError(text.to_owned()))
    }
}

/// A text that names no preset.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no depth: say presence, standard or full")]
pub struct PresetError(String);

/// The tier of the resources that a pattern matches, everywhere or in some namespaces.
///
/// Written `PATTERN=TIER` or `PATTERN@NAMESPACE=TIER`, where `NAMESPACE` may be a glob:
/// `secrets=presence`, `pods@kube-*=presence`, `*.cilium.io=detail`. `product:ID=TIER`, where `ID`
/// may be a glob, is the tier of the custom resources of a product once it is known to be installed;
/// without such a rule it is [`Tier::Deep`].
#[derive(Clone, Debug)]
pub struct TierRule {
    target: Target,
    tier: Tier,
}

#[derive(Clone, Debug)]
enum Target {
    Resources {
        pattern: Box<Pattern>,
        namespaces: Option<NameGlob>,
    },
    Product(NameGlob),
}

impl PartialEq for TierRule {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for TierRule {}

impl fmt::Display for TierRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Product(product) => write!(f, "{PRODUCT}{}", product.as_str())?,
            Target::Resources {
                pattern,
                namespaces,
            } => {
                write!(f, "{pattern}")?;
                if let Some(namespaces) = namespaces {
                    write!(f, "@{}", namespaces.as_str())?;
                }
            }
        }
        write!(f, "={}", self.tier.as_str())
    }
}

/// What a rule of a product begins with.
const PRODUCT: &str = "product:";

impl FromStr for TierRule {
    type Err = TierRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem| TierRuleError::Form {
            rule: text.to_owned(),
            problem,
        };
        let (what, tier) = text.rsplit_once('=').ok_or_else(|| {
            wrong("there is no \"=\": write PATTERN=TIER, such as secrets=presence")
        })?;
        let tier = Tier::parse(tier).ok_or_else(|| {
            wrong("what stands behind \"=\" is no tier: say presence, detail or deep")
        })?;
        if let Some(product) = what.strip_prefix(PRODUCT) {
            let product = NameGlob::parse(product)
                .ok_or_else(|| wrong("what stands behind \"product:\" is no id or glob"))?;
            let target = Target::Product(product);
            return Ok(Self { target, tier });
        }
        let (pattern, namespaces) = match what.split_once('@') {
            None => (what, None),
            Some((pattern, glob)) => {
                let glob = NameGlob::parse(glob).ok_or_else(|| {
                    wrong("what stands behind \"@\" is no namespace or glob, such as kube-*")
                })?;
                (pattern, Some(glob))
            }
        };
        let pattern = Box::new(pattern.parse()?);
        let target = Target::Resources {
            pattern,
            namespaces,
        };
        Ok(Self { target, tier })
    }
}

/// Why a text is no [`TierRule`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TierRuleError {
    /// It has another form.
    #[error("{rule:?} is no rule of a tier: {problem}")]
    Form {
        /// The text.
        rule: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Its resources cannot be told.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl Depth {
    /// How deep the objects of one resource are observed.
    pub fn of(&self, resource: &Resource) -> ResourceDepth {
        let mut depth = ResourceDepth {
            places: Vec::new(),
            elsewhere: self.preset.tier(resource),
            decided_by: None,
        };
        self.open(resource, &mut depth);
        for rule in &self.rules {
            let Target::Resources {
                pattern,
                namespaces,
            } = &rule.target
            else {
                continue;
            };
            if !pattern.matches(resource) {
                continue;
            }
            match namespaces {
                Some(glob) if resource.namespaced => depth.places.push(Place {
                    rule: rule.to_string(),
                    glob: glob.clone(),
                    tier: rule.tier,
                }),
                // Objects of no namespace are in none that the rule speaks of.
                Some(_) => {}
                None => {
                    depth.elsewhere = rule.tier;
                    depth.decided_by = Some(rule.to_string());
                    break;
                }
            }
        }
        depth
    }

    /// What a product that is installed makes of the preset's tier: deeper, unless a rule of the
    /// product says less.
    fn open(&self, resource: &Resource, depth: &mut ResourceDepth) {
        let name = resource.id().to_string();
        let products = self
            .opened
            .iter()
            .filter(|opened| opened.resources.contains(&name));
        for opened in products {
            let rule = self.rules.iter().find(|rule| match &rule.target {
                Target::Product(product) => product.matches(&opened.product),
                Target::Resources { .. } => false,
            });
            let tier = rule.map_or(Tier::Deep, |rule| rule.tier);
            if tier > depth.elsewhere {
                depth.elsewhere = tier;
                let rule = rule.map(ToString::to_string);
                let implied = || format!("{PRODUCT}{}={}", opened.product, tier.as_str());
                depth.decided_by = Some(rule.unwrap_or_else(implied));
            }
        }
    }
}

/// How deep the objects of one resource are observed.
#[derive(Clone, Debug)]
pub struct ResourceDepth {
    places: Vec<Place>,
    elsewhere: Tier,
    /// The rule that decided `elsewhere`, where it is not the preset.
    decided_by: Option<String>,
}

#[derive(Clone, Debug)]
struct Place {
    rule: String,
    glob: NameGlob,
    tier: Tier,
}

impl Default for ResourceDepth {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            elsewhere: Tier::Detail,
            decided_by: None,
        }
    }
}

impl ResourceDepth {
    /// The tier of an object of `namespace`.
    pub fn tier(&self, namespace: Option<&str>) -> Tier {
        self.place(namespace)
            .map_or(self.elsewhere, |place| place.tier)
    }

    /// The deepest tier of any object: what its watch has to ask for.
    pub fn deepest(&self) -> Tier {
        let places = self.places.iter().map(|place| place.tier);
        places.fold(self.elsewhere, Tier::max)
    }

    /// The rule that decides for objects of `namespace`; none where the preset does.
    pub fn decided_by(&self, namespace: Option<&str>) -> Option<&str> {
        match self.place(namespace) {
            Some(place) => Some(&place.rule),
            None => self.decided_by.as_deref(),
        }
    }

    fn place(&self, namespace: Option<&str>) -> Option<&Place> {
        let namespace = namespace?;
        self.places
            .iter()
            .find(|place| place.glob.matches(namespace))
    }
}

/// By what it does: which rule says so makes no difference to an object.
impl PartialEq for ResourceDepth {
    fn eq(&self, other: &Self) -> bool {
        fn places(depth: &ResourceDepth) -> impl Iterator<Item = (&str, Tier)> {
            let places = depth.places.iter();
            places.map(|place| (place.glob.as_str(), place.tier))
        }
        self.elsewhere == other.elsewhere && places(self).eq(places(other))
    }
}

impl Eq for ResourceDepth {}

#[cfg(test)]
mod tests {
    use meshsync_model::Gvk;

    use super::*;

    fn resource(group: &str, kind: &str, plural: &str) -> Resource {
        Resource::new(Gvk::new(group, "v1", kind), plural, plural != "nodes")
    }

    #[track_caller]
    fn check(rules: &[&str], namespace: Option<&str>, expected: (Tier, Option<&str>)) {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let depth = Depth {
            preset: Preset::Full,
            rules,
            ..Depth::default()
        };
        let pods = depth.of(&resource("", "Pod", "pods"));
        let found = (pods.tier(namespace), pods.decided_by(namespace));
        assert_eq!(found, expected);
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        check(&[], Some("a"), (Tier::Detail, None));
        check(&["nodes=presence"], Some("a"), (Tier::Detail, None));
        check(
            &["pods=presence", "po=detail"],
            Some("a"),
            (Tier::Presence, Some("pods=presence")),
        );
        let places = ["pods@kube-*=presence", "pods@kube-system=detail"];
        check(
            &places,
            Some("kube-system"),
            (Tier::Presence, Some("pods@kube-*=presence")),
        );
        check(&places, Some("shop"), (Tier::Detail, None));
        check(&places, None, (Tier::Detail, None));
    }

    #[test]
    fn the_watch_asks_for_the_deepest_tier_of_any_namespace() {
        let depth = |rules: &[&str]| {
            let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
            let preset = Preset::Presence;
            Depth {
                preset,
                rules,
                ..Depth::default()
            }
            .of(&resource("", "Pod", "pods"))
        };
        assert_eq!(depth(&[]).deepest(), Tier::Presence);
        assert_eq!(depth(&["pods@shop=detail"]).deepest(), Tier::Detail);
        let shadowed = depth(&["pods=presence", "pods@shop=detail"]);
        assert_eq!(shadowed.deepest(), Tier::Presence);
    }

    #[test]
    fn rules_of_namespaces_leave_objects_of_no_namespace_alone() {
        let depth = Depth {
            preset: Preset::Full,
            rules: vec!["*@*=presence".parse().unwrap()],
            ..Depth::default()
        };
        let nodes = depth.of(&resource("", "Node", "nodes"));
        assert_eq!(nodes.deepest(), Tier::Detail);
    }

    #[test]
    fn standard_observes_in_full_what_says_which_infrastructure_there_is() {
        assert!(STANDARD.is_sorted(), "it is searched by halves");
        let tier = |resource| Preset::Standard.tier(&resource);
        assert_eq!(
            tier(resource("apps", "Deployment", "deployments")),
            Tier::Detail
        );
        assert_eq!(tier(resource("", "Pod", "pods")), Tier::Presence);
        assert_eq!(tier(resource("", "Secret", "secrets")), Tier::Presence);
    }

    #[test]
    fn what_a_rule_cannot_mean_is_said() {
        let error = |text: &str| text.parse::<TierRule>().unwrap_err().to_string();
        assert!(error("pods").contains("there is no \"=\""));
        assert!(
            error("pods=deeper").contains("say presence, detail or deep"),
            "{}",
            error("pods=deeper")
        );
        assert!(error("pods@{=presence").contains("no namespace or glob"));
        assert!(error("pods.v1=presence").contains("write \"pods.v1.\""));
        let rule: TierRule = "pods@kube-*=presence".parse().unwrap();
        assert_eq!(rule.to_string(), "pods@kube-*=presence");
    }

    #[test]
    fn a_product_that_is_installed_opens_its_own_resources() {
        let of = |preset, rules: &[&str], resource: &Resource| {
            let depth = Depth {
                preset,
                rules: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
                opened: vec![Opened {
                    product: "istio".into(),
                    resources: vec!["gateways.istio.io".into()],
                }],
            };
            let depth = depth.of(resource);
            let decided = depth.decided_by(Some("a")).map(str::to_owned);
            (depth.tier(Some("a")), decided)
        };
        let gateways = resource("istio.io", "Gateway", "gateways");
        let by = |rule: &str| Some(rule.to_owned());
        assert_eq!(
            of(Preset::Presence, &[], &gateways),
            (Tier::Deep, by("product:istio=deep"))
        );
        assert_eq!(
            of(Preset::Presence, &["product:ist*=detail"], &gateways),
            (Tier::Detail, by("product:ist*=detail"))
        );
        assert_eq!(
            of(Preset::Presence, &["product:istio=presence"], &gateways),
            (Tier::Presence, None)
        );
        assert_eq!(
            of(Preset::Presence, &["*.istio.io=presence"], &gateways),
            (Tier::Presence, by("*.istio.io=presence"))
        );
        let other = resource("other.io", "Gateway", "gateways");
        assert_eq!(of(Preset::Presence, &[], &other), (Tier::Presence, None));
        let rule: TierRule = "product:ist*=detail".parse().unwrap();
        assert_eq!(rule.to_string(), "product:ist*=detail");
    }
}
