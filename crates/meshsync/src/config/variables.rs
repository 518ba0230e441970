//! A configuration from environment variables.

use serde_saphyr::Spanned;

use super::document::Node;
use super::resolve::{self, KEYS, is_list, is_number};
use super::{Config, ConfigError};

/// What separates the entries of a list in a variable. Rules hold commas.
const SEPARATORS: [char; 2] = [';', '\n'];

impl Config {
    /// Reads one variable for each key of a file: `verifyInterval` is `MESHSYNC_VERIFY_INTERVAL`.
    /// Entries of lists are separated by `;` or line ends. An empty variable says nothing. The
    /// environment is not looked at: `variable` gives the value of each.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them, at once.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        let mut problems = Vec::new();
        for key in KEYS {
            let name = variable_name(key);
            let Some(text) = variable(&name).filter(|text| !text.trim().is_empty()) else {
                continue;
            };
            let (said, wrong) = resolve::entry(config, key, &node(key, &text));
            config = said;
            problems.extend(wrong.into_iter().map(|problem| (name.clone(), problem)));
        }
        ConfigError::of_variables(problems).map_or(Ok(config), Err)
    }
}

/// `MESHSYNC_VERIFY_INTERVAL` of `verifyInterval`.
pub(super) fn variable_name(key: &str) -> String {
    let mut name = String::from("MESHSYNC_");
    for character in key.chars() {
        if character.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

fn node(key: &str, text: &str) -> Spanned<Node> {
    let text = text.trim();
    if !is_list(key) {
        let node = match text.parse() {
            Ok(number) if is_number(key) => Node::Number(Some(number)),
            _ => Node::Text(text.to_owned()),
        };
        return Spanned::new(node, here(), here());
    }
    let entries = text.split(SEPARATORS).map(str::trim);
    let entries = entries.filter(|entry| !entry.is_empty());
    let entry = |entry: &str| Spanned::new(Node::Text(entry.to_owned()), here(), here());
    Spanned::new(Node::List(entries.map(entry).collect()), here(), here())
}

fn here() -> serde_saphyr::Location {
    serde_saphyr::Location::UNKNOWN
}
