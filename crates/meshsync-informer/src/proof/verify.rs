//! The check against the server: it finds and repairs what a defect loses, and
//! finds nothing where there is nothing to find.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::case::{Way, pass, task};
use super::server::{NAMES, Server};
use super::sinks::Sinks;
use crate::mutation::{self, Mutation};
use crate::status::ResourceSnapshot;
use crate::{SinkSet, VerifyConfig};

/// Runs a task while `f` happens, with a check every five minutes.
fn with_checks(f: impl AsyncFnOnce(&Server)) -> (ResourceSnapshot, Server, Sinks) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = Server::new();
        let sinks = Sinks::new(&server);
        let stop = CancellationToken::new();
        server.lock().write("a");
        server.lock().write("b");
        let verify = VerifyConfig::every(Duration::from_secs(300));
        let (task, status) = task(Way::WatchList, &server, &sinks, &stop, Some(verify));
        let task = tokio::spawn(task.run());
        pass(1_000).await;
        f(&server).await;
        stop.cancel();
        task.await.unwrap();
        (status.snapshot(), server, sinks)
    })
}

fn is_complete(server: &Server, sinks: &Sinks) -> bool {
    let (server, shared) = (server.lock(), sinks.lock());
    assert_eq!(shared.violations, Vec::<String>::new());
    SinkSet::first(shared.sinks.len())
        .iter()
        .all(|at| shared.sinks[at].equals(&server.objects))
}

#[test]
fn what_a_watch_lost_is_found_by_name_and_repaired() {
    mutation::with(Mutation::LoseEvents, || {
        let (status, server, sinks) = with_checks(async |server| {
            {
                let mut server = server.lock();
                server.write("a");
                server.delete("b");
                server.write("c");
            }
            // Time for one check.
            pass(400_000).await;
        });
        assert!(is_complete(&server, &sinks));
        assert_eq!((status.checks, status.drift), (1, 3));
        let mut names = status.verified.unwrap().names;
        names.sort();
        assert_eq!(names, ["n/a: other version", "n/b: extra", "n/c: missing"]);
    });
}

#[test]
fn where_nothing_changes_a_check_costs_one_list() {
    let (status, server, _) = with_checks(async |_| pass(3_600_000).await);
    assert!(status.checks >= 9, "{}", status.checks);
    let server = server.lock();
    let lists = server
        .log()
        .iter()
        .filter(|request| request.contains("limit=500"))
        .count();
    assert_eq!(lists as u64, status.checks);
}

#[test]
fn nothing_is_found_in_health_whatever_changes() {
    let (status, server, sinks) = with_checks(async |server| {
        for round in 0..20_000 {
            let name = NAMES[round % NAMES.len()];
            if round % 7 == 0 {
                server.lock().delete(name);
            } else {
                server.lock().write(name);
            }
            pass(97).await;
        }
        pass(600_000).await;
    });
    assert!(is_complete(&server, &sinks));
    assert!(status.checks >= 4, "{}", status.checks);
    assert_eq!(status.drift, 0, "{:?}", status.verified);
}
