//! Answers forced by a fault.

use crate::api::Status;

/// The answer a fault forces.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// HTTP status code, for example 403, 404, 410, 429, 500 or 503.
    pub code: u16,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u64>,
    /// How often; `None` until healed.
    pub times: Option<u32>,
    /// A watch is accepted, and its stream holds this failure alone, as an `ERROR` event.
    pub in_stream: bool,
    /// The 504 of a version from the future, as after a restored etcd.
    pub future_version: bool,
}

impl Failure {
    /// Answers with a status until healed; 429 asks to retry after one second.
    pub fn status(code: u16) -> Self {
        Self {
            code,
            retry_after: (code == 429).then_some(1),
            times: None,
            in_stream: false,
            future_version: false,
        }
    }

    /// Answers a watch with a stream that holds nothing but an `ERROR` event of this status; other
    /// requests with the status itself. 410 is what a server says of a version it has forgotten.
    pub fn event(code: u16) -> Self {
        Self {
            in_stream: true,
            ..Self::status(code)
        }
    }

    /// Answers 504, `Too large resource version`, whatever version was asked for.
    pub fn future_version() -> Self {
        Self {
            future_version: true,
            ..Self::status(504)
        }
    }

    /// The same for a number of requests only.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// The same with a `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same without saying when to retry.
    #[must_use]
    pub fn without_retry_after(mut self) -> Self {
        self.retry_after = None;
        self
    }
}

/// A refusal, its `Retry-After`, and whether a watch gets it as an event.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: Status,
    pub(crate) retry_after: Option<u64>,
    pub(crate) in_stream: bool,
}

impl Refusal {
    pub(crate) fn plain(status: Status) -> Self {
        Self {
            status,
            retry_after: None,
            in_stream: false,
        }
    }
}
