//! Container engines as a source: a real Podman, and one that says what it is told.

use meshsync::{Builder, MeshSync, SourceState, Timing, fingerprint};

use crate::podman::Podman;
use crate::scripted::Scripted;
use crate::source::{DEADLINE, Observed};

fn builder(url: &str) -> Builder {
    let mut timing = Timing::default();
    timing.back_off = std::time::Duration::from_millis(50)..=std::time::Duration::from_millis(200);
    timing.refused = timing.back_off.clone();
    let exclude = ["networks.engine.meshsync.meshery.io".parse().unwrap()].into();
    let selection = meshsync::Selection {
        exclude,
        ..meshsync::Selection::default()
    };
    let builder = MeshSync::builder().source_url(url).unwrap().timing(timing);
    builder.select(selection)
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_images_volumes_networks_and_pods_of_a_real_engine_are_followed() {
    let Some(podman) = Podman::start().await else {
        return;
    };
    podman.import("docker.io/library/postgres:16").await;
    let labels = [
        "--label",
        "com.docker.compose.project=shop",
        "--label",
        "com.docker.compose.service=db",
    ];
    let mut create = vec!["create", "--name", "db", "--env", "PASSWORD=hunter2"];
    create.extend(labels);
    create.extend(["docker.io/library/postgres:16", "/postgres"]);
    let id = podman.run(&create).await;
    let builder = builder(&podman.url()).select(meshsync::Selection::default());
    let rules = fingerprint::builtin_rules().unwrap();
    let observed = Observed::synced(builder.fingerprints(rules)).await;
    let state = observed.state();
    let container = &state.iter().find(|(key, _)| key.contains(&id)).unwrap().1;
    assert_eq!(container["spec"]["containerName"], "db");
    assert_eq!(
        container["metadata"]["ownerReferences"][0]["name"],
        "shop/db"
    );
    assert!(
        !state
            .iter()
            .any(|(_, object)| object.to_string().contains("hunter2"))
    );
    for plural in ["images", "networks"] {
        assert!(
            state.iter().any(|(key, _)| key.starts_with(plural)),
            "{plural} in {state:?}"
        );
    }
    let (_, scope) = observed.monitor.cluster().unwrap();
    assert!(scope.as_str().starts_with("podman-"), "{scope}");
    // Known by the same rule as a pod of it.
    meshsync_testkit::eventually("postgres is known", DEADLINE, async || {
        observed
            .monitor
            .fingerprints()
            .iter()
            .any(|found| found.product == "postgresql")
    })
    .await;

    // Another name is one change.
    observed.forget();
    podman.run(&["rename", "db", "db2"]).await;
    let renamed = format!("MODIFIED containers {id}");
    observed.saw_of("containers", &[&renamed]).await;
    // The same name again is another container.
    observed.forget();
    podman.run(&["rm", "db2"]).await;
    let next = podman
        .run(&[
            "create",
            "--name",
            "db2",
            "docker.io/library/postgres:16",
            "/x",
        ])
        .await;
    let (deleted, added) = (
        format!("DELETED containers {id}"),
        format!("ADDED containers {next}"),
    );
    observed.saw_of("containers", &[&deleted, &added]).await;

    observed.forget();
    podman.run(&["volume", "create", "data"]).await;
    podman.run(&["network", "create", "front"]).await;
    let pod = podman
        .run(&["pod", "create", "--name", "p", "--infra=false"])
        .await;
    observed.saw_of("volumes", &["ADDED volumes data"]).await;
    observed.saw_of("networks", &["ADDED networks front"]).await;
    observed
        .saw_of("pods", &[&format!("ADDED pods {pod}")])
        .await;
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_while_much_happens_ends_up_as_it_is() {
    let Some(mut podman) = Podman::start().await else {
        return;
    };
    podman.import("localhost/empty:1").await;
    let create = async |podman: &Podman, name: &str| {
        podman
            .run(&["create", "--name", name, "localhost/empty:1", "/x"])
            .await
    };
    let stays = create(&podman, "stays").await;
    let goes = create(&podman, "goes").await;
    let observed = Observed::synced(builder(&podman.url())).await;
    let scope = observed.monitor.cluster().unwrap().1.clone();
    create(&podman, "late").await;
    podman.kill().await;
    observed
        .status("it is away", |status| {
            status.state == SourceState::BackingOff
        })
        .await;
    podman.serve().await;
    podman.run(&["rm", "goes"]).await;
    podman.run(&["rename", "stays", "stayed"]).await;
    podman.run(&["volume", "create", "new"]).await;
    podman.kill().await;
    podman.serve().await;
    let last = create(&podman, "last").await;
    meshsync_testkit::eventually("it is as it is", DEADLINE, async || {
        let state = observed.state();
        let containers: Vec<_> = state
            .iter()
            .filter(|(key, _)| key.starts_with("containers"))
            .collect();
        let has = |id: &str| containers.iter().any(|(key, _)| key.ends_with(id));
        let renamed = containers
            .iter()
            .any(|(_, c)| c["spec"]["containerName"] == "stayed");
        containers.len() == 3
            && has(&stays)
            && has(&last)
            && !has(&goes)
            && renamed
            && state
                .iter()
                .any(|(key, _)| key == "volumes.engine.meshsync.meshery.io -/new")
    })
    .await;
    // Nothing that stayed was ever said to be gone, and it is the same engine.
    let of = |id: &str| {
        observed
            .events()
            .iter()
            .filter(|e| e.ends_with(id) && e.starts_with("DELETED"))
            .count()
    };
    assert_eq!((of(&stays), of(&goes)), (0, 1));
    assert_eq!(observed.monitor.cluster().unwrap().1, &scope);
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_engine_must_not_answer_deletes_nothing_and_is_named() {
    let engine = Scripted::start().await;
    let observed = Observed::synced(builder(&engine.url())).await;
    let containers = |observed: &Observed| {
        observed
            .state()
            .iter()
            .filter(|(key, _)| key.starts_with("containers"))
            .count()
    };
    assert_eq!(containers(&observed), 2);
    for (answer, named) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[{\"Id\": }]",
            "no JSON",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n[{\"Id\":\"c1\"",
            "broke off",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n[{\"Names\":[]}]",
            "no identity",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 25\r\n\r\n{\"message\":\"not for you\"}",
            "not for you",
        ),
        ("garbage\r\n\r\n", "does not answer"),
        ("", "does not answer"),
    ] {
        engine.answer_containers(Some(answer));
        engine.end_events();
        observed
            .status(named, |status| {
                status.state == SourceState::BackingOff
                    && status
                        .last_error
                        .as_deref()
                        .is_some_and(|error| error.contains(named))
            })
            .await;
        assert_eq!(containers(&observed), 2, "{named}");
        engine.answer_containers(None);
        observed
            .status("it is back", |status| status.state == SourceState::Live)
            .await;
    }
    // Events that are none: a line without end, almost, and no JSON.
    let mut endless = vec![b'x'; 17 << 20];
    endless.push(b'\n');
    for events in [endless, b"{\"Type\": nonsense}\n".to_vec()] {
        let is_back = engine.lists();
        engine.send_event(events);
        meshsync_testkit::eventually("it lists again", DEADLINE, async || {
            engine.lists() > is_back
        })
        .await;
        observed
            .status("it is back", |status| status.state == SourceState::Live)
            .await;
    }
    assert_eq!(containers(&observed), 2);
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_cannot_be_used_says_why() {
    let error = async |url: &str| {
        let meshsync = builder(url).build().unwrap();
        meshsync.run(std::future::pending()).await.unwrap_err()
    };
    let old = Scripted::speaking("1.12").await;
    let refused = error(&old.url()).await;
    assert!(
        refused.to_string().contains("update the engine"),
        "{refused}"
    );
    let nowhere = error("docker:unix:///nowhere.sock").await;
    assert!(
        nowhere.is_unreachable() && nowhere.to_string().contains("/nowhere.sock"),
        "{nowhere}"
    );
}
