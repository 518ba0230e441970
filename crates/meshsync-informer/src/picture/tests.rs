use std::future::pending;
use std::sync::Mutex;

use meshsync_model::{Gvk, Index};

use super::*;
use crate::Room;
use crate::status::StatusBoard;

/// Two sinks that can be full, and what they were given.
#[derive(Clone, Default)]
struct Sinks(Arc<Mutex<(SinkSet, Vec<String>, usize)>>);

struct Never;

impl Room for Never {
    async fn free(&mut self) {}

    fn reachable(&self) -> SinkSet {
        SinkSet::first(2)
    }

    async fn again(&mut self) {
        pending().await
    }
}

impl Sinks {
    fn full(&self, full: &[usize]) {
        let full = full.iter().map(|at| SinkSet::one(*at));
        self.0.lock().unwrap().0 = full.fold(SinkSet::NONE, SinkSet::with);
    }

    fn log(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }

    fn offers(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().2)
    }

    fn take(&self, what: &str, to: SinkSet) -> SinkSet {
        let mut shared = self.0.lock().unwrap();
        shared.2 += to.iter().count();
        let taken = to.without(shared.0);
        let lines = taken.iter().map(|at| format!("{at} {what}"));
        shared.1.extend(lines);
        taken
    }
}

impl Deliver for Sinks {
    type Room = Never;

    fn sinks(&self) -> SinkSet {
        SinkSet::first(2)
    }

    fn state(&mut self, _: &Context<'_>, object: &Object<'_>, to: SinkSet, _: SinkSet) -> SinkSet {
        self.take(&format!("STATE {} {}", object.name(), object.uid()), to)
    }

    fn delete(&mut self, _: &Context<'_>, deleted: Deleted<'_>, to: SinkSet) -> SinkSet {
        let object = match &deleted {
            Deleted::Last(object) => object.object_ref(),
            Deleted::Partial(object) => *object,
        };
        self.take(&format!("DELETED {} {}", object.name, object.uid), to)
    }

    fn synced(&mut self, _: &Context<'_>, _: &Change<'_>, to: SinkSet) {
        self.take("SYNCED", to);
    }

    fn room(&self) -> Never {
        Never
    }
}

fn picture() -> (Picture<Sinks>, Sinks) {
    let resource = Arc::new(Resource::new(
        Gvk::new("", "v1", "ConfigMap"),
        "configmaps",
        true,
    ));
    let sinks = Sinks::default();
    let status = StatusBoard::default().enter(&resource);
    let picture = Picture::new(
        resource,
        ClusterId::new("c").unwrap(),
        View::default(),
        sinks.clone(),
        status,
    );
    (picture, sinks)
}

fn with<T>(name: &str, uid: &str, version: &str, f: impl FnOnce(&Object<'_>) -> T) -> T {
    let text = format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"n","uid":"{uid}","resourceVersion":"{version}"}}}}"#
    );
    f(&Index::new().parse(text.as_bytes()).unwrap())
}

fn apply(picture: &mut Picture<Sinks>, name: &str, uid: &str, version: &str) {
    with(name, uid, version, |object| picture.apply(object));
}

fn delete(picture: &mut Picture<Sinks>, name: &str, uid: &str) {
    with(name, uid, "9", |object| picture.delete(object));
}

#[test]
fn a_sink_is_told_synced_whoever_pays_its_last_debt() {
    let pay: [fn(&mut Picture<Sinks>); 3] = [
        |picture| apply(picture, "a", "u", "6"),
        |picture| delete(picture, "a", "u"),
        |picture| with("a", "u", "1", |object| picture.repay_state(object)),
    ];
    for pay in pay {
        let (mut picture, sinks) = picture();
        sinks.full(&[0]);
        picture.begin_pass(History::Known(None));
        apply(&mut picture, "a", "u", "1");
        picture.finish_pass("5", true);
        assert!(!sinks.log().contains(&"0 SYNCED".to_owned()));
        sinks.full(&[]);
        pay(&mut picture);
        assert_eq!(sinks.log().last().map(String::as_str), Some("0 SYNCED"));
    }
}

#[test]
fn one_sinks_outage_holds_up_no_other_sinks_deletes() {
    let (mut picture, sinks) = picture();
    picture.begin_pass(History::Known(None));
    apply(&mut picture, "a", "u1", "1");
    picture.finish_pass("1", true);
    sinks.full(&[0]);
    delete(&mut picture, "a", "u1");
    apply(&mut picture, "a", "u2", "3");
    sinks.full(&[0, 1]);
    delete(&mut picture, "a", "u2");
    sinks.full(&[0]);
    picture.repay_deletes();
    assert!(sinks.log().contains(&"1 DELETED a u2".to_owned()));
    sinks.full(&[]);
    picture.repay_deletes();
    let of_first: Vec<_> = sinks
        .log()
        .into_iter()
        .filter(|line| line.starts_with("0 D"))
        .collect();
    assert_eq!(
        of_first,
        ["0 DELETED a u1"],
        "it was never given the second"
    );
    assert_eq!(picture.owed_count(), 0);
}

#[test]
fn a_full_sink_is_asked_once_a_round() {
    let (mut picture, sinks) = picture();
    picture.begin_pass(History::Known(None));
    for n in 0..100 {
        apply(&mut picture, &n.to_string(), "u", "1");
    }
    picture.finish_pass("1", true);
    sinks.full(&[0, 1]);
    for n in 0..100 {
        delete(&mut picture, &n.to_string(), "u");
    }
    sinks.offers();
    picture.repay_deletes();
    assert!(sinks.offers() <= 2);
}

#[test]
fn what_an_unreadable_pass_did_not_show_is_confirmed_before_it_is_gone() {
    let (mut picture, sinks) = picture();
    picture.begin_pass(History::Known(None));
    for name in ["a", "b", "c"] {
        apply(&mut picture, name, name, "1");
    }
    assert!(picture.finish_pass("1", true).is_empty());
    picture.begin_pass(History::Known(None));
    apply(&mut picture, "a", "a", "1");
    let mut unconfirmed = picture.finish_pass("2", false);
    unconfirmed.sort();
    assert_eq!(unconfirmed.len(), 2);
    let synced = |sinks: &Sinks| {
        sinks
            .log()
            .iter()
            .filter(|line| *line == "0 SYNCED")
            .count()
    };
    assert_eq!(synced(&sinks), 1, "the second is withheld");
    // b changes before the answer about it comes: it is there.
    apply(&mut picture, "b", "b", "3");
    picture.confirmed_gone(&unconfirmed[0]);
    picture.confirmed_gone(&unconfirmed[1]);
    picture.confirmed();
    assert!(!sinks.log().contains(&"0 DELETED b b".to_owned()));
    assert!(sinks.log().contains(&"0 DELETED c c".to_owned()));
    assert_eq!(synced(&sinks), 2);
}

#[test]
fn graves_are_handed_to_the_next_picture() {
    let (mut old, sinks) = picture();
    old.begin_pass(History::Known(None));
    apply(&mut old, "a", "u1", "1");
    old.finish_pass("1", true);
    sinks.full(&[1]);
    old.retire(None);
    let graves = old.graves();
    assert_eq!(graves.len(), 1);
    let (mut next, sinks) = picture();
    next.inherit(graves);
    apply(&mut next, "a", "u2", "1");
    next.repay_deletes();
    with("a", "u2", "1", |object| next.repay_state(object));
    let of_second: Vec<_> = sinks
        .log()
        .into_iter()
        .filter(|line| line.starts_with('1'))
        .collect();
    assert_eq!(of_second, ["1 DELETED a u1", "1 STATE a u2"]);
}

#[test]
fn a_guarded_pass_takes_no_state_from_before_what_is_known() {
    let (mut picture, sinks) = picture();
    picture.begin_pass(History::Known(None));
    apply(&mut picture, "a", "a", "5");
    apply(&mut picture, "b", "b", "7");
    picture.finish_pass("8", true);
    delete(&mut picture, "b", "b");
    let before = sinks.log();
    picture.begin_pass(History::Known(Some(ResourceVersion::new("9"))));
    // An older state, a deleted object, an earlier life.
    apply(&mut picture, "a", "a", "4");
    apply(&mut picture, "b", "b", "7");
    apply(&mut picture, "a", "before", "3");
    assert_eq!(sinks.log(), before);
    assert!(picture.is_contradicted());
    // What is known, and news.
    picture.begin_pass(History::Known(Some(ResourceVersion::new("9"))));
    apply(&mut picture, "a", "a", "5");
    apply(&mut picture, "c", "c", "10");
    apply(&mut picture, "c", "c", "10");
    assert!(!picture.is_contradicted());
    assert_eq!(sinks.log().len(), before.len() + 2, "c, for two sinks");
    // A pass that broke off showed a newer state than this one.
    picture.begin_pass(History::Known(Some(ResourceVersion::new("9"))));
    apply(&mut picture, "a", "a", "12");
    picture.begin_pass(History::Known(Some(ResourceVersion::new("9"))));
    apply(&mut picture, "a", "a", "11");
    assert!(picture.is_contradicted());
}

#[test]
fn in_another_history_even_an_equal_version_is_news() {
    let (mut picture, sinks) = picture();
    picture.begin_pass(History::Known(None));
    apply(&mut picture, "a", "a", "5");
    picture.finish_pass("8", true);
    picture.begin_pass(History::Another);
    apply(&mut picture, "a", "a", "5");
    picture.finish_pass("6", true);
    let states = sinks.log().iter().filter(|l| *l == "0 STATE a a").count();
    assert_eq!(states, 2);
    // Once only.
    picture.begin_pass(History::Known(Some(ResourceVersion::new("6"))));
    apply(&mut picture, "a", "a", "5");
    let states = sinks.log().iter().filter(|l| *l == "0 STATE a a").count();
    assert_eq!(states, 2);
}
