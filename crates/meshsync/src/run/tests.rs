use meshsync_informer::ClusterConfig;
use meshsync_sim::{Failure, FaultScope, Sim};

use super::*;
use crate::MeshSync;

/// Nothing here takes this long unless it is broken.
const DEADLINE: Duration = Duration::from_secs(20);

fn builder(sim: &Sim) -> Builder {
    MeshSync::builder().cluster(ClusterConfig::Text(sim.kubeconfig()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_refuses_to_name_itself_is_reached() {
    let sim = Sim::builder().start().await.unwrap();
    let namespaces = FaultScope::resource("", "namespaces").verbs(&["get"]);
    for code in [403, 404] {
        sim.faults()
            .fail(namespaces.clone(), Failure::status(code).times(1));
        let meshsync = builder(&sim).build().unwrap();
        let error = meshsync.run(std::future::pending()).await.unwrap_err();
        assert!(matches!(error, RunError::Scope(_)), "{error}");
        assert!(!error.is_unreachable(), "{code}: {error}");
    }
}
