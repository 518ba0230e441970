use meshsync_informer::ClusterConfig;
use meshsync_model::ClusterId;
use meshsync_sim::{Failure, FaultScope, Sim};

use super::*;
use crate::MeshSync;

/// Nothing here takes this long unless it is broken.
const DEADLINE: Duration = Duration::from_secs(180);

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

#[tokio::test]
async fn stop_is_heard_while_the_server_does_not_answer() {
    for id in [None, ClusterId::new("given")] {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             clusters: [{{name: c, cluster: {{server: 'http://{}'}}}}]\n\
             users: [{{name: c, user: {{}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, user: c}}}}]\n",
            server.local_addr().unwrap()
        );
        let mut builder = MeshSync::builder().cluster(ClusterConfig::Text(kubeconfig));
        builder.cluster_id = id;
        let mut silent = None;
        let asked = async { silent = Some(server.accept().await.unwrap()) };
        let run = builder.build().unwrap().run(asked);
        let ended = tokio::time::timeout(DEADLINE, run).await;
        ended.expect("the pipeline stops").unwrap();
        assert!(silent.is_some());
    }
}
