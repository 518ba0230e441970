//! The two streams: made where they are missing, compared where they are there.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind,
};
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, Info, RetentionPolicy, Source, StorageType, Stream, SubjectTransform,
};

use super::subject::{EVENTS, STATE};
use super::url::JetStreamUrl;
use crate::SinkError;

const HISTORY: i64 = 20;
const MAX_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long the server remembers ids of messages.
const DUPLICATES: Duration = Duration::from_secs(2 * 60);

/// Server versions that have what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abilities {
    /// A message may say when it expires (2.11).
    pub(super) expiry: bool,
    /// A message may expect the sequence of another subject (2.12).
    pub(super) guards: bool,
}

impl Abilities {
    pub(super) fn of(version: &str) -> Self {
        let mut parts = version.split(['.', '-']);
        let mut next = || parts.next().and_then(|part| part.parse::<u32>().ok());
        let version = (next().unwrap_or(0), next().unwrap_or(0));
        Self {
            expiry: version >= (2, 11),
            guards: version >= (2, 12),
        }
    }
}

/// The state stream, made or checked.
pub(super) async fn state(
    context: &Context,
    url: &JetStreamUrl,
    abilities: Abilities,
) -> Result<Stream, SinkError> {
    let name = url.state_stream();
    let want = state_config(url, abilities);
    let stream = match find(context, &name).await? {
        Some(stream) => stream,
        None => create(context, want.clone()).await?,
    };
    check(&stream, &name, |have| {
        compare_common(have, &want, url.replicas)
    })?;
    Ok(stream)
}

/// Whether there is a stream of events; checked where there is.
pub(super) async fn has_events(context: &Context, url: &JetStreamUrl) -> Result<bool, SinkError> {
    match find(context, &url.events_stream()).await? {
        Some(stream) => check_events(&stream, url).map(|()| true),
        None => Ok(false),
    }
}

/// Makes the stream of events.
pub(super) async fn make_events(context: &Context, url: &JetStreamUrl) -> Result<(), SinkError> {
    let stream = create(context, events_config(url)).await?;
    check_events(&stream, url)
}

fn check_events(stream: &Stream, url: &JetStreamUrl) -> Result<(), SinkError> {
    let want = events_config(url);
    check(stream, &url.events_stream(), |have| {
        let mut found = compare_common(have, &want, url.replicas);
        if url.history.is_some() {
            let (have, want) = (have.max_messages_per_subject, want.max_messages_per_subject);
            differ(&mut found, "max_msgs_per_subject", &have, &want);
        }
        if url.max_age.is_some() {
            differ(&mut found, "max_age", &have.max_age, &want.max_age);
        }
        found
    })
}

fn state_config(url: &JetStreamUrl, abilities: Abilities) -> Config {
    Config {
        name: url.state_stream(),
        description: Some("MeshSync: the last state of every object".to_owned()),
        subjects: vec![format!("{STATE}.>")],
        max_messages_per_subject: 1,
        // A stream that is full refuses: it must not forget states to make room.
        discard: DiscardPolicy::New,
        allow_direct: true,
        allow_message_ttl: abilities.expiry,
        ..common(url)
    }
}

fn events_config(url: &JetStreamUrl) -> Config {
    // Not by republishing: what a republished message expects of the state stream
    // would be checked against this one, and refused.
    let transform = SubjectTransform {
        source: format!("{STATE}.>"),
        destination: format!("{EVENTS}.>"),
    };
    Config {
        name: url.events_stream(),
        description: Some("MeshSync: what happened to every object lately".to_owned()),
        sources: Some(vec![Source {
            name: url.state_stream(),
            subject_transforms: vec![transform],
            ..Source::default()
        }]),
        max_messages_per_subject: url.history.unwrap_or(HISTORY),
        max_age: url.max_age.unwrap_or(MAX_AGE),
        discard: DiscardPolicy::Old,
        allow_direct: true,
        ..common(url)
    }
}

fn common(url: &JetStreamUrl) -> Config {
    Config {
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        num_replicas: url.replicas.unwrap_or(1),
        duplicate_window: DUPLICATES,
        max_bytes: -1,
        max_messages: -1,
        max_consumers: -1,
        max_message_size: -1,
        ..Config::default()
    }
}

async fn find(context: &Context, name: &str) -> Result<Option<Stream>, SinkError> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(no_stream(name, error)),
    }
}

fn check(
    stream: &Stream,
    name: &str,
    compare: impl Fn(&Config) -> String,
) -> Result<(), SinkError> {
    let difference = compare(&stream.cached_info().config);
    if difference.is_empty() {
        return Ok(());
    }
    Err(SinkError::Unavailable {
        what: format!(
            "the stream {name} is not as asked for: {difference}; nothing was changed: change the \
             stream (nats stream edit {name}), or what the URL asks for, or use other streams \
             (?stream=PREFIX)"
        ),
        source: None,
    })
}

async fn create(context: &Context, config: Config) -> Result<Stream, SinkError> {
    let name = config.name.clone();
    tracing::info!(stream = %name, replicas = config.num_replicas, "making a stream");
    match context.create_stream(config).await {
        Ok(stream) => Ok(stream),
        // Somebody else made it meanwhile: what they made is compared.
        Err(error) if is_taken(&error.kind()) => context
            .get_stream(&name)
            .await
            .map_err(|error| no_stream(&name, error)),
        Err(error) => Err(SinkError::unavailable(
            format!(
                "failed to make the stream {name}: does the account allow it, and are there \
                 enough servers for its replicas and room for it?"
            ),
            error,
        )),
    }
}

pub(super) fn is_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(error)
        if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn is_taken(kind: &CreateStreamErrorKind) -> bool {
    matches!(kind, CreateStreamErrorKind::JetStream(error)
        if error.error_code() == ErrorCode::STREAM_NAME_EXIST)
}

fn no_stream(name: &str, error: GetStreamError) -> SinkError {
    let off = matches!(error.kind(), GetStreamErrorKind::JetStream(error)
        if matches!(error.error_code(),
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT));
    let what = if off {
        no_jetstream("the account")
    } else {
        format!(
            "failed to look at the stream {name}: is JetStream up, has it a leader, and may this \
             user use it?"
        )
    };
    SinkError::unavailable(what, error)
}

/// What to say where there is no JetStream.
pub(super) fn no_jetstream(who: &str) -> String {
    format!(
        "{who} has no JetStream: start nats-server with -js, or with a jetstream block in its \
         configuration, or use nats:// or nats+auto://, which do without and keep nothing"
    )
}

/// What differs of what both streams have in common.
fn compare_common(have: &Config, want: &Config, replicas: Option<usize>) -> String {
    let mut found = String::new();
    differ(&mut found, "subjects", &have.subjects, &want.subjects);
    differ(&mut found, "storage", &have.storage, &want.storage);
    differ(&mut found, "retention", &have.retention, &want.retention);
    differ(&mut found, "discard", &have.discard, &want.discard);
    let direct = (have.allow_direct, want.allow_direct);
    differ(&mut found, "allow_direct", &direct.0, &direct.1);
    if replicas.is_some() {
        let (have, want) = (have.num_replicas, want.num_replicas);
        differ(&mut found, "num_replicas", &have, &want);
    }
    if want.sources.is_none() {
        let (have_per, per) = (have.max_messages_per_subject, want.max_messages_per_subject);
        differ(&mut found, "max_msgs_per_subject", &have_per, &per);
        differ(&mut found, "max_age", &have.max_age, &want.max_age);
    } else {
        let source = |config: &Config| {
            let first = config.sources.as_deref().unwrap_or_default().first();
            first.map(|source| (source.name.clone(), source.subject_transforms.clone()))
        };
        differ(&mut found, "sources", &source(have), &source(want));
    }
    found
}

fn differ<T: PartialEq + std::fmt::Debug>(found: &mut String, what: &str, have: &T, want: &T) {
    if have != want {
        if !found.is_empty() {
            found.push_str(", ");
        }
        found.push_str(&format!("{what} is {have:?} and should be {want:?}"));
    }
}

/// How many copies a stream has.
pub(super) fn replicas(info: &Info) -> usize {
    info.config.num_replicas
}

/// Whether a message of a stream may say when it expires: one that a server made
/// before it could, may not.
pub(super) fn expires(info: &Info, abilities: Abilities) -> bool {
    abilities.expiry && info.config.allow_message_ttl
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_and_what_was_not_asked_for_is_not_compared() {
        let abilities = Abilities::of("2.14.6");
        let url = |text: &str| JetStreamUrl::parse(text).unwrap();
        let have = state_config(&url("jetstream://a?replicas=1"), abilities);
        let want = url("jetstream://a?replicas=3");
        let found = compare_common(&have, &state_config(&want, abilities), want.replicas);
        assert_eq!(found, "num_replicas is 1 and should be 3");
        let want = url("jetstream://a");
        let found = compare_common(&have, &state_config(&want, abilities), want.replicas);
        assert_eq!(found, "");
    }

    #[test]
    fn abilities_follow_the_version() {
        let check = |version: &str, expiry, guards| {
            assert_eq!(Abilities::of(version), Abilities { expiry, guards });
        };
        check("2.10.29", false, false);
        check("2.11.0", true, false);
        check("2.12.0-RC.1", true, true);
        check("3.0.0", true, true);
        check("", false, false);
    }
}
