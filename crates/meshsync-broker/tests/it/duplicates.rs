//! An acknowledgement that says *duplicate* is believed only if what is stored is
//! the message.

use async_nats::HeaderMap;
use meshsync_broker::sinks::open;
use meshsync_broker::{Batch, Sink};
use meshsync_model::EventType::Added;
use meshsync_testkit::NatsServer;

use crate::deliveries::state;
use crate::fencing::{last_states, url_of};

#[tokio::test]
async fn what_only_looks_like_a_duplicate_is_stored_all_the_same() {
    let Some(nats) = NatsServer::builder().jetstream().start_or_skip() else {
        return;
    };
    let mut sink = open(&url_of(&nats.url())).unwrap();
    let publish = async |sink: &mut dyn Sink, name: &str| {
        let batch = Batch::of(vec![state(Added, name, 1, 10)]);
        let published = sink.publish(&batch).await.unwrap();
        assert!(published.rejected.is_empty());
    };
    publish(&mut *sink, "first").await;
    let client = async_nats::connect(nats.url()).await.unwrap();
    let context = async_nats::jetstream::new(client);
    let mut stream = context.get_stream("MESHSYNC_STATE").await.unwrap();
    let last = stream.info().await.unwrap().state.last_sequence;
    let last = stream.get_raw_message(last).await.unwrap();
    let id = last.headers.get("Nats-Msg-Id").unwrap().as_str();
    let (epoch, n) = id.split_once('.').unwrap();
    // The ids of the next messages are known to the server, from elsewhere.
    let next: u64 = n.parse::<u64>().unwrap() + 1;
    for n in next..next + 3 {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", &*format!("{epoch}.{n}"));
        let subject = "meshsync.v1.scope-1.ctl.elsewhere";
        let sent = context.publish_with_headers(subject, headers, "{}".into());
        let ack = sent.await.unwrap().await.unwrap();
        assert!(!ack.duplicate);
    }
    for name in ["second", "third"] {
        publish(&mut *sink, name).await;
    }
    let states = last_states(&nats.url()).await;
    let names: Vec<&str> = states.keys().map(String::as_str).collect();
    assert_eq!(names, ["first", "second", "third"]);
}
