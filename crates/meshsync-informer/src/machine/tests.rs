use meshsync_model::ResourceVersion;

use super::history::{CONTRADICTIONS_MAX, DOUBTS_MAX};
use super::refusals::{REFUSED_HERE_MAX, TOO_LARGE_MAX};
use super::*;

const BEGUN: Meaning = Meaning::PassBegun {
    history: History::Known(None),
};

fn new(watch_list: bool) -> Machine {
    Machine::new(watch_list, Timing::default())
}

fn begun(history: History) -> Meaning {
    Meaning::PassBegun { history }
}

fn known(v: &str) -> History {
    History::Known(Some(ResourceVersion::new(v)))
}

fn done(v: &str) -> Meaning {
    Meaning::PassDone {
        version: version(v),
    }
}

fn events_end(v: &str) -> Answer {
    Answer::InitialEventsEnd {
        version: version(v),
        contradicted: false,
    }
}

fn progress(v: &str) -> Answer {
    Answer::Progress {
        version: version(v),
    }
}

fn refusal(code: u16) -> Answer {
    Answer::Refused(Refusal {
        code,
        ..Refusal::default()
    })
}

fn version(v: &str) -> String {
    v.to_owned()
}

fn page(token: Option<&str>, paged: bool) -> Step {
    Step::Send(Request::Page {
        continue_token: token.map(version),
        paged,
    })
}

fn page_end(v: &str, token: Option<&str>) -> Answer {
    Answer::PageEnd {
        version: version(v),
        continue_token: token.map(version),
        contradicted: false,
    }
}

fn watch(v: &str) -> Step {
    Step::Send(Request::Watch {
        version: version(v),
    })
}

const ENDED: Answer = Answer::Ended { lived: false };

const WATCH_LIST: Step = Step::Send(Request::WatchList);

/// Steps over waits, and over probes by a server that did not go back.
fn next(machine: &mut Machine) -> Step {
    loop {
        match machine.step() {
            Step::Wait(_) => {}
            Step::Send(Request::Probe) => {
                assert_eq!(machine.on(probed("1000000"), 0.0), Meaning::Continue);
            }
            step => return step,
        }
    }
}

fn probed(v: &str) -> Answer {
    Answer::Probed {
        version: version(v),
    }
}

/// A machine that is live at `v`.
fn live(v: &str) -> Machine {
    let mut machine = new(true);
    machine.step();
    machine.on(Answer::Opened, 0.0);
    machine.on(events_end(v), 0.0);
    machine
}

#[test]
fn watch_list_goes_on_as_the_watch_and_resumes_where_it_was() {
    let mut machine = new(true);
    assert_eq!(machine.step(), WATCH_LIST);
    assert_eq!(machine.on(Answer::Opened, 0.0), BEGUN);
    machine.on(
        Answer::Progress {
            version: version("3"),
        },
        0.0,
    );
    assert_eq!(
        machine.on(events_end("9"), 0.0),
        Meaning::PassDone {
            version: version("9")
        }
    );
    machine.on(
        Answer::Progress {
            version: version("12"),
        },
        0.0,
    );
    assert_eq!(machine.on(ENDED, 0.0), Meaning::Continue);
    assert_eq!(
        machine.step(),
        watch("12"),
        "a regular end is resumed at once"
    );
    assert_eq!(machine.on(Answer::Opened, 0.0), Meaning::Resumed);
    machine.on(ENDED, 0.0);
    assert!(
        matches!(machine.step(), Step::Wait(_)),
        "an end without events is not"
    );
    assert_eq!(machine.step(), watch("12"));
}

#[test]
fn a_server_without_watch_list_is_listed_in_pages() {
    for code in [400, 422] {
        let mut machine = new(true);
        machine.step();
        assert_eq!(machine.on(refusal(code), 0.0), Meaning::Continue);
        assert_eq!(machine.step(), page(None, true));
        assert_eq!(machine.on(Answer::Opened, 0.0), BEGUN);
        assert_eq!(machine.on(page_end("5", Some("t")), 0.0), Meaning::Continue);
        assert_eq!(machine.step(), page(Some("t"), true));
        assert_eq!(machine.on(Answer::Opened, 0.0), Meaning::Continue);
        assert_eq!(
            machine.on(page_end("5", None), 0.0),
            Meaning::PassDone {
                version: version("5")
            }
        );
        assert_eq!(machine.step(), watch("5"));
        machine.relist();
        assert_eq!(machine.step(), page(None, true), "it is not asked again");
    }
}

#[test]
fn an_expired_position_leads_to_a_relist() {
    let mut machine = live("9");
    assert_eq!(machine.on(refusal(410), 0.0), Meaning::Continue);
    assert_eq!(next(&mut machine), WATCH_LIST);
    assert_eq!(machine.on(Answer::Opened, 0.0), begun(known("9")));
}

#[test]
fn a_list_that_expires_between_pages_starts_over_and_then_comes_whole() {
    let mut machine = new(false);
    for _ in 0..2 {
        assert_eq!(next(&mut machine), page(None, true));
        assert_eq!(machine.on(Answer::Opened, 0.0), BEGUN);
        machine.on(page_end("5", Some("t")), 0.0);
        assert_eq!(next(&mut machine), page(Some("t"), true));
        machine.on(refusal(410), 0.0);
    }
    assert_eq!(next(&mut machine), page(None, false));
    assert_eq!(machine.on(Answer::Opened, 0.0), BEGUN);
    assert_eq!(
        machine.on(page_end("5", None), 0.0),
        Meaning::PassDone {
            version: version("5")
        }
    );
}

#[test]
fn a_broken_watch_resumes_and_a_broken_watch_list_starts_over() {
    let mut machine = live("9");
    assert_eq!(machine.on(Answer::Broken, 0.0), Meaning::Failing);
    assert_eq!(next(&mut machine), watch("9"));

    let mut machine = new(true);
    for expected in [WATCH_LIST, WATCH_LIST, WATCH_LIST, page(None, true)] {
        assert_eq!(next(&mut machine), expected);
        machine.on(Answer::Opened, 0.0);
        machine.on(ENDED, 0.0);
    }
}

#[test]
fn refusals_wait_longer_each_time_and_keep_the_position() {
    for (code, meaning) in [
        (403, Meaning::Forbidden),
        (404, Meaning::Missing),
        (405, Meaning::Missing),
        (401, Meaning::Failing),
        (429, Meaning::Failing),
        (500, Meaning::Failing),
        (503, Meaning::Failing),
    ] {
        let mut machine = live("9");
        let mut last = Duration::ZERO;
        for _ in 0..3 {
            assert_eq!(machine.on(refusal(code), 1.0), meaning, "{code}");
            let Step::Wait(wait) = machine.step() else {
                panic!("{code} must wait")
            };
            assert!(wait > last, "{code}");
            last = wait;
            assert_eq!(machine.step(), watch("9"), "{code}");
        }
    }
}

#[test]
fn retry_after_is_believed_within_bounds() {
    for (asked, least) in [(3, 3), (9999, 120)] {
        let mut machine = live("9");
        let answer = Answer::Refused(Refusal {
            code: 429,
            retry_after: Some(Duration::from_secs(asked)),
            ..Refusal::default()
        });
        machine.on(answer, 0.0);
        assert_eq!(machine.step(), Step::Wait(Duration::from_secs(least)));
    }
}

#[test]
fn a_version_from_the_future_is_given_up_after_a_while() {
    let mut machine = live("999");
    let mut asked = 0;
    while next(&mut machine) == watch("999") {
        asked += 1;
        machine.on(
            Answer::Refused(Refusal {
                code: 504,
                message: "Timeout: Too large resource version: 999, current: 5".to_owned(),
                ..Refusal::default()
            }),
            0.0,
        );
    }
    assert_eq!(asked, TOO_LARGE_MAX);
    assert_eq!(machine.step(), WATCH_LIST);
}

#[test]
fn lists_without_a_watch_in_between_come_ever_more_slowly() {
    for code in [410, 400] {
        let mut machine = new(false);
        let mut waited = Duration::ZERO;
        for round in 0..8 {
            if let Step::Wait(wait) = machine.step() {
                assert!(wait > waited, "{code}, round {round}");
                waited = wait;
            } else {
                assert!(
                    round < 2,
                    "{code}, round {round}: the first relist is at once"
                );
            }
            assert_eq!(machine.step(), page(None, true));
            machine.on(Answer::Opened, 1.0);
            machine.on(page_end("5", None), 1.0);
            assert_eq!(machine.step(), watch("5"));
            machine.on(refusal(code), 1.0);
        }
        let mut machine = live("9");
        machine.on(
            Answer::Progress {
                version: version("10"),
            },
            1.0,
        );
        machine.on(refusal(code), 1.0);
        assert_eq!(
            machine.step(),
            WATCH_LIST,
            "{code}: after a live watch at once"
        );
    }
}

#[test]
fn a_list_that_is_always_refused_as_expired_is_failing() {
    let mut machine = new(true);
    let failing = (0..10).filter(|_| {
        next(&mut machine);
        machine.on(refusal(410), 0.0) == Meaning::Failing
    });
    assert_eq!(failing.count(), 9);
    assert!(machine.failures() >= 9);
}

#[test]
fn quiet_watches_that_live_are_resumed_at_once_for_ever() {
    let mut machine = live("9");
    for _ in 0..10 {
        machine.on(Answer::Ended { lived: true }, 1.0);
        assert_eq!(machine.step(), watch("9"));
        machine.on(Answer::Opened, 1.0);
    }
}

#[test]
fn retry_after_zero_does_not_undo_the_back_off() {
    let mut machine = live("9");
    for _ in 0..5 {
        let answer = Answer::Refused(Refusal {
            code: 429,
            retry_after: Some(Duration::ZERO),
            ..Refusal::default()
        });
        machine.on(answer, 0.0);
        let Step::Wait(wait) = machine.step() else {
            panic!("no wait")
        };
        assert!(wait >= *Timing::default().back_off.start() / 2);
    }
}

/// Answers every request of a list from its beginning.
fn list(machine: &mut Machine, answer: Answer) -> Meaning {
    assert_eq!(next(machine), WATCH_LIST);
    machine.on(Answer::Opened, 0.0);
    machine.on(answer, 0.0)
}

#[test]
fn an_expired_position_is_known_by_its_reason_where_the_code_is_missing() {
    let mut machine = live("9");
    let answer = Answer::Refused(Refusal {
        reason: "Expired".to_owned(),
        ..Refusal::default()
    });
    assert_eq!(machine.on(answer, 0.0), Meaning::Continue);
    assert_eq!(machine.step(), WATCH_LIST);
}

#[test]
fn a_position_that_is_always_refused_is_given_up_and_one_that_has_to_wait_is_not() {
    // What the code says about the position: whether it may be at fault.
    for (code, at_fault) in [
        (0, true),
        (500, true),
        (401, false),
        (403, false),
        (429, false),
        (502, false),
        (503, false),
        (504, false),
    ] {
        let mut machine = live("9");
        for _ in 0..REFUSED_HERE_MAX {
            assert_eq!(next(&mut machine), watch("9"), "{code}");
            machine.on(refusal(code), 0.0);
        }
        let expected = if at_fault { WATCH_LIST } else { watch("9") };
        assert_eq!(next(&mut machine), expected, "{code}");
    }
}

#[test]
fn progress_forgives_refusals_at_a_position() {
    let mut machine = live("9");
    for at in 10..30 {
        let at = at.to_string();
        machine.on(refusal(500), 0.0);
        next(&mut machine);
        machine.on(Answer::Opened, 0.0);
        machine.on(progress(&at), 0.0);
        assert_eq!(next(&mut machine), watch(&at));
    }
}

#[test]
fn a_new_token_goes_on_where_the_old_one_was_refused() {
    let mut machine = live("9");
    for _ in 0..20 {
        assert_eq!(machine.on(refusal(401), 0.0), Meaning::Failing);
        assert_eq!(next(&mut machine), watch("9"));
    }
    assert_eq!(machine.on(Answer::Opened, 0.0), Meaning::Resumed);
}

#[test]
fn a_list_from_before_what_was_seen_is_doubted_until_the_server_insists() {
    let mut machine = live("90");
    machine.on(progress("100"), 0.0);
    machine.on(refusal(410), 0.0);
    for doubt in 1..=DOUBTS_MAX {
        assert_eq!(next(&mut machine), WATCH_LIST);
        assert_eq!(machine.on(Answer::Opened, 0.0), begun(known("100")));
        assert_eq!(
            machine.on(events_end("50"), 0.0),
            Meaning::PassDoubted,
            "{doubt}"
        );
        assert!(!machine.has_position());
        assert!(matches!(machine.step(), Step::Wait(_)), "{doubt}");
    }
    assert_eq!(next(&mut machine), WATCH_LIST);
    assert_eq!(machine.on(Answer::Opened, 0.0), begun(History::Another));
    assert_eq!(machine.on(events_end("51"), 0.0), done("51"));
    assert!(!machine.is_back("51") && machine.is_back("50"));
    // From here on that history is the known one.
    machine.on(refusal(410), 0.0);
    next(&mut machine);
    assert_eq!(machine.on(Answer::Opened, 0.0), begun(known("51")));
}

#[test]
fn a_replica_that_lags_is_waited_for() {
    let mut machine = live("100");
    machine.on(refusal(410), 0.0);
    for _ in 1..DOUBTS_MAX {
        assert_eq!(list(&mut machine, events_end("50")), Meaning::PassDoubted);
    }
    assert_eq!(list(&mut machine, events_end("100")), done("100"));
    // The doubts are over, not saved up.
    machine.on(refusal(410), 0.0);
    for _ in 1..DOUBTS_MAX {
        assert_eq!(list(&mut machine, events_end("99")), Meaning::PassDoubted);
    }
    assert_eq!(list(&mut machine, events_end("101")), done("101"));
}

#[test]
fn a_list_that_is_new_and_shows_old_states_tells_of_another_history() {
    let mut machine = live("100");
    machine.on(refusal(410), 0.0);
    let answer = Answer::InitialEventsEnd {
        version: version("200"),
        contradicted: true,
    };
    for _ in 0..CONTRADICTIONS_MAX {
        assert_eq!(list(&mut machine, answer.clone()), Meaning::PassDoubted);
    }
    assert_eq!(next(&mut machine), WATCH_LIST);
    assert_eq!(machine.on(Answer::Opened, 0.0), begun(History::Another));
    assert_eq!(machine.on(events_end("201"), 0.0), done("201"));
}

#[test]
fn what_a_broken_list_showed_was_seen() {
    let mut machine = live("10");
    machine.on(refusal(410), 0.0);
    next(&mut machine);
    machine.on(Answer::Opened, 0.0);
    machine.shown(&ResourceVersion::new("30"));
    machine.on(Answer::Broken, 0.0);
    assert_eq!(list(&mut machine, events_end("20")), Meaning::PassDoubted);
    assert_eq!(list(&mut machine, events_end("30")), done("30"));
}

#[test]
fn lists_whose_version_does_not_go_with_their_objects_are_not_measured() {
    let mut machine = new(true);
    next(&mut machine);
    machine.on(Answer::Opened, 0.0);
    machine.shown(&ResourceVersion::new("1000"));
    assert_eq!(machine.on(events_end("5"), 0.0), done("5"));
    assert!(!machine.is_back("1"));
    machine.on(refusal(410), 0.0);
    next(&mut machine);
    assert_eq!(machine.on(Answer::Opened, 0.0), begun(History::Unordered));
    assert_eq!(machine.on(events_end("4"), 0.0), done("4"));
}

#[test]
fn a_watch_that_goes_back_leads_to_a_list() {
    let mut machine = live("100");
    assert!(machine.is_back("99"));
    for same_or_unordered in ["100", "101", "", "x"] {
        assert!(!machine.is_back(same_or_unordered));
    }
    machine.on(Answer::WentBack, 0.0);
    assert_eq!(machine.step(), WATCH_LIST, "the first time at once");
    machine.on(Answer::Opened, 0.0);
    assert_eq!(machine.on(events_end("100"), 0.0), done("100"));
    machine.on(Answer::WentBack, 0.0);
    assert!(matches!(machine.step(), Step::Wait(_)), "then less often");
}

#[test]
fn bookmarks_that_are_missing_lead_to_pages() {
    // The end of the initial events never comes: silence breaks each stream.
    let mut machine = new(true);
    for _ in 0..BROKEN_MAX {
        assert_eq!(next(&mut machine), WATCH_LIST);
        machine.on(Answer::Opened, 0.0);
        assert_eq!(machine.on(Answer::Broken, 0.0), Meaning::Failing);
    }
    assert_eq!(next(&mut machine), page(None, true));
}

#[test]
fn a_watch_that_broke_goes_on_where_the_server_has_not_gone_back() {
    const PROBE: Step = Step::Send(Request::Probe);
    for (says, expected) in [
        ("101", watch("100")),
        ("100", watch("100")),
        ("99", WATCH_LIST),
    ] {
        let mut machine = live("100");
        machine.on(Answer::Broken, 0.0);
        assert!(matches!(machine.step(), Step::Wait(_)));
        assert_eq!(machine.step(), PROBE);
        // Until it is answered, it is asked.
        machine.on(Answer::Broken, 0.0);
        machine.step();
        assert_eq!(machine.step(), PROBE);
        machine.on(refusal(503), 0.0);
        machine.step();
        assert_eq!(machine.step(), PROBE);
        assert_eq!(machine.on(probed(says), 0.0), Meaning::Continue);
        assert_eq!(machine.step(), expected, "{says}");
    }
    // One that ended as watches do needs none.
    let mut machine = live("100");
    machine.on(ENDED, 0.0);
    assert_eq!(machine.step(), watch("100"));
}
