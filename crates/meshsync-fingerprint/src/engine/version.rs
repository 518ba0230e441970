//! Versions as texts: what of a tag is one, and whether two are the same.

use super::verdict::{SourceSeen, VersionSeen, VersionStatus};

/// Words behind a version that say how it was packaged.
const PACKAGING: &[&str] = &[
    "alpine",
    "amd64",
    "arm64",
    "arm64v8",
    "bionic",
    "bookworm",
    "bullseye",
    "build",
    "buster",
    "centos",
    "community",
    "debian",
    "debug",
    "distroless",
    "eksbuild",
    "ent",
    "enterprise",
    "fips",
    "focal",
    "full",
    "gke",
    "hardened",
    "jammy",
    "jdk",
    "jre",
    "linux",
    "management",
    "minimal",
    "musl",
    "noble",
    "oss",
    "photon",
    "rancher",
    "rhel",
    "scratch",
    "slim",
    "stretch",
    "trixie",
    "ubi",
    "ubuntu",
    "unprivileged",
    "windows",
    "xenial",
];

/// Tags that move from one version to the next.
const MUTABLE: &[&str] = &[
    "canary", "current", "dev", "develop", "devel", "edge", "head", "latest", "lts", "main",
    "master", "nightly", "snapshot", "stable", "test", "unstable",
];

/// The version in a tag or label; `None` where there is none.
pub(crate) fn clean(text: &str) -> Option<String> {
    let text = text.trim();
    let text = match text.as_bytes() {
        [b'v' | b'V', digit, ..] if digit.is_ascii_digit() => &text[1..],
        _ => text,
    };
    let text = text.split('+').next().unwrap_or(text);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if text.is_empty() || text.len() > 128 || !text.chars().all(is_plain) {
        return None;
    }
    let mut words: Vec<&str> = text.split('-').collect();
    // `ubi9-5.8.9` as well as `5.8.9-ubi9`.
    if words.len() > 1 && is_packaging(words[0]) {
        words.remove(0);
    }
    let packaging = words.iter().skip(1).position(|word| is_packaging(word));
    let kept = packaging.map_or(words.len(), |at| at + 1);
    let version = words[..kept].join("-");
    let lower = version.to_lowercase();
    let is_mutable = words
        .iter()
        .any(|word| MUTABLE.contains(&word.to_lowercase().as_str()));
    let starts_with_word = !version.starts_with(|c: char| c.is_ascii_digit());
    if !lower.contains(|c: char| c.is_ascii_digit())
        || is_commit(&lower)
        // `edge-24.11.8` is a version all the same.
        || (is_mutable && !(starts_with_word && lower.contains('.')))
        // What is built without being told a version says one of these.
        || lower.starts_with("0.0.0")
        || lower == "0.0.1"
        || lower.starts_with("sha256")
    {
        return None;
    }
    Some(version)
}

fn is_packaging(word: &str) -> bool {
    let word = word.to_lowercase();
    let name = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_revision = word.len() > 1 && name == "r";
    is_revision || PACKAGING.contains(&name) || PACKAGING.contains(&word.as_str())
}

fn is_commit(text: &str) -> bool {
    let is_hex = text.len() >= 7 && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex && text.contains(|c: char| c.is_ascii_alphabetic())
}

/// Whether two say the same: `7` says of `7.2.4` what it says at all.
pub(crate) fn agree(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    long.strip_prefix(short)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
}

/// What all the sources together say. They come in order of trust.
pub(crate) fn settle(sources: Vec<SourceSeen>) -> Option<VersionSeen> {
    let versions: Vec<&str> = sources
        .iter()
        .filter_map(|source| source.version.as_deref())
        .collect();
    let Some(&first) = versions.first() else {
        return (!sources.is_empty()).then_some(VersionSeen {
            version: None,
            status: VersionStatus::Unknown,
            sources,
        });
    };
    let fitting = versions.iter().filter(|other| agree(first, other));
    let all = fitting.clone().count() == versions.len();
    // A tag of few parts may be more exact in another place.
    let longest = fitting.max_by_key(|other| other.len()).copied();
    let version = if all { longest.unwrap_or(first) } else { first };
    let mut kinds: Vec<&str> = sources
        .iter()
        .filter(|source| source.version.is_some())
        .map(|source| source.from.as_str())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    let status = match (all, kinds.len()) {
        (false, _) => VersionStatus::Conflict,
        (true, 1) => VersionStatus::Stated,
        (true, _) => VersionStatus::Agreed,
    };
    Some(VersionSeen {
        version: Some(version.to_owned()),
        status,
        sources,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_of_a_tag_is_a_version() {
        let check = |tag: &str, version: Option<&str>| {
            assert_eq!(clean(tag).as_deref(), version, "{tag}");
        };
        check("v1.15.1", Some("1.15.1"));
        check("8.2.1-debian-12-r0", Some("8.2.1"));
        check("7.2.4-alpine3.19", Some("7.2.4"));
        check("1.30.3-distroless", Some("1.30.3"));
        check("1.17.3-ent", Some("1.17.3"));
        check("1.0.0-rc.1", Some("1.0.0-rc.1"));
        check("edge-24.11.8", Some("edge-24.11.8"));
        check("stable-2.14.10", Some("stable-2.14.10"));
        check(
            "RELEASE.2025-01-20T14-49-07Z",
            Some("RELEASE.2025-01-20T14-49-07Z"),
        );
        check("7", Some("7"));
        check("ubi9-5.8.9", Some("5.8.9"));
        check("v1.19.2-eksbuild.1", Some("1.19.2"));
        check("v3.26.1-build20231009", Some("3.26.1"));
        for none in [
            "latest",
            "main",
            "stable",
            "1.2-dev",
            "deadbeef0",
            "",
            "${TAG}",
            "0.0.0",
            "0.0.1",
            "alpine",
        ] {
            check(none, None);
        }
    }

    #[test]
    fn a_shorter_version_agrees_with_a_longer_one() {
        assert!(agree("7", "7.2.4"));
        assert!(!agree("7.2", "7.20"));
        assert!(!agree("7.2.4", "7.2.5"));
    }
}
