//! The same suite against any real cluster.

use meshsync::{ClusterConfig, MeshSync, Secrets, Selection};

use crate::support::Running;

/// Runs where `MESHSYNC_E2E_KUBECONFIG` names a kubeconfig. It only reads.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_cluster_is_discovered_in_full() {
    let Some(path) = std::env::var_os("MESHSYNC_E2E_KUBECONFIG") else {
        println!(
            "skipped: a_real_cluster_is_discovered_in_full: MESHSYNC_E2E_KUBECONFIG is not set"
        );
        return;
    };
    let builder = MeshSync::builder()
        .cluster(ClusterConfig::Infer)
        .secrets(Secrets::Redacted)
        .select(Selection::default());
    let config = std::fs::read_to_string(path).unwrap();
    let running = Running::start(builder.cluster(ClusterConfig::Text(config)));
    running.synced().await;
    let objects: u64 = running.monitor.resources().iter().map(|r| r.objects).sum();
    let replica = running.stop().await;
    let replica = replica.lock().unwrap();
    assert!(objects > 0);
    assert_eq!(replica.full_syncs, 1);
}
