//! The sinks, one file each, and the registry that finds one by URL.

mod channel;
mod compact;
mod file;
mod lines;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "nats")]
pub(crate) mod nats_connect;
#[cfg(feature = "nats")]
mod nats_durable;
#[cfg(feature = "nats")]
mod nats_fit;
#[cfg(feature = "nats")]
mod nats_session;
#[cfg(feature = "nats")]
mod nats_url;
mod remembering;

pub use channel::{ChannelSink, Received, channel};
pub use file::FileSink;
pub use lines::LinesSink;
pub use meshsync_model::wire::meshery::Fidelity;
#[cfg(feature = "nats")]
pub use nats::NatsSink;
#[cfg(feature = "nats")]
pub(crate) use nats_connect::{connect, options as connect_options};
#[cfg(feature = "nats")]
pub(crate) use nats_url::is_nats;
#[cfg(feature = "nats")]
pub use nats_url::{Credentials, NatsUrl, NatsUrlOptions};
pub use remembering::{PublishedObject, RememberingSink};

#[cfg(feature = "nats")]
use crate::jetstream::{JetStreamSink, JetStreamUrl};
use crate::{Sink, SinkUrlError};

/// The forms of a sink URL, for messages.
#[cfg(feature = "nats")]
const KNOWN: &str = "nats://HOST:4222, tls://HOST:4222, jetstream://HOST:4222, file:PATH, stdout:";
#[cfg(not(feature = "nats"))]
const KNOWN: &str = "file:PATH, stdout: (built without the feature `nats`)";

/// What all sinks opened by URL share.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SinkOptions {}

/// Opens the sink that a URL names. Nothing is connected or written yet.
///
/// | URL | sink |
/// |---|---|
/// | `nats://[TOKEN@\|USER:PASSWORD@]HOST[:4222][,…]`, `tls://…`, `HOST:PORT` | [`NatsSink`]: the Meshery format on `meshery.meshsync.core` |
/// | `jetstream://HOST[:4222][,…]?replicas=3&history=20&max_age=7d` | [`JetStreamSink`]: records, the last state of every object in a stream |
/// | `nats+auto://…` | the same where the broker has JetStream; else the same messages on core NATS, which keeps nothing |
/// | `file:PATH` | [`FileSink`]: records, appended, compacted at each full sync |
/// | `stdout:` | [`LinesSink`]: records, one a line |
///
/// # Errors
///
/// When the scheme is unknown or a part is missing.
pub fn open(url: &str) -> Result<Box<dyn Sink>, SinkUrlError> {
    if let Some(path) = url.strip_prefix("file:") {
        // Both `file:PATH` and `file:///PATH`.
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(SinkUrlError::Invalid {
                url: url.to_owned(),
                problem: "the path is missing: write file:PATH".to_owned(),
            });
        }
        return Ok(Box::new(FileSink::new(path)));
    }
    if matches!(url, "stdout:" | "stdout" | "stdout://" | "-") {
        return Ok(Box::new(LinesSink::stdout()));
    }
    #[cfg(feature = "nats")]
    if JetStreamUrl::is_one(url) {
        return Ok(Box::new(JetStreamSink::new(JetStreamUrl::parse(url)?)));
    }
    #[cfg(feature = "nats")]
    if is_nats(url) {
        return Ok(Box::new(NatsSink::new(NatsUrl::parse(url)?)));
    }
    Err(SinkUrlError::UnknownScheme {
        url: without_user_info(url),
        known: KNOWN.to_owned(),
    })
}

/// A URL fit for a message: neither what stands before an `@` nor what stands
/// behind a `?` or `#` is repeated.
pub(crate) fn without_user_info(url: &str) -> String {
    let (scheme, rest) = url
        .find("://")
        .map_or(("", url), |at| url.split_at(at + "://".len()));
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if rest.contains('@') {
        // Credentials that had to be escaped, likely: who knows where they begin.
        return format!("{scheme}…");
    }
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    format!("{scheme}{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_open_the_sink_they_name() {
        let check = |url: &str, name: &str| assert_eq!(open(url).unwrap().name(), name, "{url}");
        check("stdout:", "stdout:");
        check("file:/tmp/a.jsonl", "file:/tmp/a.jsonl");
        check("file:///tmp/a.jsonl", "file:/tmp/a.jsonl");
        #[cfg(feature = "nats")]
        {
            check("nats://secret@host:4222", "nats://host:4222");
            check("localhost:4222", "nats://localhost:4222");
        }
    }

    #[test]
    fn errors_say_what_to_write_and_never_repeat_credentials() {
        let error = |url: &str| open(url).err().unwrap().to_string();
        assert!(error("file:").contains("file:PATH"));
        let unknown = error("kafka://user:hunter2@host");
        assert!(
            unknown.contains("kafka://host") && unknown.contains("stdout:"),
            "{unknown}"
        );
        assert!(!unknown.contains("hunter2"));
        for url in [
            "kafka://host?password=hunter2",
            "kafka://host#hunter2",
            "kafka://host/topic?password=a@hunter2",
            "kafka://hunter2/x@host",
            "kafka://hunter2?@host",
            "hunter2@host",
        ] {
            let unknown = error(url);
            assert!(!unknown.contains("hunter2"), "{unknown}");
        }
        assert!(error("kafka://host/topic?x=y").contains("\"kafka://host/topic\""));
    }
}
