//! What is asked for first.

use meshsync_model::{Resource, Tier};

/// Lower ones come first.
pub(crate) type Rank = u8;

/// What everything else stands on: namespaces, and what says what is served.
const FIRST: &[(&str, &str)] = &[
    ("", "namespaces"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "apiservices"),
];

/// What there is most of in clusters.
const BIG: &[(&str, &str)] = &[
    ("", "configmaps"),
    ("", "endpoints"),
    ("", "events"),
    ("", "pods"),
    ("", "secrets"),
    ("apps", "controllerrevisions"),
    ("apps", "replicasets"),
    ("batch", "jobs"),
    ("coordination.k8s.io", "leases"),
    ("discovery.k8s.io", "endpointslices"),
    ("events.k8s.io", "events"),
];

/// Rank of a resource of which so much is asked for: namespaces and definitions first,
/// then metadata before whole objects, and what there is much of last.
pub(crate) fn rank(resource: &Resource, tier: Tier) -> Rank {
    let is_one_of = |table: &[(&str, &str)]| {
        table.contains(&(resource.gvk.group.as_str(), resource.plural.as_str()))
    };
    if is_one_of(FIRST) {
        return 0;
    }
    let is_whole = tier != Tier::Presence;
    1 + Rank::from(is_whole) + if is_one_of(BIG) { 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use meshsync_model::Gvk;

    use super::*;

    #[test]
    fn what_others_stand_on_is_first_and_what_is_big_is_last() {
        let of = |group: &str, plural: &str, tier| {
            rank(
                &Resource::new(Gvk::new(group, "v1", "Kind"), plural, true),
                tier,
            )
        };
        let ranks = [
            of("", "namespaces", Tier::Detail),
            of("apps", "deployments", Tier::Presence),
            of("apps", "deployments", Tier::Detail),
            of("", "pods", Tier::Presence),
            of("", "pods", Tier::Detail),
        ];
        assert_eq!(ranks, [0, 1, 2, 3, 4]);
        assert_eq!(of("metrics.k8s.io", "pods", Tier::Detail), 2);
    }
}
