//! Patterns of subjects, as NATS writes them.

use std::fmt;
use std::str::FromStr;

/// A subject in which `*` stands for one token and `>` at the end for any number
/// of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPattern(String);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid subject {0:?}: write tokens with dots between them, such as meshery-server.>")]
pub struct SubjectError(String);

impl FromStr for SubjectPattern {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let last = text.split('.').count().saturating_sub(1);
        let is_token = |(at, token): (usize, &str)| {
            !token.is_empty()
                && !token.contains(char::is_whitespace)
                && (token == "*" || !token.contains('*'))
                && (!token.contains('>') || (token == ">" && at == last))
        };
        if text.split('.').enumerate().all(is_token) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SubjectError(text.to_owned()))
        }
    }
}

impl fmt::Display for SubjectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SubjectPattern {
    /// Whether a subject without wildcards is one of it.
    pub fn matches(&self, subject: &str) -> bool {
        if subject.contains(['*', '>']) || subject.contains(char::is_whitespace) {
            return false;
        }
        let mut tokens = subject.split('.');
        for pattern in self.0.split('.') {
            let Some(token) = tokens.next().filter(|token| !token.is_empty()) else {
                return false;
            };
            match pattern {
                ">" => return tokens.all(|token| !token.is_empty()),
                "*" => {}
                literal if literal == token => {}
                _ => return false,
            }
        }
        tokens.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_tokens() {
        let matches = |pattern: &str, subject: &str| {
            let pattern: SubjectPattern = pattern.parse().unwrap();
            pattern.matches(subject)
        };
        assert!(matches("meshery-server.>", "meshery-server.meshsync.store"));
        assert!(matches("a.*.c", "a.b.c") && matches("a.b", "a.b"));
        for subject in [
            "meshery-server",
            "meshery-server.",
            "meshery.meshsync.core",
            "meshery-server.>",
        ] {
            assert!(!matches("meshery-server.>", subject), "{subject}");
        }
        assert!(!matches("a.*", "a.b.c") && !matches("a.b", "a.b.c"));
        for text in ["", "a..b", "a.>.b", "a b", "a*"] {
            assert!(text.parse::<SubjectPattern>().is_err(), "{text:?}");
        }
    }
}
