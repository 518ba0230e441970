//! Answering the requests of Meshery Server.

use std::time::Duration;

use meshsync_broker::requests::{Link, REQUEST_QUEUE, REQUEST_SUBJECT, Request, SubjectPattern};
use meshsync_broker::sinks::NatsUrl;
use meshsync_informer::Connection;
use meshsync_model::error_chain;
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::rules;
use super::sessions::Sessions;
use crate::handle::Handle;
use crate::monitor::Monitor;

/// A resync waits until no other was asked for this long, as in the original.
const RESYNC_QUIET: Duration = Duration::from_secs(5);

/// But no longer than this after the first: somebody who asks all the time gets
/// something, too.
const RESYNC_CEILING: Duration = Duration::from_secs(30);

/// A connection that cannot even be prepared (credentials cannot be read) is
/// tried again after this time.
const PREPARE_AGAIN: Duration = Duration::from_secs(5);

/// Which requests are answered and how.
///
/// ```
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use meshsync::sinks::NatsUrl;
/// use meshsync::{MeshSync, RequestOptions};
///
/// let url = "nats://TOKEN@broker:4222";
/// let meshsync = MeshSync::builder()
///     .sink_url(url)?
///     .requests(RequestOptions::new(NatsUrl::parse(url)?))
///     .build()?;
/// # Ok(())
/// # }
/// # example().unwrap();
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestOptions {
    /// The broker they come from.
    pub url: NatsUrl,
    /// The subjects objects may be sent to. Default: `meshery-server.>`.
    pub replies: Vec<SubjectPattern>,
    /// Whether logs and shells are given. Default: no.
    pub interactive: bool,
    /// Namespaces of pods that logs and shells are given of; all where there are
    /// none.
    pub namespaces: Vec<String>,
    /// Logs and shells at once, at most. Default: 32.
    pub sessions_max: usize,
    /// Whether rules that products are told by are taken from whoever sends them.
    /// Default: no.
    pub accept_rules: bool,
    /// What `meshsync-meta` is answered with. Default: the version of this
    /// library.
    pub version: String,
}

impl RequestOptions {
    /// The defaults.
    pub fn new(url: NatsUrl) -> Self {
        Self {
            url,
            replies: "meshery-server.>".parse().into_iter().collect(),
            interactive: false,
            namespaces: Vec::new(),
            sessions_max: 32,
            accept_rules: false,
            version: concat!("v", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// Whether something may be sent to that subject because somebody asked.
    pub(super) fn allows(&self, reply: &str) -> bool {
        self.replies.iter().any(|allowed| allowed.matches(reply))
    }
}

/// Serves requests for as long as it is polled. `reached` gives the cluster when
/// it is known.
pub(crate) async fn serve(
    options: RequestOptions,
    handle: Handle,
    monitor: Monitor,
    reached: oneshot::Receiver<Connection>,
) {
    let link = loop {
        match Link::open(&options.url).await {
            Ok(link) => break link,
            Err(error) => {
                let error = error_chain(&error);
                tracing::error!(error, "requests cannot be received yet");
                tokio::time::sleep(PREPARE_AGAIN).await;
            }
        }
    };
    let note = async {
        link.connected().await;
        monitor.note_connected();
        std::future::pending::<()>().await;
    };
    let answer = async {
        let Ok(connection) = reached.await else {
            return;
        };
        answer(&options, &link, &handle, connection).await;
    };
    tokio::join!(note, answer);
}

async fn answer(options: &RequestOptions, link: &Link, handle: &Handle, connection: Connection) {
    let mut incoming = match link.subscribe(REQUEST_SUBJECT, REQUEST_QUEUE).await {
        Ok(incoming) => incoming,
        Err(error) => {
            tracing::error!(error = error_chain(&error), "requests cannot be received");
            return;
        }
    };
    let mut resync: Option<Resync> = None;
    let mut sessions = Sessions::new(link.clone(), connection, options);
    loop {
        let due = async {
            match &resync {
                Some(resync) => tokio::time::sleep_until(resync.due()).await,
                None => std::future::pending().await,
            }
        };
        let message = tokio::select! {
            message = incoming.next() => message,
            () = due => {
                resync = None;
                tracing::info!("every object is sent once more, as asked for");
                if let Err(error) = handle.republish() {
                    tracing::warn!(%error, "a resync is left out");
                }
                continue;
            }
            () = sessions.turn() => continue,
        };
        let Some(message) = message else { return };
        match Request::parse(&message) {
            Ok(Request::Resync) => resync.get_or_insert_with(Resync::begin).again(),
            Ok(Request::Store { reply }) => store(options, handle, &reply),
            Ok(Request::Meta) => {
                let answer = json!({
                    "ObjectType": "", "EventType": "", "Request": null, "Object": options.version,
                });
                let sent = link.publish("meshsync-meta", answer.to_string()).await;
                if let Err(error) = sent {
                    tracing::warn!(error = error_chain(&error), "the version was not sent");
                }
            }
            Ok(Request::Logs(requests)) => {
                for request in requests {
                    sessions.log(&request);
                }
            }
            Ok(Request::Exec(requests)) => {
                for request in requests {
                    sessions.exec(&request).await;
                }
            }
            Ok(Request::ActiveSessions) => sessions.tick(),
            Ok(Request::Rules { files, reply }) => {
                let outcome = rules::take(options, handle, &files);
                rules::answer(options, link, &reply, &outcome).await;
            }
            Ok(other) => tracing::debug!(?other, "a request that is not answered"),
            Err(error) => tracing::warn!(%error, "a request is left out"),
        }
    }
}

fn store(options: &RequestOptions, handle: &Handle, reply: &str) {
    if !options.allows(reply) {
        let allowed: Vec<String> = options.replies.iter().map(ToString::to_string).collect();
        let allowed = allowed.join(", ");
        tracing::warn!(
            reply,
            allowed,
            "objects are not sent there: allow the subject with --reply-subjects if they should be"
        );
        return;
    }
    tracing::info!(reply, "every object is sent, as asked for");
    if let Err(error) = handle.store(reply) {
        tracing::warn!(%error, reply, "a request is left out");
    }
}

/// When a resync that was asked for takes place.
#[derive(Clone, Copy, Debug)]
struct Resync {
    first: Instant,
    last: Instant,
}

impl Resync {
    fn begin() -> Self {
        let now = Instant::now();
        Self {
            first: now,
            last: now,
        }
    }

    fn again(&mut self) {
        self.last = Instant::now();
    }

    fn due(&self) -> Instant {
        (self.last + RESYNC_QUIET).min(self.first + RESYNC_CEILING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_resync_waits_for_quiet_but_not_for_ever() {
        let mut resync = Resync::begin();
        let begun = Instant::now();
        for _ in 0..20 {
            assert!(resync.due() <= begun + RESYNC_CEILING);
            tokio::time::advance(Duration::from_secs(3)).await;
            resync.again();
        }
        assert_eq!(resync.due(), begun + RESYNC_CEILING);
        let once = Resync::begin();
        assert_eq!(once.due(), Instant::now() + RESYNC_QUIET);
    }
}
