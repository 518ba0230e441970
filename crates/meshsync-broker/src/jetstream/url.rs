//! The URL of the streams.

use std::time::Duration;

use url::Url;

use crate::SinkUrlError;
use crate::sinks::{NatsUrl, is_nats, without_user_info};

/// `jetstream://[TOKEN@|USER:PASSWORD@]HOST[:4222][,…]?replicas=3&history=20&max_age=7d`
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JetStreamUrl {
    /// The servers.
    pub nats: NatsUrl,
    /// Whether core NATS takes the place of a stream where there is none.
    pub or_core: bool,
    /// Copies of both streams; one where they are made and this is not said.
    pub replicas: Option<usize>,
    /// How many states of each object the events stream keeps; 20 where it is
    /// made and this is not said.
    pub history: Option<i64>,
    /// How long the events stream keeps them; 7 days where it is made and this is
    /// not said.
    pub max_age: Option<Duration>,
    /// How long the state stream keeps that an object is gone. Default: 7 days.
    pub tombstones: Duration,
    /// How often the state stream is read back and compared with what was confirmed:
    /// what is acknowledged is not on disk yet. Default: 30 minutes.
    pub check: Duration,
    /// How often the count and digest of each resource are published once more, for
    /// readers to compare. Default: 5 minutes.
    pub digest: Duration,
    /// Whether anybody who may publish on `….ctl.flush` may have the stream emptied
    /// and written again. Default: no.
    pub flush: bool,
    /// What the names of the streams begin with: `<prefix>_STATE`,
    /// `<prefix>_EVENTS`. Default: `MESHSYNC`.
    pub prefix: String,
}

const CHECK: Duration = Duration::from_secs(30 * 60);
const DIGEST: Duration = Duration::from_secs(5 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SCHEMES: [(&str, &str, bool); 3] = [
    ("jetstream://", "nats://", false),
    ("jetstream+tls://", "tls://", false),
    ("nats+auto://", "nats://", true),
];
const OPTIONS: &str = "there are replicas=1..5, history=N, max_age=7d, tombstones=7d, check=30m, \
    digest=5m, flush=allow, stream=PREFIX, creds=PATH, nkey=PATH and ca=PATH; a token stands before the host, TOKEN@HOST";

impl JetStreamUrl {
    /// Whether a URL is meant for JetStream.
    pub(crate) fn is_one(url: &str) -> bool {
        SCHEMES.iter().any(|(scheme, ..)| url.starts_with(scheme))
    }

    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// When the servers or an option cannot be read.
    pub fn parse(text: &str) -> Result<Self, SinkUrlError> {
        let invalid = |problem: String| SinkUrlError::Invalid {
            url: without_user_info(text),
            problem,
        };
        let (servers, query) = text.split_once('?').unwrap_or((text, ""));
        let Some((servers, or_core)) = SCHEMES.iter().find_map(|(ours, theirs, or_core)| {
            let rest = servers.strip_prefix(ours)?;
            Some((format!("{theirs}{rest}"), *or_core))
        }) else {
            return Err(invalid("the scheme must be jetstream".to_owned()));
        };
        let mut url = Self {
            or_core,
            ..Self::with(NatsUrl::parse(&servers)?)
        };
        // The library that reads servers reads its options too.
        let mut rest = String::new();
        let query = Url::parse(&format!("x://x?{query}")).map_err(|e| invalid(e.to_string()))?;
        for (name, value) in query.query_pairs() {
            if !url.set(&name, &value).map_err(invalid)? {
                if !matches!(&*name, "creds" | "nkey" | "ca") {
                    return Err(invalid(format!("unknown option: {OPTIONS}")));
                }
                let pair = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair(&name, &value)
                    .finish();
                rest.push(if rest.is_empty() { '?' } else { '&' });
                rest.push_str(&pair);
            }
        }
        if !rest.is_empty() {
            url.nats = NatsUrl::parse(&format!("{servers}{rest}"))?;
        }
        Ok(url)
    }

    /// Reads the URL of any sink that is a broker; those that know no streams have
    /// the defaults.
    ///
    /// # Errors
    ///
    /// As [`JetStreamUrl::parse`], and when it is no broker's.
    pub fn of_broker(text: &str) -> Result<Self, SinkUrlError> {
        if Self::is_one(text) {
            return Self::parse(text);
        }
        if !is_nats(text) {
            return Err(SinkUrlError::Invalid {
                url: without_user_info(text),
                problem: "it is no broker's: write jetstream://HOST:4222 or nats://HOST:4222"
                    .to_owned(),
            });
        }
        Ok(Self::with(NatsUrl::parse(text)?))
    }

    /// Streams of those servers, with the defaults.
    pub fn with(nats: NatsUrl) -> Self {
        Self {
            nats,
            or_core: false,
            replicas: None,
            history: None,
            max_age: None,
            tombstones: 7 * DAY,
            check: CHECK,
            digest: DIGEST,
            flush: false,
            prefix: "MESHSYNC".to_owned(),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "replicas" => {
                let replicas = value.parse().ok().filter(|n| (1..=5).contains(n));
                self.replicas = Some(replicas.ok_or("replicas must be 1 to 5: 3 in production")?);
            }
            "history" => {
                let history = value.parse().ok().filter(|n| *n > 0);
                let problem = "history must be a number above 0: states kept per object";
                self.history = Some(history.ok_or(problem)?);
            }
            "max_age" => self.max_age = Some(duration(name, value)?),
            "flush" if value == "allow" => self.flush = true,
            "flush" => return Err("flush can only be allowed: flush=allow".to_owned()),
            "check" => self.check = duration(name, value)?,
            "digest" => self.digest = duration(name, value)?,
            "tombstones" => self.tombstones = duration(name, value)?,
            "stream" => {
                let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
                if value.is_empty() || value.len() > 64 || !value.bytes().all(fits) {
                    return Err("stream must be letters, digits, - and _: a prefix".to_owned());
                }
                value.clone_into(&mut self.prefix);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Name of the stream of states.
    pub fn state_stream(&self) -> String {
        format!("{}_STATE", self.prefix)
    }

    /// Name of the bucket that says who leads.
    pub fn leader_bucket(&self) -> String {
        format!("{}_LEADER", self.prefix)
    }

    /// Name of the stream of events.
    pub fn events_stream(&self) -> String {
        format!("{}_EVENTS", self.prefix)
    }
}

/// The URL without credentials and options.
impl std::fmt::Display for JetStreamUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.or_core {
            "nats+auto"
        } else {
            "jetstream"
        };
        write!(f, "{scheme}://")?;
        for (at, server) in self.nats.servers.iter().enumerate() {
            let host = server.split_once("://").map_or(&**server, |(_, host)| host);
            write!(f, "{}{host}", if at > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

/// `90s`, `15m`, `12h`, `7d`; at least a second, as the server wants it.
fn duration(name: &str, value: &str) -> Result<Duration, String> {
    let problem = || format!("{name} must be a time such as 90s, 15m, 12h or 7d");
    let unit = value.chars().last().ok_or_else(problem)?;
    let number: u64 = value
        .strip_suffix(unit)
        .and_then(|number| number.parse().ok())
        .ok_or_else(problem)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(problem()),
    };
    number
        .checked_mul(seconds)
        .filter(|seconds| (1..=u64::from(u32::MAX)).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_can_be_said_is_read() {
        let url = JetStreamUrl::parse(
            "jetstream://t@a:1,b?replicas=3&history=5&max_age=12h&tombstones=1d&stream=X&creds=/a b",
        )
        .unwrap();
        assert_eq!(url.nats.servers, ["nats://a:1", "nats://b:4222"]);
        assert_eq!((url.replicas, url.history), (Some(3), Some(5)));
        assert_eq!(url.max_age, Some(Duration::from_secs(12 * 3600)));
        assert_eq!(url.tombstones, DAY);
        assert_eq!(url.state_stream(), "X_STATE");
        assert!(url.nats.options.creds.is_some());
        assert_eq!(url.to_string(), "jetstream://a:1,b:4222");
        let url = JetStreamUrl::parse("jetstream+tls://a").unwrap();
        assert_eq!(url.nats.servers, ["tls://a:4222"]);
        assert!(JetStreamUrl::parse("nats+auto://a").unwrap().or_core);
    }

    #[test]
    fn every_broker_can_keep_a_lock_and_nothing_else() {
        let url = JetStreamUrl::of_broker("jetstream://a?replicas=3&stream=X").unwrap();
        assert_eq!((&*url.leader_bucket(), url.replicas), ("X_LEADER", Some(3)));
        for text in ["nats://t@a:1", "a:1"] {
            let url = JetStreamUrl::of_broker(text).unwrap();
            assert_eq!(url.nats.servers, ["nats://a:1"], "{text}");
            assert_eq!(url.leader_bucket(), "MESHSYNC_LEADER");
        }
        for text in ["stdout:", "file:/tmp/a", "store:a.db", "-"] {
            assert!(JetStreamUrl::of_broker(text).is_err(), "{text}");
        }
    }

    #[test]
    fn problems_say_what_to_write_and_repeat_no_secret() {
        for (url, expected) in [
            ("jetstream://a?replicas=9", "1 to 5"),
            ("jetstream://a?history=x", "above 0"),
            ("jetstream://a?max_age=7", "7d"),
            ("jetstream://a?stream=a.b", "letters"),
            ("jetstream://a?token=hunter2", "TOKEN@HOST"),
            ("jetstream://hunter2@", "host"),
        ] {
            let error = JetStreamUrl::parse(url).unwrap_err().to_string();
            assert!(error.contains(expected), "{url}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
