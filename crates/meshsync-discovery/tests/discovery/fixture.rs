//! Rounds of discovery and resources as short texts.

use meshsync_discovery::{
    Answer, Discovered, DiscoveredGroup, DiscoveredVersion, GroupVersion, RootAnswer, Unavailable,
};
use meshsync_model::{Gvk, Resource};

/// A resource from `plural.version.group Kind [short names and marks]`, where the marks are
/// `@cluster`, `-watch` and `-list`.
pub(crate) fn resource(text: &str) -> Resource {
    let mut words = text.split_whitespace();
    let mut name = words.next().expect("a name").splitn(3, '.');
    let mut next = || name.next().unwrap_or_default();
    let (plural, version, group) = (next(), next(), next());
    let kind = words.next().expect("a kind");
    let mut resource = Resource::new(Gvk::new(group, version, kind), plural, true);
    resource.singular = kind.to_lowercase();
    for word in words {
        match word {
            "@cluster" => resource.namespaced = false,
            "-watch" => resource.watchable = false,
            "-list" => resource.listable = false,
            short_name => resource.short_names.push(short_name.to_owned()),
        }
    }
    resource
}

/// A round of discovery: a line for each group version in order of preference,
/// `group/version: plural ...`, `group/version! status`, or `group/version~ plural ...` for what
/// the aggregator says is stale. A line `/api!` or `/apis!` means that the root did not answer.
pub(crate) fn round(text: &str) -> Discovered {
    let mut core = RootAnswer::Complete(Vec::new());
    let mut named = RootAnswer::Complete(Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let at = line.find([':', '!', '~']).expect("a mark");
        let (name, rest) = (&line[..at], line[at + 1..].trim());
        match name {
            "/api" => core = RootAnswer::Unavailable(Unavailable::Status(500)),
            "/apis" => named = RootAnswer::Unavailable(Unavailable::Status(500)),
            _ => {
                let name = GroupVersion::from_api_version(name);
                let resources = resources(&name, rest);
                let answer = match &line[at..=at] {
                    ":" => Answer::Served(resources),
                    "!" => {
                        let status = rest.parse().expect("a status");
                        Answer::Unavailable(Unavailable::Status(status))
                    }
                    _ => Answer::Unavailable(Unavailable::Stale {
                        remembered: resources,
                    }),
                };
                let root = if name.group.is_empty() {
                    &mut core
                } else {
                    &mut named
                };
                push(root, name, answer);
            }
        }
    }
    Discovered { core, named }
}

fn resources(name: &GroupVersion, plurals: &str) -> Vec<Resource> {
    let resource = |plural| resource(&format!("{plural}.{}.{} Kind", name.version, name.group));
    plurals.split_whitespace().map(resource).collect()
}

fn push(root: &mut RootAnswer, name: GroupVersion, answer: Answer) {
    let RootAnswer::Complete(groups) = root else {
        return;
    };
    if groups.last().is_none_or(|last| last.name != name.group) {
        groups.push(DiscoveredGroup {
            name: name.group,
            versions: Vec::new(),
        });
    }
    let group = groups.last_mut().expect("just pushed");
    group.versions.push(DiscoveredVersion {
        version: name.version,
        answer,
    });
}
