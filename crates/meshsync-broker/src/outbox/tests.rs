use std::collections::BTreeMap;

use meshsync_model::{Gvk, ResourceId};
use proptest::prelude::*;

use super::*;

fn resource() -> Arc<Resource> {
    Arc::new(Resource::new(Gvk::new("", "v1", "Pod"), "pods", true))
}

fn key(name: &str) -> Arc<ObjectKey> {
    Arc::new(ObjectKey {
        resource: ResourceId::new("", "pods").into(),
        namespace: Some("n".into()),
        name: name.into(),
    })
}

fn state(first: bool, payload: &str) -> Offer {
    Offer::State {
        novelty: if first {
            Novelty::First
        } else {
            Novelty::Known
        },
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn replacing(payload: &str) -> Offer {
    Offer::State {
        novelty: Novelty::ReplacesFirst,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn delete(payload: &str) -> Offer {
    Offer::Delete {
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn drain(outbox: &mut Outbox) -> Vec<(EventType, String)> {
    let batch = outbox.take(usize::MAX);
    outbox.commit(&batch);
    assert_eq!(outbox.queued_bytes() + outbox.in_flight_bytes(), 0);
    batch
        .deliveries
        .into_iter()
        .map(|d| (d.event, String::from_utf8(d.payload.to_vec()).unwrap()))
        .collect()
}

/// Offers in order to a roomy outbox and compares what leaves.
fn check(offers: &[(&str, Offer)], expected: &[(EventType, &str)]) {
    let mut outbox = Outbox::new(1 << 20);
    for (name, offer) in offers {
        outbox.offer(&resource(), &key(name), offer.clone());
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|(e, p)| (*e, (*p).to_owned()))
        .collect();
    assert_eq!(drain(&mut outbox), expected);
}

#[test]
fn the_newest_state_wins_and_keeps_its_place() {
    use EventType::{Added, Modified};
    check(
        &[
            ("a", state(true, "a1")),
            ("b", state(false, "b1")),
            ("a", replacing("a2")),
            ("b", state(false, "b2")),
        ],
        &[(Added, "a2"), (Modified, "b2")],
    );
}

#[test]
fn a_state_cannot_replace_a_first_one_that_is_on_its_way() {
    let mut outbox = Outbox::new(1 << 20);
    outbox.offer(&resource(), &key("a"), state(true, "a1"));
    assert!(outbox.waits_first(&key("a")));
    let batch = outbox.take(usize::MAX);
    let late = outbox.offer(&resource(), &key("a"), replacing("a2"));
    assert_eq!(late, Offered::TooLate);
    outbox.offer(&resource(), &key("a"), state(false, "a2"));
    outbox.commit(&batch);
    assert_eq!(
        outbox.offer(&resource(), &key("a"), delete("gone")),
        Offered::Taken,
        "the sink was given it: the delete must leave"
    );
    assert_eq!(
        drain(&mut outbox),
        [(EventType::Deleted, "gone".to_owned())]
    );
}

#[test]
fn a_delete_of_a_given_object_replaces_its_state() {
    check(
        &[("a", state(false, "a1")), ("a", delete("gone"))],
        &[(EventType::Deleted, "gone")],
    );
}

#[test]
fn an_object_born_and_gone_inside_leaves_nothing() {
    check(
        &[
            ("a", state(true, "a1")),
            ("b", state(true, "b1")),
            ("a", delete("gone")),
        ],
        &[(EventType::Added, "b1")],
    );
}

#[test]
fn rebirth_shows_both() {
    check(
        &[
            ("a", state(false, "old")),
            ("a", delete("old gone")),
            ("a", state(true, "new")),
            ("a", delete("new gone")),
            ("a", state(true, "newest")),
        ],
        &[
            (EventType::Deleted, "old gone"),
            (EventType::Added, "newest"),
        ],
    );
}

#[test]
fn what_does_not_fit_is_refused_and_room_is_announced_once() {
    let mut outbox = Outbox::new(1000);
    let big = "x".repeat(500);
    assert_eq!(
        outbox.offer(&resource(), &key("a"), state(true, &big)),
        Offered::Taken
    );
    assert_eq!(
        outbox.offer(&resource(), &key("b"), state(true, &big)),
        Offered::Full
    );
    assert_eq!(
        outbox.offer(&resource(), &key("c"), delete(&big)),
        Offered::Full
    );
    let batch = outbox.take(usize::MAX);
    assert_eq!(
        outbox.offer(&resource(), &key("b"), state(true, &big)),
        Offered::Full
    );
    assert!(outbox.commit(&batch));
    assert!(!outbox.commit(&Batch::default()));
    assert_eq!(
        outbox.offer(&resource(), &key("b"), state(true, &big)),
        Offered::Taken
    );
}

#[test]
fn one_delivery_larger_than_the_outbox_is_taken_when_it_is_empty() {
    let mut outbox = Outbox::new(10);
    assert_eq!(
        outbox.offer(&resource(), &key("a"), state(true, &"x".repeat(99))),
        Offered::Taken
    );
    assert_eq!(
        outbox.offer(&resource(), &key("b"), state(true, "y")),
        Offered::Full
    );
}

#[test]
fn a_barrier_keeps_its_place_and_an_older_one_gives_way() {
    let mut outbox = Outbox::new(1 << 20);
    outbox.offer(&resource(), &key("a"), state(true, "a1"));
    outbox.synced(Some(resource()), Bytes::from_static(b"s1"));
    outbox.offer(&resource(), &key("b"), state(true, "b1"));
    outbox.synced(Some(resource()), Bytes::from_static(b"s2"));
    outbox.synced(None, Bytes::new());
    let left: Vec<_> = drain(&mut outbox)
        .into_iter()
        .map(|(_, payload)| payload)
        .collect();
    assert_eq!(left, ["a1", "b1", "s2", ""]);
}

#[test]
fn there_is_one_barrier_a_resource_however_often_it_is_in_sync() {
    let services = Arc::new(Resource::new(
        Gvk::new("", "v1", "Service"),
        "services",
        true,
    ));
    let mut outbox = Outbox::new(1 << 20);
    for n in 0..1000 {
        outbox.synced(Some(resource()), Bytes::from(format!("pods {n}")));
        outbox.synced(
            Some(Arc::clone(&services)),
            Bytes::from(format!("services {n}")),
        );
        outbox.synced(None, Bytes::from(format!("all {n}")));
        assert!(outbox.len() <= 3);
        if n % 100 == 50 {
            let batch = outbox.take(1);
            assert_eq!(batch.deliveries[0].payload, format!("pods {n}"));
            outbox.commit(&batch);
        }
    }
    let left: Vec<_> = drain(&mut outbox)
        .into_iter()
        .map(|(_, payload)| payload)
        .collect();
    assert_eq!(left, ["pods 999", "services 999", "all 999"]);
}

/// What a sink and a caller with a ledger do to an outbox, checked against the
/// plain list of what happened.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u16),
    Delete(u8),
    Take(u16),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        prop_oneof![
            4 => (0..6u8, 1..400u16).prop_map(|(k, len)| Step::Put(k, len)),
            2 => (0..6u8).prop_map(Step::Delete),
            2 => (1..2000u16).prop_map(Step::Take),
        ],
        1..80,
    )
}

/// The caller's side: what the ledger remembers of one object for one sink.
#[derive(Default)]
struct Remembered {
    live: Option<String>,
    given: bool,
    dirty: bool,
    grave: bool,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(meshsync_testkit::cases(2000)))]

    #[test]
    fn the_sink_ends_with_the_last_state_of_everything(steps in steps()) {
        let resource = resource();
        let mut outbox = Outbox::new(1500);
        let mut objects: BTreeMap<u8, Remembered> = BTreeMap::new();
        let mut sink: BTreeMap<String, String> = BTreeMap::new();
        let mut serial = 0;
        let give = |outbox: &mut Outbox, name: u8, object: &mut Remembered| {
            let key = key(&name.to_string());
            if object.grave {
                match outbox.offer(&resource, &key, delete("")) {
                    Offered::Full => return,
                    _ => object.grave = false,
                }
            }
            if let (Some(live), true) = (&object.live, object.dirty) {
                let offer = if object.given && outbox.waits_first(&key) {
                    replacing(live)
                } else {
                    state(!object.given, live)
                };
                if outbox.offer(&resource, &key, offer) == Offered::Taken {
                    object.dirty = false;
                    object.given = true;
                }
            }
        };
        let apply = |sink: &mut BTreeMap<String, String>, batch: &Batch| {
            for delivery in &batch.deliveries {
                let name = delivery.key.as_ref().unwrap().name.to_string();
                if delivery.event == EventType::Deleted {
                    sink.remove(&name);
                } else {
                    let known = sink.contains_key(&name);
                    assert_eq!(known, delivery.event == EventType::Modified);
                    sink.insert(name, String::from_utf8(delivery.payload.to_vec()).unwrap());
                }
            }
        };
        for step in steps {
            match step {
                Step::Put(name, len) => {
                    serial += 1;
                    let object = objects.entry(name).or_default();
                    object.live = Some(format!("{serial} {}", "x".repeat(usize::from(len))));
                    object.dirty = true;
                    give(&mut outbox, name, object);
                }
                Step::Delete(name) => {
                    let object = objects.entry(name).or_default();
                    if object.live.take().is_some() && object.given {
                        object.grave = true;
                        object.given = false;
                        object.dirty = false;
                        give(&mut outbox, name, object);
                    }
                }
                Step::Take(bytes) => {
                    let batch = outbox.take(usize::from(bytes));
                    apply(&mut sink, &batch);
                    outbox.commit(&batch);
                }
            }
            prop_assert!(outbox.queued_bytes() + outbox.in_flight_bytes() <= 1500);
        }
        while !outbox.is_empty() || objects.values().any(|o| o.grave || o.dirty && o.live.is_some()) {
            let batch = outbox.take(usize::MAX);
            apply(&mut sink, &batch);
            outbox.commit(&batch);
            for (name, object) in &mut objects {
                give(&mut outbox, *name, object);
            }
        }
        let expected: BTreeMap<_, _> = objects
            .into_iter()
            .filter_map(|(name, object)| Some((name.to_string(), object.live?)))
            .collect();
        prop_assert_eq!(sink, expected);
        prop_assert_eq!(outbox.queued_bytes(), 0);
    }
}

#[test]
fn what_waits_longest_is_known_by_resource_until_it_is_confirmed() {
    let at = |us| Received::from_micros(us);
    let others = Arc::new(Resource::new(Gvk::new("", "v1", "Node"), "nodes", false));
    let node = Arc::new(ObjectKey {
        resource: ResourceId::new("", "nodes").into(),
        namespace: None,
        name: "x".into(),
    });
    let since = |outbox: &Outbox| {
        let since = outbox.pending_since().into_iter();
        let named = since.map(|(resource, at)| (resource.map(|r| r.plural.clone()), at));
        named.collect::<BTreeMap<_, _>>()
    };
    let (pods, nodes) = (Some("pods".to_owned()), Some("nodes".to_owned()));
    let mut outbox = Outbox::new(1 << 20);
    assert!(outbox.pending_since().is_empty());
    for (us, name) in [(5, "a"), (7, "b"), (9, "a")] {
        outbox.received(at(us));
        outbox.offer(&resource(), &key(name), state(true, "s"));
    }
    outbox.received(at(11));
    outbox.offer(&others, &node, state(true, "n"));
    let expected = BTreeMap::from([(pods.clone(), at(5)), (nodes, at(11))]);
    assert_eq!(
        since(&outbox),
        expected,
        "a newer state lacks as long as the one before"
    );

    let batch = outbox.take(usize::MAX);
    assert_eq!(batch.received, [Some(at(5)), Some(at(7)), Some(at(11))]);
    assert_eq!(since(&outbox), expected, "in flight is not confirmed");
    outbox.received(at(20));
    outbox.offer(&resource(), &key("c"), state(true, "s"));
    outbox.commit(&batch);
    assert_eq!(since(&outbox), BTreeMap::from([(pods, at(20))]));
}
