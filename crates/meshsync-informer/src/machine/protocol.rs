//! What a machine is told, and what it says.

use std::time::Duration;

use meshsync_model::ResourceVersion;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this request and report what comes back.
    Send(Request),
    /// Wait, then ask for the next step.
    Wait(Duration),
}

/// A request of the list-and-watch protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A watch that begins with every object (`sendInitialEvents`).
    WatchList,
    /// One page of a consistent list.
    Page {
        /// Token of the page before; `None` for the first.
        continue_token: Option<String>,
        /// Whether the server may cut the list into pages.
        paged: bool,
    },
    /// How new the server's state is: a consistent list of at most one object.
    Probe,
    /// A watch from a resourceVersion on.
    Watch {
        /// The resourceVersion.
        version: String,
    },
}

/// A refusal: an HTTP status, or the same in an `ERROR` event of a watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status code.
    pub code: u16,
    /// `Status.reason`, such as `Expired`; may be empty.
    pub reason: String,
    /// `Status.message`; may be empty.
    pub message: String,
    /// `Retry-After` or `details.retryAfterSeconds`.
    pub retry_after: Option<Duration>,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The request was accepted: a stream or document follows.
    Opened,
    /// The initial events of a WatchList are complete.
    InitialEventsEnd {
        /// The resourceVersion they are of.
        version: String,
        /// They showed states from before what is known.
        contradicted: bool,
    },
    /// An object's event, or a bookmark, of a watch.
    Progress {
        /// The resourceVersion to resume from.
        version: String,
    },
    /// A page ended.
    PageEnd {
        /// The list's resourceVersion.
        version: String,
        /// The next page's token.
        continue_token: Option<String>,
        /// The pages showed states from before what is known.
        contradicted: bool,
    },
    /// A probe was answered.
    Probed {
        /// The resourceVersion of the server's state.
        version: String,
    },
    /// A watch went on with something from before its position: a replay, or the
    /// server tells of another history.
    WentBack,
    /// The request, or the stream, was refused.
    Refused(Refusal),
    /// The stream ended as watches do.
    Ended {
        /// Whether it lived as long as a healthy watch does. An end right after
        /// the beginning is no way to go on at once.
        lived: bool,
    },
    /// No answer, a broken connection, silence, or a body that cannot be read.
    Broken,
}

/// What an answer means for the ledger and the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing beyond the next step.
    Continue,
    /// A pass over all objects begins.
    PassBegun {
        /// What it can be measured by.
        history: History,
    },
    /// The pass is complete: what it did not show is gone.
    PassDone {
        /// The resourceVersion the picture is of.
        version: String,
    },
    /// The pass was complete and from further back than what is known: it says
    /// nothing about what is gone. Everything is listed again.
    PassDoubted,
    /// A watch resumed: the picture is live again.
    Resumed,
    /// The server forbids this resource to us.
    Forbidden,
    /// The server does not serve this resource.
    Missing,
    /// Something is wrong for now.
    Failing,
}

/// What a pass can be measured by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum History {
    /// Everything is known as of this version, or nothing yet: what is older than
    /// what is known is no news.
    Known(Option<ResourceVersion>),
    /// The server's versions are in no order.
    Unordered,
    /// What was known is of another history, as when the server's store was
    /// restored from a backup: even an equal version may be another state.
    Another,
}
