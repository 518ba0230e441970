//! A journal in a stream of the broker's: what is published there is remembered
//! there, and no volume is needed.
//!
//! One message holds the lines of one batch. Written anew, all keys are published
//! behind what was read, and only then what was read is purged: whenever this is
//! cut short, the journal says the same or rather too much. What somebody else wrote
//! meanwhile stays.

use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Stream};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures::StreamExt;
use meshsync_model::ClusterId;

use super::PublishedObject;
use super::keys::{Entries, Keys};
use crate::Batch;
use crate::jetstream::token;

/// The stream. It has no age limit: a key is kept for as long as its object is.
const STREAM: &str = "MESHSYNC_KEYS";
const SUBJECTS: &str = "meshsync.keys";

/// The name among the journals of a cluster where none is given.
const NAME: &str = "meshsync";

/// Lines are cut into messages of this size, and below half of what the broker takes.
const MESSAGE_BYTES_MAX: usize = 512 << 10;

/// The stream is found or made within this time.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(5);

/// The server sends the next message within this time.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);

/// What is known to be in the journal; it outlives connections.
#[derive(Debug)]
pub(crate) struct Memory {
    subject: String,
    keys: Keys,
}

/// The journal over one connection.
pub(crate) struct Journal {
    context: Context,
    stream: Stream,
    message_bytes_max: usize,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Journal")
    }
}

impl Memory {
    /// Of what is published of a cluster, under a name for agents that publish
    /// different parts of it.
    pub(crate) fn new(scope: &ClusterId, name: Option<&str>) -> Self {
        let (scope, name) = (token(scope.as_str()), token(name.unwrap_or(NAME)));
        Self {
            subject: format!("{SUBJECTS}.{scope}.{name}"),
            keys: Keys::default(),
        }
    }

    /// Notes what is published and cannot be written down now.
    pub(crate) fn note(&mut self, batch: &Batch) {
        let unknown = self.keys.unknown(batch);
        self.keys.written(unknown);
        let gone = self.keys.gone(batch);
        self.keys.written(gone);
    }

    pub(crate) fn published(&self) -> Vec<PublishedObject> {
        self.keys.published()
    }
}

impl Journal {
    /// Opens the journal, makes the stream where there is none, and reads it. What
    /// was known to be in it and is not, as in a broker that lost its end, is
    /// written once more.
    pub(crate) async fn open(
        client: &Client,
        memory: &mut Memory,
    ) -> Result<Self, async_nats::Error> {
        let context = jetstream::new(client.clone());
        let config = Config {
            name: STREAM.to_owned(),
            description: Some("MeshSync: keys of what was published and not deleted".to_owned()),
            subjects: vec![format!("{SUBJECTS}.>")],
            // A stream that is full refuses: it must not forget to make room.
            discard: DiscardPolicy::New,
            ..Config::default()
        };
        // Who may not make it is not answered at all.
        let stream = context.get_or_create_stream(config);
        let stream = tokio::time::timeout(PREPARE_TIMEOUT, stream).await??;
        let subjects = &stream.cached_info().config.subjects;
        if !subjects.contains(&format!("{SUBJECTS}.>")) {
            return Err("a stream of that name is there, for something else".into());
        }
        let journal = Self {
            stream,
            context,
            message_bytes_max: MESSAGE_BYTES_MAX.min(client.max_payload() / 2),
        };
        let (mut keys, last) = journal.read(&memory.subject).await?;
        let lost = memory.keys.without(&keys);
        journal.append(&memory.subject, &mut keys, lost).await?;
        memory.keys = keys;
        if memory.keys.is_bulky() {
            journal.rewrite(memory, last).await?;
        }
        Ok(journal)
    }

    /// Writes down what is about to be published for the first time.
    pub(crate) async fn before(
        &self,
        memory: &mut Memory,
        batch: &Batch,
    ) -> Result<(), async_nats::Error> {
        let unknown = memory.keys.unknown(batch);
        self.append(&memory.subject, &mut memory.keys, unknown)
            .await
    }

    /// Strikes out what was published as deleted.
    pub(crate) async fn after(
        &self,
        memory: &mut Memory,
        batch: &Batch,
    ) -> Result<(), async_nats::Error> {
        let gone = memory.keys.gone(batch);
        self.append(&memory.subject, &mut memory.keys, gone).await?;
        if memory.keys.is_bulky() {
            let (mut keys, last) = self.read(&memory.subject).await?;
            // What is not in it any more, whoever took it out, was known to be.
            let lost = memory.keys.without(&keys);
            keys.written(lost);
            memory.keys = keys;
            self.rewrite(memory, last).await?;
        }
        Ok(())
    }

    async fn append(
        &self,
        subject: &str,
        keys: &mut Keys,
        entries: Entries,
    ) -> Result<(), async_nats::Error> {
        self.publish(subject, &entries.lines).await?;
        keys.written(entries);
        Ok(())
    }

    /// All keys, in place of everything up to the message `last`.
    async fn rewrite(&self, memory: &mut Memory, last: u64) -> Result<(), async_nats::Error> {
        self.publish(&memory.subject, &memory.keys.all().lines)
            .await?;
        let purge = self.stream.purge().filter(memory.subject.clone());
        purge.sequence(last + 1).await?;
        memory.keys.rewritten();
        Ok(())
    }

    async fn publish(&self, subject: &str, lines: &[u8]) -> Result<(), async_nats::Error> {
        let mut answers = Vec::new();
        for message in messages(lines, self.message_bytes_max) {
            let message = Bytes::copy_from_slice(message);
            answers.push(self.context.publish(subject.to_owned(), message).await?);
        }
        for answer in answers {
            answer.await?;
        }
        Ok(())
    }

    /// What it says, and the sequence of the last message that says it.
    async fn read(&self, subject: &str) -> Result<(Keys, u64), async_nats::Error> {
        let mut keys = Keys::default();
        let mut last = 0;
        let config = OrderedConfig {
            filter_subject: subject.to_owned(),
            deliver_policy: DeliverPolicy::All,
            ..OrderedConfig::default()
        };
        let consumer = self.stream.create_consumer(config).await?;
        if consumer.cached_info().num_pending == 0 {
            return Ok((keys, last));
        }
        let mut messages = consumer.messages().await?;
        loop {
            let next = tokio::time::timeout(MESSAGE_TIMEOUT, messages.next()).await?;
            let message = next.ok_or("the server ended it")??;
            let info = message.info()?;
            last = info.stream_sequence;
            let pending = info.pending;
            let unreadable = keys.replay(&message.payload);
            if unreadable > 0 {
                tracing::warn!(
                    subject,
                    last,
                    unreadable,
                    "lines that are none are left out"
                );
            }
            if pending == 0 {
                return Ok((keys, last));
            }
        }
    }
}

/// Cuts lines into messages, between them.
fn messages(lines: &[u8], bytes_max: usize) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let end = if rest.len() <= bytes_max {
            rest.len()
        } else {
            let fits = rest[..bytes_max].iter().rposition(|byte| *byte == b'\n');
            // A line longer than a message: the broker says what it makes of it.
            let whole = || rest.iter().position(|byte| *byte == b'\n');
            fits.or_else(whole).map_or(rest.len(), |at| at + 1)
        };
        let (message, after) = rest.split_at(end);
        messages.push(message);
        rest = after;
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_between_lines() {
        let check = |lines: &str, bytes_max, expected: &[&str]| {
            let cut = messages(lines.as_bytes(), bytes_max);
            let cut: Vec<_> = cut.into_iter().map(String::from_utf8_lossy).collect();
            assert_eq!(cut, expected, "{lines:?} by {bytes_max}");
        };
        check("", 4, &[]);
        check("a\nb\n", 4, &["a\nb\n"]);
        check("a\nb\nc\n", 5, &["a\nb\n", "c\n"]);
        check("a\nlonger\nc\n", 4, &["a\n", "longer\n", "c\n"]);
    }
}
