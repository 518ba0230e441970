//! How deep each resource is observed.

use std::fmt;
use std::str::FromStr;

use globset::GlobMatcher;
use meshsync_model::{Resource, Tier};
use thiserror::Error;

use super::{Pattern, PatternError, grammar};

/// How much of each object is observed: the first rule that matches, else what the preset says.
///
/// ```
/// # use meshsync_discovery::{Depth, Preset};
/// # use meshsync_model::{Gvk, Resource, Tier};
/// let depth = Depth {
///     preset: Preset::Full,
///     rules: vec!["pods@kube-*=presence".parse()?],
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
/// `secrets=presence`, `pods@kube-*=presence`, `*.cilium.io=detail`.
#[derive(Clone, Debug)]
pub struct TierRule {
    pattern: Pattern,
    namespaces: Option<(String, GlobMatcher)>,
    tier: Tier,
}

impl TierRule {
    /// The resources it speaks of.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    fn namespace_glob(&self) -> Option<&str> {
        self.namespaces.as_ref().map(|(text, _)| text.as_str())
    }
}

impl PartialEq for TierRule {
    fn eq(&self, other: &Self) -> bool {
        (&self.pattern, self.namespace_glob(), self.tier)
            == (&other.pattern, other.namespace_glob(), other.tier)
    }
}

impl Eq for TierRule {}

impl fmt::Display for TierRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.pattern)?;
        if let Some(namespaces) = self.namespace_glob() {
            write!(f, "@{namespaces}")?;
        }
        write!(f, "={}", self.tier.as_str())
    }
}

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
        let tier = Tier::parse(tier)
            .ok_or_else(|| wrong("what stands behind \"=\" is no tier: say presence or detail"))?;
        let (pattern, namespaces) = match what.split_once('@') {
            None => (what, None),
            Some((pattern, glob)) => {
                let matcher = grammar::glob(glob).ok_or_else(|| {
                    wrong("what stands behind \"@\" is no namespace or glob, such as kube-*")
                })?;
                (pattern, Some((glob.to_owned(), matcher)))
            }
        };
        Ok(Self {
            pattern: pattern.parse()?,
            namespaces,
            tier,
        })
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
        let matching = |rule: &&TierRule| rule.pattern.matches(resource);
        for rule in self.rules.iter().filter(matching) {
            match &rule.namespaces {
                Some((_, glob)) if resource.namespaced => depth.places.push(Place {
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
    glob: GlobMatcher,
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
            .find(|place| place.glob.is_match(namespace))
    }
}

/// By what it does: which rule says so makes no difference to an object.
impl PartialEq for ResourceDepth {
    fn eq(&self, other: &Self) -> bool {
        fn places(depth: &ResourceDepth) -> impl Iterator<Item = (&str, Tier)> {
            let places = depth.places.iter();
            places.map(|place| (place.glob.glob().glob(), place.tier))
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
            Depth { preset, rules }.of(&resource("", "Pod", "pods"))
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
            error("pods=deep").contains("say presence or detail"),
            "{}",
            error("pods=deep")
        );
        assert!(error("pods@{=presence").contains("no namespace or glob"));
        assert!(error("pods.v1=presence").contains("write \"pods.v1.\""));
        let rule: TierRule = "pods@kube-*=presence".parse().unwrap();
        assert_eq!(rule.to_string(), "pods@kube-*=presence");
    }
}
