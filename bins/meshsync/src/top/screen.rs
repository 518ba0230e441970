//! What is known of an agent from looking at it again and again.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use meshsync::StatusDocument;

use super::live::{Changes, Told};
use super::view;
use crate::cli::SortArg;
use crate::failure::Failure;

/// So many looks are drawn.
const HISTORY_MAX: usize = 60;

/// So many changes are kept.
const CHANGES_MAX: usize = 100;

/// Everything that is shown.
pub(super) struct Screen {
    pub(super) url: String,
    pub(super) sort: SortArg,
    pub(super) is_paused: bool,
    /// Whether the agent tells of changes.
    pub(super) hears: bool,
    /// The last look.
    pub(super) status: Option<StatusDocument>,
    at: Option<Instant>,
    pub(super) rates: Rates,
    /// Changes a second, of each look; the newest last.
    pub(super) history: VecDeque<f64>,
    /// The newest last.
    pub(super) changes: VecDeque<Told>,
    /// Why there is no newer look.
    failure: Option<Failure>,
}

/// A second each, between two looks.
#[derive(Debug, Default)]
pub(super) struct Rates {
    pub(super) changes: f64,
    pub(super) bytes: f64,
    pub(super) resources: HashMap<String, f64>,
    /// By place.
    pub(super) sinks: Vec<f64>,
}

impl Screen {
    pub(super) fn new(url: String, sort: SortArg) -> Self {
        Self {
            url,
            sort,
            is_paused: false,
            hears: false,
            status: None,
            at: None,
            rates: Rates::default(),
            history: VecDeque::new(),
            changes: VecDeque::new(),
            failure: None,
        }
    }

    /// Takes a look in.
    pub(super) fn look(&mut self, now: Instant, status: Result<StatusDocument, Failure>) {
        let status = match status {
            Ok(status) => status,
            Err(failure) => {
                self.failure = Some(failure);
                return;
            }
        };
        self.failure = None;
        if self.is_paused {
            return;
        }
        if let (Some(before), Some(at)) = (&self.status, self.at) {
            let seconds = now.duration_since(at).as_secs_f64();
            // Another process counts from zero, which is no rate.
            if seconds > 0.0 && before.started == status.started {
                self.rates = Rates::between(before, &status, seconds);
                self.history.push_back(self.rates.changes);
                if self.history.len() > HISTORY_MAX {
                    self.history.pop_front();
                }
            } else {
                self.rates = Rates::default();
            }
        }
        (self.status, self.at) = (Some(status), Some(now));
    }

    /// Takes changes in.
    pub(super) fn tell(&mut self, told: Changes) {
        if self.is_paused {
            return;
        }
        self.changes.extend(told.changes);
        if told.skipped > 0 {
            self.changes.push_back(Told {
                event: "…".to_owned(),
                resource: format!("and {} more", told.skipped),
                ..Told::default()
            });
        }
        let more = self.changes.len().saturating_sub(CHANGES_MAX);
        self.changes.drain(..more);
    }

    pub(super) fn hears(&mut self, hears: bool) {
        self.hears = hears;
    }

    pub(super) fn pause(&mut self) {
        self.is_paused = !self.is_paused;
    }

    pub(super) fn sort_next(&mut self) {
        self.sort = match self.sort {
            SortArg::Changes => SortArg::Objects,
            SortArg::Objects => SortArg::Lag,
            SortArg::Lag => SortArg::Name,
            SortArg::Name => SortArg::Changes,
        };
    }

    pub(super) fn take_failure(&mut self) -> Option<Failure> {
        self.failure.take()
    }

    /// As so many lines of so many columns at most.
    pub(super) fn lines(&self, columns: u16, lines: u16) -> Vec<String> {
        let failure = self.failure.as_ref().map(ToString::to_string);
        view::lines(self, failure.as_deref(), columns.into(), lines.into())
    }
}

impl Rates {
    fn between(before: &StatusDocument, after: &StatusDocument, seconds: f64) -> Self {
        let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
        let known: HashMap<&str, (u64, u64)> = before
            .resources
            .iter()
            .map(|one| (one.resource.as_str(), (one.events, one.bytes)))
            .collect();
        let mut rates = Self::default();
        for one in &after.resources {
            // What was not there before is read for the first time: that is no rate.
            if let Some(&(events, bytes)) = known.get(one.resource.as_str()) {
                let events = rate(events, one.events);
                rates.changes += events;
                rates.bytes += rate(bytes, one.bytes);
                rates.resources.insert(one.resource.clone(), events);
            }
        }
        let sinks = before.sinks.iter().zip(&after.sinks);
        rates.sinks = sinks
            .map(|(before, after)| rate(before.acknowledged, after.acknowledged))
            .collect();
        rates
    }
}
