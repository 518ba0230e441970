//! A start over a stream that is there publishes the difference and nothing else.

use meshsync_model::EventType;

use super::state::{equal, run, start};
use super::stream::{last_object, state};
use crate::support::config_map;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_with_nothing_changed_publishes_no_object() {
    let Some((nats, sim)) = start(400).await else {
        return;
    };
    let running = run(&sim, &nats);
    running.synced().await;
    let before = equal(&nats, &sim, &running, "the first run").await;
    running.stop().await;

    let running = run(&sim, &nats);
    running.synced().await;
    running.stop().await;
    let after = state(&nats).await;
    assert_eq!(last_object(&before), last_object(&after));
    let epochs: Vec<_> = after
        .iter()
        .filter(|message| message.event() == Some(EventType::Synced))
        .map(|message| message.envelope.as_ref().unwrap().epoch)
        .collect();
    let first = before[before.len() - 1].envelope.as_ref().unwrap().epoch;
    assert!(epochs.iter().all(|epoch| *epoch > first), "{epochs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_while_nobody_looked_is_published_deletes_included() {
    let Some((nats, sim)) = start(300).await else {
        return;
    };
    for name in ["stays", "changes", "goes", "is-reborn"] {
        sim.apply(config_map(name, "1")).unwrap();
    }
    let running = run(&sim, &nats);
    running.synced().await;
    let before = equal(&nats, &sim, &running, "the first run").await;
    running.stop().await;

    let delete = |name| sim.delete("", "configmaps", Some("default"), name).unwrap();
    sim.apply(config_map("changes", "2")).unwrap();
    delete("goes");
    delete("is-reborn");
    sim.apply(config_map("is-reborn", "1")).unwrap();
    sim.apply(config_map("is-born", "1")).unwrap();

    let running = run(&sim, &nats);
    running.synced().await;
    let after = equal(&nats, &sim, &running, "the second run").await;
    running.stop().await;
    let last = last_object(&before);
    let mut new: Vec<_> = after
        .iter()
        .filter(|message| message.seq > last)
        .filter_map(|message| Some((message.key()?.2, message.event()?)))
        .collect();
    new.sort_by(|a, b| a.0.cmp(&b.0));
    use EventType::{Added, Deleted};
    let new: Vec<_> = new.iter().map(|(name, event)| (&**name, *event)).collect();
    assert_eq!(
        new,
        [
            ("changes", Added),
            ("goes", Deleted),
            ("is-born", Added),
            ("is-reborn", Added),
        ]
    );
}
