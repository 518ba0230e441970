use super::*;

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
    }
}

fn watch(v: &str) -> Step {
    Step::Send(Request::Watch {
        version: version(v),
    })
}

const ENDED: Answer = Answer::Ended { lived: false };

const WATCH_LIST: Step = Step::Send(Request::WatchList);

/// Steps over waits.
fn next(machine: &mut Machine) -> Step {
    match machine.step() {
        Step::Wait(_) => machine.step(),
        step => step,
    }
}

/// A machine that is live at `v`.
fn live(v: &str) -> Machine {
    let mut machine = Machine::new(true);
    machine.step();
    machine.on(Answer::Opened, 0.0);
    machine.on(
        Answer::InitialEventsEnd {
            version: version(v),
        },
        0.0,
    );
    machine
}

#[test]
fn watch_list_goes_on_as_the_watch_and_resumes_where_it_was() {
    let mut machine = Machine::new(true);
    assert_eq!(machine.step(), WATCH_LIST);
    assert_eq!(machine.on(Answer::Opened, 0.0), Meaning::PassBegun);
    machine.on(
        Answer::Progress {
            version: version("3"),
        },
        0.0,
    );
    assert_eq!(
        machine.on(
            Answer::InitialEventsEnd {
                version: version("9")
            },
            0.0
        ),
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
        let mut machine = Machine::new(true);
        machine.step();
        assert_eq!(machine.on(refusal(code), 0.0), Meaning::Continue);
        assert_eq!(machine.step(), page(None, true));
        assert_eq!(machine.on(Answer::Opened, 0.0), Meaning::PassBegun);
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
    assert_eq!(machine.on(Answer::Opened, 0.0), Meaning::PassBegun);
}

#[test]
fn a_list_that_expires_between_pages_starts_over_and_then_comes_whole() {
    let mut machine = Machine::new(false);
    for _ in 0..2 {
        assert_eq!(next(&mut machine), page(None, true));
        assert_eq!(machine.on(Answer::Opened, 0.0), Meaning::PassBegun);
        machine.on(page_end("5", Some("t")), 0.0);
        assert_eq!(next(&mut machine), page(Some("t"), true));
        machine.on(refusal(410), 0.0);
    }
    assert_eq!(next(&mut machine), page(None, false));
    assert_eq!(machine.on(Answer::Opened, 0.0), Meaning::PassBegun);
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

    let mut machine = Machine::new(true);
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
        let mut machine = Machine::new(false);
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
    let mut machine = Machine::new(true);
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
        assert!(wait >= BACK_OFF_MIN / 2);
    }
}

#[test]
fn back_off_is_bounded_and_jittered() {
    for failures in 1..200 {
        for jitter in [0.0, 0.5, 1.0] {
            let wait = exponential(BACK_OFF_MIN, BACK_OFF_MAX, failures, jitter);
            assert!(wait >= BACK_OFF_MIN / 2 && wait <= BACK_OFF_MAX);
        }
    }
    assert_ne!(
        exponential(BACK_OFF_MIN, BACK_OFF_MAX, 4, 0.0),
        exponential(BACK_OFF_MIN, BACK_OFF_MAX, 4, 1.0)
    );
}
