//! One case: what happens, in order, and what must be true at its end.

use std::sync::Arc;
use std::time::Duration;

use meshsync_discovery::View;
use meshsync_model::{ClusterId, Gvk, Resource};
use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::server::{Cut, NAMES, Server, Trouble};
use super::sinks::{SINKS, Sinks};
use crate::chance;
use crate::pace::{Pace, Pacer};
use crate::picture::{Estate, Graves};
use crate::status::{ResourceStatus, StatusBoard};
use crate::task::{Setup, Task, orders};
use crate::{Timing, VerifyConfig};

/// How initial lists are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    WatchList,
    Pages,
}

/// Whether what is known is checked now and then. That must not disturb, and must
/// not be needed either.
#[derive(Clone, Copy, Debug)]
pub(super) enum Checks {
    Often,
    Never,
}

/// Something happens.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Write(&'static str),
    Delete(&'static str),
    /// Gone and there again, as another object.
    Rebirth(&'static str),
    /// Written so that lists cannot show it.
    Garble(&'static str),
    /// Time passes: milliseconds.
    Pass(u64),
    Cut(Cut),
    Trouble(Trouble),
    Compact,
    Restart,
    BackUp,
    /// The store goes back, and the server is found so by the task.
    Restore {
        refuses_future: bool,
    },
    /// The last events once more.
    Replay(usize),
    Bookmark,
    NoBookmarks,
    WatchListRefused(bool),
    /// Streams are open and nothing comes.
    Silence,
    Heal,
    /// A sink takes so many more changes, or any number.
    Room(usize, Option<u32>),
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    seed: u64,
    /// Objects that are there from the beginning.
    before: usize,
    ops: Vec<Op>,
}

fn op() -> impl Strategy<Value = Op> {
    let name = || prop::sample::select(&NAMES[..]);
    let cut = prop_oneof![
        Just(Cut::Clean),
        Just(Cut::Broken),
        Just(Cut::MidLine),
        prop::sample::select(&[410u16, 500, 429][..]).prop_map(Cut::Status),
    ];
    let retry_after = prop::option::of(0..5u64);
    let trouble = prop_oneof![
        (
            prop::sample::select(&[401u16, 403, 404, 410, 429, 500, 503, 504][..]),
            retry_after
        )
            .prop_map(|(code, retry_after)| Trouble::Status { code, retry_after }),
        Just(Trouble::Broken),
        (0..100usize).prop_map(Trouble::CutAt),
        (0..100usize).prop_map(Trouble::CutAt),
        (1..8u64).prop_map(Trouble::Lag),
        (1..8u64).prop_map(Trouble::Lag),
    ];
    prop_oneof![
        6 => name().prop_map(Op::Write),
        3 => name().prop_map(Op::Delete),
        3 => name().prop_map(Op::Rebirth),
        1 => name().prop_map(Op::Garble),
        5 => prop::sample::select(&[0u64, 1, 300, 5_000, 400_000][..]).prop_map(Op::Pass),
        3 => cut.prop_map(Op::Cut),
        3 => trouble.prop_map(Op::Trouble),
        1 => Just(Op::Compact),
        1 => Just(Op::Restart),
        1 => Just(Op::BackUp),
        1 => any::<bool>().prop_map(|refuses_future| Op::Restore { refuses_future }),
        1 => (1..4usize).prop_map(Op::Replay),
        1 => Just(Op::Bookmark),
        1 => Just(Op::NoBookmarks),
        1 => any::<bool>().prop_map(Op::WatchListRefused),
        1 => Just(Op::Silence),
        1 => Just(Op::Heal),
        4 => (0..SINKS, prop::option::of(0..3u32)).prop_map(|(at, room)| Op::Room(at, room)),
    ]
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let ops = prop::collection::vec(op(), 0..30);
    (any::<u64>(), 0..=NAMES.len(), ops).prop_map(|(seed, before, ops)| Case { seed, before, ops })
}

/// Runs a case; says what is wrong.
pub(super) fn run(way: Way, checks: Checks, case: &Case) -> Result<(), String> {
    chance::repeat(case.seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(play(way, checks, case))
}

async fn play(way: Way, checks: Checks, case: &Case) -> Result<(), String> {
    let server = Server::new();
    for name in &NAMES[..case.before] {
        server.lock().write(name);
    }
    let sinks = Sinks::new(&server);
    let stop = CancellationToken::new();
    let verify = match checks {
        Checks::Often => Some(VerifyConfig::every(Duration::from_secs(300))),
        Checks::Never => None,
    };
    let task = task(way, &server, &sinks, &stop, verify).0;
    let task = tokio::spawn(task.run());
    for op in &case.ops {
        happen(op, &server, &sinks).await;
    }
    server.lock().heal();
    (0..SINKS).for_each(|at| sinks.set_room(at, None));
    // Longer than the longest of all times.
    pass(1_200_000).await;
    server.lock().bookmark();
    pass(1_200_000).await;
    stop.cancel();
    let ended = task.await;
    let server = server.lock();
    let mut shared = sinks.lock();
    let mut wrong = std::mem::take(&mut shared.violations);
    match ended {
        Ok(end) if end.graves.is_empty() => {}
        Ok(graves) => wrong.push(format!("still owed at the end: {graves:?}")),
        Err(error) => wrong.push(format!("the task panicked: {error}")),
    }
    for (at, sink) in shared.sinks.iter().enumerate() {
        if !sink.equals(&server.objects) {
            wrong.push(format!(
                "sink {at} holds {:?} and the server {:?}",
                sink.held, server.objects
            ));
        } else if sink.synced == 0 {
            wrong.push(format!("sink {at} was never told that it is in sync"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\n{case:?}\nrequests:\n{}\nsinks:\n{}",
        wrong.join("\n"),
        server.log().join("\n"),
        shared.log.join("\n")
    ))
}

pub(super) fn task(
    way: Way,
    server: &Server,
    sinks: &Sinks,
    stop: &CancellationToken,
    verify: Option<VerifyConfig>,
) -> (Task<Sinks>, Arc<ResourceStatus>) {
    let resource = Arc::new(Resource::new(
        Gvk::new("", "v1", "ConfigMap"),
        "configmaps",
        true,
    ));
    let status = StatusBoard::default().enter(&resource);
    let task = Task::new(Setup {
        client: server.client(),
        status: Arc::clone(&status),
        resource,
        scope: ClusterId::new("c").unwrap(),
        ordered: orders(View::default()).1,
        deliver: sinks.clone(),
        watch_list: matches!(way, Way::WatchList),
        pacer: Arc::new(Pacer::new(&Pace::default())),
        turn: None,
        discover: None,
        stop: stop.clone(),
        retire: CancellationToken::new(),
        unselected: CancellationToken::new(),
        hand_over: CancellationToken::new(),
        part: CancellationToken::new(),
        graves: Graves::new(),
        estate: Estate::default(),
        refused: None,
        delay: Duration::ZERO,
        timing: Timing::default(),
        verify,
    });
    (task, status)
}

pub(super) async fn pass(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

async fn happen(op: &Op, server: &Server, sinks: &Sinks) {
    match op {
        Op::Pass(milliseconds) => return pass(*milliseconds).await,
        Op::Room(at, room) => return sinks.set_room(*at, *room),
        Op::Restore { refuses_future } => {
            {
                let mut server = server.lock();
                server.heal();
                server.refuses_future = *refuses_future;
                server.restore();
            }
            // Were it written to before anybody looks, nobody could ever tell.
            pass(400_000).await;
            server.lock().bookmark();
            return pass(400_000).await;
        }
        _ => {}
    }
    let mut server = server.lock();
    match op {
        Op::Write(name) => server.write(name),
        Op::Delete(name) => server.delete(name),
        Op::Rebirth(name) => {
            server.delete(name);
            server.write(name);
        }
        Op::Garble(name) => server.garble(name),
        Op::Cut(cut) => server.cut(*cut, false),
        Op::Trouble(trouble) => server.troubles.push(trouble.clone()),
        Op::Compact => server.compact(),
        Op::Restart => server.restart(),
        Op::BackUp => server.back_up(),
        Op::Replay(count) => server.replay(*count),
        Op::Bookmark => server.bookmark(),
        Op::NoBookmarks => server.no_bookmarks = true,
        Op::WatchListRefused(refused) => server.no_watch_list = *refused,
        Op::Silence => server.set_silent(true),
        Op::Heal => server.heal(),
        Op::Pass(_) | Op::Room(..) | Op::Restore { .. } => {}
    }
}
