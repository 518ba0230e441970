use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn object<'a>(name: &'a str, uid: &'a str) -> ObjectRef<'a> {
    ObjectRef {
        namespace: Some("n"),
        name,
        uid,
    }
}

const NOBODY: SinkSet = SinkSet::NONE;

fn sinks() -> SinkSet {
    SinkSet::first(2)
}

#[test]
fn states_are_told_apart_by_uid_and_version_equality() {
    let mut ledger = Ledger::new();
    assert_eq!(ledger.apply(object("a", "u1"), "7"), Seen::Added);
    assert_eq!(ledger.apply(object("a", "u1"), "7"), Seen::Unchanged);
    assert_eq!(
        ledger.apply(object("a", "u1"), "6"),
        Seen::Modified,
        "versions have no order"
    );
    ledger.settle(object("a", "u1"), sinks(), sinks());
    assert_eq!(
        ledger.apply(object("a", "u2"), "6"),
        Seen::Reborn(Gone {
            uid: Uid::new("u1"),
            given: sinks()
        })
    );
    assert_eq!(
        ledger.given(object("a", "u2")),
        NOBODY,
        "nobody has been given the new one"
    );
    assert_eq!(
        ledger.remove(object("a", "u1")),
        None,
        "another object lives there"
    );
    assert_eq!(ledger.remove(object("b", "u1")), None);
    assert_eq!(ledger.len(), 1);
    assert!(ledger.remove(object("a", "u2")).is_some());
    assert!(ledger.is_empty());
}

#[test]
fn only_a_complete_pass_says_what_is_gone() {
    let mut ledger = Ledger::new();
    ledger.begin_pass();
    for name in ["a", "b", "c"] {
        ledger.apply(object(name, name), "1");
    }
    assert!(ledger.unseen().is_empty());
    ledger.begin_pass();
    ledger.apply(object("a", "a"), "1");
    // Interrupted: another pass begins and must not forget b and c, nor a.
    ledger.begin_pass();
    ledger.apply(object("b", "b"), "1");
    let mut unseen = ledger.unseen();
    unseen.sort();
    assert_eq!(
        unseen.iter().map(|o| &*o.name).collect::<Vec<_>>(),
        ["a", "c"]
    );
}

#[test]
fn what_a_sink_did_not_take_is_owed_to_it() {
    let mut ledger = Ledger::new();
    let (first, second) = (SinkSet::one(0), SinkSet::one(1));
    ledger.apply(object("a", "u1"), "1");
    ledger.settle(object("a", "u1"), sinks(), first);
    assert_eq!(ledger.owed(), second);
    assert_eq!(ledger.dirty(object("a", "u1"), "1"), second);
    assert_eq!(
        ledger.dirty(object("a", "u1"), "2"),
        NOBODY,
        "its own event will bring that state"
    );
    ledger.settle(object("a", "u1"), second, second);
    assert!(ledger.owed().is_empty() && ledger.owed_count() == 0);

    let gone = ledger.remove(object("a", "u1")).unwrap();
    assert_eq!(gone.given, sinks());
    let grave = Grave {
        uid: gone.uid.clone(),
        pending: second,
        reason: None,
    };
    ledger.bury(object("a", "u1"), grave);
    assert_eq!((ledger.owed(), ledger.len()), (second, 0));
    // Born again before the second sink could be told: its state has to wait.
    assert_eq!(ledger.apply(object("a", "u2"), "5"), Seen::Added);
    assert_eq!(ledger.mourned(object("a", "u2")), second);
    ledger.settle(object("a", "u2"), sinks(), first);
    assert_eq!(ledger.dirty(object("a", "u2"), "5"), NOBODY);
    ledger.mourn(object("a", ""), &gone.uid, second);
    assert_eq!(ledger.dirty(object("a", "u2"), "5"), second);
    ledger.settle(object("a", "u2"), second, second);
    assert!(ledger.owed().is_empty() && ledger.owed_count() == 0);
}

#[test]
fn an_object_gone_before_it_was_given_owes_nothing() {
    let mut ledger = Ledger::new();
    ledger.apply(object("a", "u1"), "1");
    ledger.settle(object("a", "u1"), sinks(), SinkSet::NONE);
    assert!(ledger.owed_count() > 0);
    assert_eq!(
        ledger.remove(object("a", "u1")).unwrap().given,
        SinkSet::NONE
    );
    assert!(ledger.owed().is_empty() && ledger.owed_count() == 0);
}

#[test]
fn a_namespace_is_forgotten_with_its_last_entry() {
    let mut ledger = Ledger::new();
    for n in 0..100 {
        let namespace = format!("ci-{n}");
        let object = ObjectRef {
            namespace: Some(&namespace),
            name: "x",
            uid: "u",
        };
        ledger.apply(object, "1");
        assert_eq!(ledger.objects()[0].namespace.as_deref(), Some(&*namespace));
        ledger.remove(object);
    }
    assert_eq!(ledger.namespaces.len(), 0);
}

#[derive(Clone, Debug)]
enum Step {
    Apply {
        name: u8,
        uid: u8,
        version: u8,
    },
    Remove {
        name: u8,
        uid: u8,
    },
    /// A pass that shows these objects; cut off when `complete` is false.
    Pass {
        shown: Vec<(u8, u8, u8)>,
        complete: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let state = (0..5u8, 0..3u8, 0..4u8);
    prop_oneof![
        state
            .clone()
            .prop_map(|(name, uid, version)| Step::Apply { name, uid, version }),
        (0..5u8, 0..3u8).prop_map(|(name, uid)| Step::Remove { name, uid }),
        (prop::collection::vec(state, 0..5), any::<bool>())
            .prop_map(|(shown, complete)| Step::Pass { shown, complete }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(meshsync_testkit::cases(2000)))]

    /// Whatever happens, what the verdicts said adds up to what was shown.
    #[test]
    fn verdicts_add_up(steps in prop::collection::vec(step(), 0..40)) {
        let mut ledger = Ledger::new();
        let mut world: BTreeMap<u8, (u8, u8)> = BTreeMap::new();
        let mut told: BTreeMap<u8, (u8, u8)> = BTreeMap::new();
        let apply = |ledger: &mut Ledger, told: &mut BTreeMap<u8, (u8, u8)>, (name, uid, version): (u8, u8, u8)| {
            let (n, u, v) = (name.to_string(), uid.to_string(), version.to_string());
            let before = told.insert(name, (uid, version));
            let seen = ledger.apply(object(&n, &u), &v);
            match before {
                None => assert_eq!(seen, Seen::Added),
                Some((old, _)) if old != uid => assert!(matches!(seen, Seen::Reborn(_))),
                Some((_, old)) if old != version => assert_eq!(seen, Seen::Modified),
                Some(_) => assert_eq!(seen, Seen::Unchanged),
            }
        };
        for step in steps {
            match step {
                Step::Apply { name, uid, version } => {
                    world.insert(name, (uid, version));
                    apply(&mut ledger, &mut told, (name, uid, version));
                }
                Step::Remove { name, uid } => {
                    let (n, u) = (name.to_string(), uid.to_string());
                    let lives = world.get(&name).is_some_and(|(own, _)| *own == uid);
                    prop_assert_eq!(ledger.remove(object(&n, &u)).is_some(), lives);
                    if lives {
                        world.remove(&name);
                        told.remove(&name);
                    }
                }
                Step::Pass { shown, complete } => {
                    ledger.begin_pass();
                    let shown: BTreeMap<u8, (u8, u8)> = shown.into_iter().map(|(n, u, v)| (n, (u, v))).collect();
                    for (name, (uid, version)) in &shown {
                        world.insert(*name, (*uid, *version));
                        apply(&mut ledger, &mut told, (*name, *uid, *version));
                    }
                    if complete {
                        for gone in ledger.unseen() {
                            prop_assert!(ledger.remove(gone.as_ref()).is_some());
                            told.remove(&gone.name.parse().unwrap());
                        }
                        world = shown;
                    }
                }
            }
            prop_assert_eq!(&told, &world);
            prop_assert_eq!(ledger.len(), world.len() as u64);
            prop_assert_eq!(ledger.namespaces.len(), usize::from(!world.is_empty()));
        }
    }
}
