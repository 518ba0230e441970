//! Credentials that change while running.

use meshsync::{ClusterConfig, MeshSync, ResourceState};
use meshsync_sim::{CutStyle, Sim};

use crate::support::{DEADLINE, Running, config_map, only};

/// A token file is read again about every minute, as the kubelet renews it well
/// before it expires; this test takes that long.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_rotated_in_its_file_is_picked_up() {
    let sim = Sim::builder().token("first").start().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, "first").unwrap();
    let kubeconfig = sim.kubeconfig().replace(
        "{token: \"first\"}",
        &format!("{{tokenFile: {}}}", token.display()),
    );
    assert!(kubeconfig.contains("tokenFile"), "{kubeconfig}");
    let builder = MeshSync::builder()
        .cluster(ClusterConfig::Text(kubeconfig))
        .select(only(&["configmaps"]));
    let running = Running::start(builder);
    running.synced().await;
    std::fs::write(&token, "second").unwrap();
    sim.faults().require_token(Some("second"));
    sim.faults().cut_watches(CutStyle::Broken);
    sim.apply(config_map("after", "1")).unwrap();
    let error = || {
        running
            .resource("configmaps")
            .last_error
            .unwrap_or_default()
    };
    running
        .sees("the old token is refused", |_| error().contains("401"))
        .await;
    let live = || running.resource("configmaps").state == ResourceState::Live;
    meshsync_testkit::eventually("the new token is used", 2 * DEADLINE, async || live()).await;
    running.equals(&sim, "with the new token").await;
    let replica = running.stop().await;
    assert_eq!(replica.lock().unwrap().deleted, 0);
}
