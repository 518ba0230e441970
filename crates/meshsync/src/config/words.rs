//! Values of keys that are one of a few words.

use std::fmt;
use std::str::FromStr;

/// Whether Kubernetes Events, and the status of our own resource, are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventsHow {
    /// Nothing is written.
    #[default]
    None,
    /// They are, where that is permitted.
    Written,
}

/// Whether Meshery's custom resource counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MeshSyncResource {
    /// It does not.
    #[default]
    Ignored,
    /// What it says is in force.
    Followed,
}

/// A text that is none of the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is none of {}", .words.join(", "))]
pub struct WordError {
    text: String,
    words: &'static [&'static str],
}

/// The text of each of them.
macro_rules! words {
    ($of:ty, $($word:literal => $value:expr),+) => {
        impl $of {
            /// As it is written.
            pub fn as_str(self) -> &'static str {
                [$(($value, $word)),+]
                    .into_iter()
                    .find(|(value, _)| *value == self)
                    .map_or("", |(_, word)| word)
            }
        }

        impl FromStr for $of {
            type Err = WordError;

            fn from_str(text: &str) -> Result<Self, WordError> {
                match text {
                    $($word => Ok($value),)+
                    _ => Err(WordError { text: text.to_owned(), words: &[$($word),+] }),
                }
            }
        }

        impl fmt::Display for $of {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(EventsHow, "none" => EventsHow::None, "written" => EventsHow::Written);
words!(
    MeshSyncResource,
    "ignored" => MeshSyncResource::Ignored,
    "followed" => MeshSyncResource::Followed
);
