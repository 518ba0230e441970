//! The links behind the encoder.

use std::time::{Duration, Instant};

use bytes::Bytes;
use meshsync_broker::SinkError;
use meshsync_broker::probe::BrokerUrl;
use meshsync_model::error_chain;

use super::chain::{Chain, Trouble, human};

/// Sends an encoded change to a broker and reads it back.
pub(super) async fn look(
    chain: &mut Chain,
    url: &BrokerUrl,
    id: &str,
    payload: Bytes,
    seen: Duration,
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
        Ok((probe, detail))
    });
    let probe = chain.step("broker", late, connect).await;
    let mut probe = probe.map_err(|trouble| ("broker", begun, trouble))?;

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
            Ok(((), "a stream of canaries is there".to_owned()))
        };
        let prepared = chain.step("jetstream", late, prepare).await;
        prepared.map_err(|trouble| ("jetstream", begun, trouble))?;
    }

    let begun = Instant::now();
    let so_far = format!("event seen after {}", human(seen));
    let remedy = "look at the broker's load, disk and log; changes wait in the outbox meanwhile";
    let late = Trouble::new(format!("{so_far}, {name} did not acknowledge"), remedy);
    let expected = payload.clone();
    let publish = async {
        let published = probe.publish(id, payload).await;
        let back = published.map_err(|error| {
            let error = error_chain(&error);
            Trouble::new(format!("{so_far}, {error}"), remedy)
        })?;
        Ok((back, format!("{name} has it")))
    };
    let back = chain.step("acknowledge", late, publish).await;
    let back = back.map_err(|trouble| ("acknowledge", begun, trouble))?;

    let begun = Instant::now();
    let remedy = "it was acknowledged, and nobody may read it: look at the permissions to \
                  subscribe, and to make consumers";
    let late = Trouble::new(format!("{so_far}, acknowledged, and not read back"), remedy);
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
