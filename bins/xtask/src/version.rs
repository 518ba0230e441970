//! Versions as programs print them.

use std::fmt;

/// The first two or three numbers of a version; what follows them is not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    pub(crate) const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    /// The first version in what a program printed about itself.
    pub(crate) fn find(text: &str) -> Option<Self> {
        text.split(|c: char| !c.is_ascii_digit() && c != '.')
            .find_map(Self::parse)
    }

    fn parse(word: &str) -> Option<Self> {
        let mut parts = word.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        let patch = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        Some(Self::new(major, minor, patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Version>) {
        assert_eq!(Version::find(text), expected, "{text}");
    }

    #[test]
    fn versions_are_found_in_what_programs_print() {
        check("nats-server: v2.14.6\n", Some(Version::new(2, 14, 6)));
        check(
            "Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0",
            Some(Version::new(1, 32, 4)),
        );
        check("tool 3.1", Some(Version::new(3, 1, 0)));
        check("3 tools found.", None);
        check("", None);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(Version::new(2, 9, 30) < Version::new(2, 12, 0));
    }
}
