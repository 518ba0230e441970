//! `meshsync diff manifests:… k8s:`.

use std::fs;

use crate::support::{Cluster, ended, meshsync};

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_what_differs_from_the_manifests_in_what_they_state() {
    let cluster = Cluster::start(120).await;
    let folder = cluster.path("deploy");
    fs::create_dir(&folder).unwrap();
    let (file, source) = (folder.join("all.yaml"), cluster.source());
    let path = file.to_str().unwrap();
    let all = [
        "snapshot",
        "--format",
        "manifests",
        "-o",
        path,
        "--source",
        &source,
    ];
    ended(meshsync(&all)).await.assert_code(0);
    // One object that the cluster lacks, and one label that it has otherwise.
    let stated = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: kube-system\n  labels: {stated: here}\n\
                  ---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: nowhere}\n";
    fs::write(folder.join("a.yaml"), stated).unwrap();
    fs::write(folder.join("broken.yaml"), "a: [\n").unwrap();
    let manifests = format!("manifests:{}", folder.display());
    let diff = ended(meshsync(&["diff", &manifests, &source])).await;
    diff.assert_code(0);
    assert_eq!(
        diff.stdout,
        "- configmaps default/nowhere\n\
         ~ namespaces kube-system\n    metadata.labels.stated: \"here\" -> nothing\n"
    );
    diff.assert_says(&["2 differences", "broken.yaml:"]);
    let other_way = ended(meshsync(&["diff", &source, &manifests])).await;
    other_way.assert_code(78);
    other_way.assert_says(&["what is stated comes first"]);
}
