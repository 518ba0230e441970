//! Checks of what is known against the API server.

use std::time::Duration;

use meshsync::{BuildError, MeshSync, Timing};
use meshsync_sim::Sim;
use meshsync_testkit::eventually;

use crate::support::{DEADLINE, Running, builder, config_map, only};

/// Checks every moment, and of a difference that lasts this long.
fn busy() -> Timing {
    let mut timing = Timing::default();
    timing.verify_interval_min = Duration::ZERO;
    timing.verify_settle = Duration::from_secs(1);
    timing
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_find_nothing_in_health_while_much_changes() {
    let sim = Sim::builder().start().await.unwrap();
    for n in 0..1_200 {
        sim.apply(config_map(&format!("c-{n}"), "1")).unwrap();
    }
    let builder = builder(&sim)
        .select(only(&["configmaps", "namespaces"]))
        .timing(busy())
        .verify_interval(Duration::from_millis(20));
    let running = Running::start(builder);
    running.synced().await;
    let checks = |resource| running.resource(resource).checks;
    let mut round = 0;
    eventually("several checks of each", DEADLINE, async || {
        round += 1;
        let name = format!("c-{}", round % 50);
        if round % 5 == 0 {
            // It is there, or was deleted before.
            drop(sim.delete("", "configmaps", Some("default"), &name));
        } else {
            sim.apply(config_map(&name, &round.to_string())).unwrap();
        }
        checks("configmaps") >= 3 && checks("namespaces") >= 3
    })
    .await;
    for resource in running.monitor.resources() {
        assert_eq!(resource.drift, 0, "{:?}", resource.verified);
    }
    let last = running.resource("namespaces").verified.unwrap();
    assert_eq!(last.objects, 4);
    running.equals(&sim, "after it").await;
    running.stop().await;
}

#[test]
fn checks_too_often_are_refused_and_say_how_often_is_possible() {
    let build = |seconds| {
        let builder = MeshSync::builder().verify_interval(Duration::from_secs(seconds));
        builder.build().map(drop)
    };
    assert_eq!(build(300), Ok(()));
    let error = build(299).unwrap_err();
    assert!(matches!(error, BuildError::VerifyTooOften { .. }));
    assert!(
        error.to_string().contains("every 300s or less often"),
        "{error}"
    );
}
