//! The links behind the encoder.

use std::time::Instant;

use bytes::Bytes;
use meshsync_broker::SinkError;
use meshsync_broker::probe::{BrokerUrl, StreamFacts};
use meshsync_model::error_chain;

use super::chain::{Chain, Trouble, human};
use super::report::LinkState;

/// Fewer bytes than this hold few whole objects: a server's own default is this.
const MESSAGE_BYTES_MIN: usize = 1 << 20;

/// The first version with which a stream refuses a leader that was followed
/// (docs/adr/0043-leader-election.md).
const VERSION_MIN: (u32, u32) = (2, 12);

/// Sends an encoded change to a broker and reads it back. `so_far` says what was
/// seen before.
pub(super) async fn look(
    chain: &mut Chain,
    url: &BrokerUrl,
    id: &str,
    payload: Bytes,
    so_far: &str,
) -> Result<(), (&'static str, Instant, Trouble)> {
    let name = url.name();
    let begun = Instant::now();
    let trouble = |remedy: &str, error: &SinkError| Trouble::new(error_chain(error), remedy);

    let remedy = "check that the broker is up and that address, credentials and TLS are right";
    let late = Trouble::new(format!("{name} did not answer"), remedy);
    let connect = Box::pin(async {
        let mut probe = url
            .connect()
            .await
            .map_err(|error| trouble(remedy, &error))?;
        let facts = probe
            .facts()
            .await
            .map_err(|error| trouble(remedy, &error))?;
        let detail = format!(
            "{name}, NATS {}, answers in {}, takes messages of up to {} bytes",
            facts.version,
            human(facts.round_trip),
            facts.max_payload_bytes
        );
        Ok(((probe, facts), detail))
    });
    let probe = chain.step("broker", late, connect).await;
    let (mut probe, facts) = probe.map_err(|trouble| ("broker", begun, trouble))?;
    if facts.max_payload_bytes < MESSAGE_BYTES_MIN
        && let Some(link) = chain.links.last_mut()
    {
        link.state = LinkState::Warning;
        link.remedy = Some(
            "larger objects are cut or left out: raise `max_payload` of the server, to 8MB"
                .to_owned(),
        );
    }

    if url.is_stream() {
        let begun = Instant::now();
        let remedy = "turn JetStream on (`jetstream: enabled`, or nats-server -js), or use a sink \
                      that needs none: nats://";
        let late = Trouble::new(
            format!("JetStream of {name} did not answer: it is off"),
            remedy,
        );
        let prepare = async {
            let prepared = probe.prepare().await;
            prepared.map_err(|error| trouble(remedy, &error))?;
            Ok(probe.stream_facts().await)
        };
        let room = chain.within(chain.timeout, late, prepare).await;
        let room = room.map_err(|trouble| ("jetstream", begun, trouble))?;
        let (state, detail, remedy) = stream_room(room.as_ref(), &facts.version);
        let took = Some(begun.elapsed());
        chain.push("jetstream", state, took, detail, remedy.map(str::to_owned));
    }

    let begun = Instant::now();
    let remedy = "look at the broker's load, disk and log; changes wait in the outbox meanwhile";
    let late = Trouble::new(format!("{so_far}{name} did not acknowledge"), remedy);
    let expected = payload.clone();
    let publish = async {
        let published = probe.publish(id, payload).await;
        let back = published.map_err(|error| {
            let error = error_chain(&error);
            Trouble::new(format!("{so_far}{error}"), remedy)
        })?;
        Ok((back, format!("{name} has it")))
    };
    let back = chain.step("acknowledge", late, publish).await;
    let back = back.map_err(|trouble| ("acknowledge", begun, trouble))?;

    let begun = Instant::now();
    let remedy = "it was acknowledged, and nobody may read it: look at the permissions to \
                  subscribe, and to make consumers";
    let late = Trouble::new(format!("{so_far}acknowledged, and not read back"), remedy);
    let read = Box::pin(async {
        let read = back.read().await.map_err(|error| trouble(remedy, &error))?;
        if read == expected {
            Ok(((), format!("{} bytes, unchanged", read.len())))
        } else {
            Err(Trouble::new(
                "what was read back is not what was sent",
                remedy,
            ))
        }
    });
    let read = chain.step("read-back", late, read).await;
    read.map_err(|trouble| ("read-back", begun, trouble))
}

/// How much JetStream has left, and what its version lacks.
fn stream_room(
    room: Option<&StreamFacts>,
    version: &str,
) -> (LinkState, String, Option<&'static str>) {
    let mut parts = version.split(['.', '-']);
    let mut next = || parts.next().and_then(|part| part.parse::<u32>().ok());
    let is_old = (next().unwrap_or(0), next().unwrap_or(0)) < VERSION_MIN;
    let Some(room) = room else {
        let detail = "a stream of canaries is there; how full it is it does not say".to_owned();
        return (LinkState::Ok, detail, None);
    };
    let of = |max: Option<u64>, unit: &str| match max {
        Some(max) => format!("of {max} {unit}"),
        None => unit.to_owned(),
    };
    let detail = format!(
        "{} {} and {} {} are used",
        room.streams,
        of(room.streams_max, "streams"),
        room.bytes,
        of(room.bytes_max, "bytes")
    );
    let full = |used: u64, max: Option<u64>| max.is_some_and(|max| used >= max - max / 10);
    if full(room.bytes, room.bytes_max) || full(room.streams, room.streams_max) {
        let remedy = "it is nearly full, and refuses what it has no room for: raise the account's \
                      limits, or give streams a shorter history (max-age=, history=)";
        return (LinkState::Warning, detail, Some(remedy));
    }
    if is_old {
        let remedy = "this server cannot keep two agents that are paused from writing over each other: \
                      nats-server 2.12 or newer can";
        return (LinkState::Warning, detail, Some(remedy));
    }
    (LinkState::Ok, detail, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_is_nearly_full_or_old_is_a_warning() {
        let check = |bytes, bytes_max, version: &str, state, says: &str| {
            let room = StreamFacts {
                bytes,
                bytes_max,
                streams: 3,
                streams_max: None,
            };
            let (found, detail, remedy) = stream_room(Some(&room), version);
            assert_eq!(found, state, "{detail}");
            assert!(detail.contains("3 streams"), "{detail}");
            assert!(remedy.unwrap_or_default().contains(says), "{remedy:?}");
        };
        check(5, Some(100), "2.12.1", LinkState::Ok, "");
        check(1 << 40, None, "2.14.0", LinkState::Ok, "");
        check(95, Some(100), "2.12.1", LinkState::Warning, "nearly full");
        check(5, Some(100), "2.11.9", LinkState::Warning, "2.12");
        assert_eq!(stream_room(None, "2.12.0").0, LinkState::Ok);
    }
}
