//! The process: command line, exit codes, probes.

use meshsync_sim::{Generate, Sim};
use meshsync_testkit::{NatsServer, eventually};
use tokio::process::Command;

use crate::server::{Server, by_default};
use crate::support::{DEADLINE, World, ended, meshery_meshsync};

#[tokio::test(flavor = "multi_thread")]
async fn help_needs_neither_cluster_nor_broker() {
    for arg in ["-h", "--help", "-help"] {
        let ended = ended(meshery_meshsync(&[arg])).await;
        assert_eq!(ended.code, Some(0), "{arg}");
        assert!(
            ended.stderr.starts_with("Usage of ./meshery-meshsync:"),
            "{}",
            ended.stderr
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_flags_exit_with_2_and_everything_else_with_1() {
    for (args, code, says) in [
        (&["--nope"][..], 2, "flag provided but not defined: -nope"),
        (&["--stopAfter", "8"], 2, "parse error"),
        (
            &["--output", "carrier-pigeon"],
            1,
            "supported list is [broker, file]",
        ),
        (&["--outputNamespaces", "Not_A_Name"], 1, "Not_A_Name"),
        (&[], 1, "BROKER_URL"),
    ] {
        let ended = ended(meshery_meshsync(args)).await;
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(says), "{args:?}: {}", ended.stderr);
    }
    let mut nowhere = meshery_meshsync(&["--probes-addr", "none", "--admin-addr", "none"]);
    nowhere.env("BROKER_URL", "nats://127.0.0.1:1");
    let ended = ended(nowhere).await;
    assert_eq!(ended.code, Some(1), "no cluster: {}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flag_of_the_original_is_enough_to_be_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshsync"));
    command
        .args(["--output", "carrier-pigeon"])
        .env_clear()
        .stderr(std::process::Stdio::piped());
    let ended = ended(command).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("unsupported output mode"),
        "{}",
        ended.stderr
    );
}

/// U20, T10: `/healthz` at once; `/readyz` once the broker was reached, and from
/// then on whatever happens to it. That it is away shows elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn u20_readiness_waits_for_the_broker_and_stays() {
    let Some(mut world) = World::start(60).await else {
        return;
    };
    world.nats.stop();
    let agent = world.run(&[]);
    eventually("alive", DEADLINE, async || {
        agent.probe("/healthz").await == 200
    })
    .await;
    assert_eq!(agent.probe("/readyz").await, 503);
    world.nats.restart().unwrap();
    eventually("ready", DEADLINE, async || {
        agent.probe("/readyz").await == 200
    })
    .await;
    agent.synced().await;
    world.nats.stop();
    world.apply(crate::support::config_map("default", "while-away", "1"));
    eventually("away shows in the status", DEADLINE, async || {
        agent.status().await["sinks"][0]["state"] == "away"
    })
    .await;
    eventually("and in the metrics", DEADLINE, async || {
        let metrics = agent.metrics().await;
        metrics
            .lines()
            .any(|line| line.starts_with("meshsync_sink_up{") && line.ends_with(" 0"))
    })
    .await;
    assert_eq!(agent.probe("/readyz").await, 200);
    assert_eq!(agent.stop().await, Some(0));
}

/// T32, D34: of several the operator counts each as ready, and one of them publishes.
#[tokio::test(flavor = "multi_thread")]
async fn t32_followers_are_ready_and_take_over() {
    let Some(world) = World::start(80).await else {
        return;
    };
    let server = Server::connect(&world).await;
    let elect = [
        ("MESHSYNC_LEADER_ELECT", "lease:meshery/meshsync"),
        ("MESHSYNC_LEADER_LEASE", "20s"),
    ];
    let leader = world.run_with(&[], &elect);
    leader.synced().await;
    server.equals(&world, "at first", by_default).await;
    let follower = world.run_with(&[], &elect);
    eventually("a follower is ready", DEADLINE, async || {
        follower.probe("/readyz").await == 200 && follower.log().contains("follows")
    })
    .await;
    world.apply(crate::support::config_map("default", "led", "1"));
    server.equals(&world, "with one change", by_default).await;
    let (messages, rows) = server.take(|database| (database.log.len(), database.rows.len()));
    assert_eq!(messages, rows, "one of them publishes");
    // It gives the lock up, so that nobody waits for it to lapse.
    assert_eq!(leader.stop().await, Some(0));
    follower.synced().await;
    world.apply(crate::support::config_map("default", "followed", "1"));
    server.equals(&world, "under the next", by_default).await;
    assert_eq!(follower.stop().await, Some(0));
}

/// What is no part of `BROKER_URL` comes in variables of its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_nkey_is_taken_from_the_file_that_the_variable_names() {
    let user = nkeys::KeyPair::new_user();
    let users = format!(
        "authorization {{ users: [ {{ nkey: {} }} ] }}",
        user.public_key()
    );
    let Some(nats) = NatsServer::builder().config(&users).start_or_skip() else {
        return;
    };
    let sim = Sim::builder().generate(Generate::objects(60));
    let world = World::with(sim, nats).await.unwrap();
    let url = world.nats.url();
    std::fs::write(world.path("seed"), user.seed().unwrap()).unwrap();
    let seed = world.path("seed").display().to_string();
    let with = [("BROKER_URL", url.as_str()), ("BROKER_NKEY", seed.as_str())];
    let agent = world.run_with(&[], &with);
    agent.synced().await;
    assert_eq!(agent.stop().await, Some(0));

    let none = world.path("none").display().to_string();
    for variable in ["BROKER_NKEY", "BROKER_CREDS", "BROKER_CA"] {
        let with = [("BROKER_URL", url.as_str()), (variable, none.as_str())];
        let agent = world.run_with(&[], &with);
        eventually("the file that is missing shows", DEADLINE, async || {
            let status = agent.status().await;
            let error = status["sinks"][0]["lastError"].as_str()?.to_owned();
            error.contains(&none).then_some(())
        })
        .await;
        assert_eq!(agent.stop().await, Some(0));
    }
}

/// T2: the Server and the operator look for us by name.
#[tokio::test(flavor = "multi_thread")]
async fn the_broker_lists_a_connection_named_meshsync() {
    let Some(world) = World::start(60).await else {
        return;
    };
    let agent = world.run(&[]);
    agent.synced().await;
    let monitoring = world.nats.monitoring_url().unwrap();
    let addr = monitoring.trim_start_matches("http://");
    eventually("listed", DEADLINE, async || {
        let (_, body) = crate::support::get(addr, "/connz").await?;
        let connz: serde_json::Value = serde_json::from_str(&body).ok()?;
        let connections = connz["connections"].as_array()?;
        connections
            .iter()
            .any(|c| c["name"] == "meshsync")
            .then_some(())
    })
    .await;
    assert_eq!(agent.stop().await, Some(0));
}
