//! Query parameters, parsed once into typed list and watch options.

use std::{collections::HashMap, time::Duration};

use percent_encoding::percent_decode_str;

use super::{FieldSelector, LabelSelector, Status};

/// A decoded query string.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(HashMap<String, String>);

impl Query {
    pub(crate) fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self(pairs.collect())
    }

    /// The value of `key`; an empty value counts as absent, as it does for the server.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.0.get(key).is_some_and(|value| {
            matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")
        })
    }

    fn number(&self, key: &str) -> Result<Option<u64>, Status> {
        self.value(key)
            .map(|text| {
                text.parse::<u64>().map_err(|_| {
                    Status::bad_request(format!("invalid {key}: {text:?} is not a number"))
                })
            })
            .transpose()
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

/// `resourceVersionMatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// The list must be of exactly this version.
    Exact,
    /// Any version from this one on.
    NotOlderThan,
}

/// The options of a list or a watch.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListOptions {
    pub(crate) limit: Option<u64>,
    pub(crate) continue_token: Option<String>,
    /// `None` when unset; `Some(0)` means any version.
    pub(crate) resource_version: Option<u64>,
    pub(crate) version_match: Option<Match>,
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
    pub(crate) allow_bookmarks: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) send_initial_events: Option<bool>,
}

impl ListOptions {
    pub(crate) fn parse(query: &Query) -> Result<Self, Status> {
        let version_match = match query.value("resourceVersionMatch") {
            None => None,
            Some("Exact") => Some(Match::Exact),
            Some("NotOlderThan") => Some(Match::NotOlderThan),
            Some(other) => {
                let why = format!(
                    "unsupported value {other:?}: supported values: \"Exact\", \"NotOlderThan\""
                );
                return Err(Status::list_options_forbidden("resourceVersionMatch", &why));
            }
        };
        Ok(Self {
            limit: query.number("limit")?.filter(|limit| *limit > 0),
            continue_token: query.value("continue").map(str::to_owned),
            resource_version: query.number("resourceVersion")?,
            version_match,
            labels: LabelSelector::parse(query.value("labelSelector").unwrap_or_default())?,
            fields: FieldSelector::parse(query.value("fieldSelector").unwrap_or_default())?,
            allow_bookmarks: query.flag("allowWatchBookmarks"),
            timeout: query
                .number("timeoutSeconds")?
                .filter(|s| *s > 0)
                .map(Duration::from_secs),
            send_initial_events: query
                .value("sendInitialEvents")
                .map(|_| query.flag("sendInitialEvents")),
        })
    }

    /// Whether a list may come from a watch cache that has fallen behind: when any version will do,
    /// or any from a given one on. Without a version, or with exactly one, it is consistent.
    pub(crate) fn may_be_cached(&self) -> bool {
        let exact = self.version_match == Some(Match::Exact)
            || (self.version_match.is_none() && self.limit.is_some());
        self.continue_token.is_none()
            && match self.resource_version {
                None => false,
                Some(0) => true,
                Some(_) => !exact,
            }
    }

    /// The rules of the server for a list (`ValidateListOptions` in apimachinery).
    pub(crate) fn check_list(&self) -> Result<(), Status> {
        let refuse = |field, why| Err(Status::list_options_forbidden(field, why));
        if self.send_initial_events.is_some() {
            return refuse(
                "sendInitialEvents",
                "sendInitialEvents is forbidden for list",
            );
        }
        if self.version_match.is_some() && self.continue_token.is_some() {
            return refuse(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden when continue is provided",
            );
        }
        if self.version_match.is_some() && self.resource_version.is_none() {
            return refuse(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            );
        }
        if self.version_match == Some(Match::Exact) && self.resource_version == Some(0) {
            return refuse(
                "resourceVersionMatch",
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            );
        }
        Ok(())
    }

    /// The rules of the server for a watch.
    pub(crate) fn check_watch(&self, watch_list_enabled: bool) -> Result<(), Status> {
        let refuse = |field, why| Err(Status::list_options_forbidden(field, why));
        if self.send_initial_events.is_none() && self.version_match.is_some() {
            return refuse(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            );
        }
        if self.send_initial_events.is_some() && !watch_list_enabled {
            return refuse(
                "sendInitialEvents",
                "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled",
            );
        }
        if self.send_initial_events.is_some() && self.version_match != Some(Match::NotOlderThan) {
            return refuse(
                "resourceVersionMatch",
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            );
        }
        Ok(())
    }
}
