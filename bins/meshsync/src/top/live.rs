//! The changes that an agent tells while somebody listens (`/api/v1/stream`).

use bytes::Bytes;
use http_body_util::BodyExt;
use serde::Deserialize;

use crate::status::fetch::{Agent, Open};

/// An event is no larger than this: some hundred changes of some hundred bytes.
const EVENT_BYTES_MAX: usize = 4 << 20;

/// What happened, in the agent's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    pub(super) event: String,
    pub(super) resource: String,
    pub(super) namespace: String,
    pub(super) name: String,
}

/// Changes of one moment.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Changes {
    pub(super) changes: Vec<Told>,
    /// So many more.
    pub(super) skipped: u64,
}

/// A stream that is open.
pub(super) struct Live {
    open: Open,
    events: Events,
}

impl Live {
    /// Nothing where the agent has no page, as that is what tells of changes.
    pub(super) async fn open(agent: &Agent) -> anyhow::Result<Self> {
        let open = agent.open("/api/v1/stream").await?;
        let events = Events::default();
        Ok(Self { open, events })
    }

    /// What happens next; nothing at the end. Can be dropped half-way.
    pub(super) async fn next(&mut self) -> Option<Changes> {
        loop {
            if let Some(changes) = self.events.pop() {
                return Some(changes);
            }
            let frame = tokio::select! {
                frame = self.open.body.frame() => frame?.ok()?,
                () = &mut self.open.connection => return None,
            };
            let chunk = frame.into_data().unwrap_or_default();
            if !self.events.push(&chunk) {
                return None;
            }
        }
    }
}

/// Server-sent events, from the pieces in which they come.
#[derive(Debug, Default)]
struct Events {
    text: Vec<u8>,
}

impl Events {
    /// No where too much comes without an end.
    fn push(&mut self, chunk: &Bytes) -> bool {
        self.text.extend_from_slice(chunk);
        self.text.len() <= EVENT_BYTES_MAX
    }

    /// The next event of changes that is complete.
    fn pop(&mut self) -> Option<Changes> {
        loop {
            let mut pairs = self.text.windows(2);
            let end = pairs.position(|pair| pair == b"\n\n")?;
            let event: Vec<u8> = self.text.drain(..end + 2).collect();
            let event = String::from_utf8_lossy(&event);
            let mut lines = event.lines();
            if lines.next() != Some("event: changes") {
                continue;
            }
            let data = lines.find_map(|line| line.strip_prefix("data: "));
            if let Some(changes) = data.and_then(|data| serde_json::from_str(data).ok()) {
                return Some(changes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = concat!(
            "event: stats\ndata: {\"objects\":3}\n\n: still here\n\n",
            "event: changes\ndata: {\"changes\":[{\"event\":\"ADDED\",\"resource\":\"pods\",",
            "\"namespace\":\"shop\",\"name\":\"web\"}],\"skipped\":2}\n\n",
            "event: changes\ndata: {\"changes\":[],\"skipped\":0}\n\n",
        );
        for size in 1..text.len() {
            let mut events = Events::default();
            let mut found = Vec::new();
            for chunk in text.as_bytes().chunks(size) {
                assert!(events.push(&Bytes::copy_from_slice(chunk)));
                while let Some(changes) = events.pop() {
                    found.push(changes);
                }
            }
            assert_eq!(found.len(), 2, "{size}");
            assert_eq!(
                (found[0].changes[0].name.as_str(), found[0].skipped),
                ("web", 2)
            );
        }
        let mut endless = Events::default();
        let much = Bytes::from(vec![b'x'; EVENT_BYTES_MAX]);
        assert!(endless.push(&much) && !endless.push(&much));
    }
}
