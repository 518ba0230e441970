//! Folders of manifests as a source.

use std::fs;
use std::path::{Path, PathBuf};

use meshsync::model::ResourceId;
use meshsync::{Builder, MeshSync, Selection, SourceState};
use tempfile::TempDir;

use crate::source::Observed;

fn builder(folder: &Path) -> Builder {
    let url = format!("manifests:{}?namespace=shop", folder.display());
    MeshSync::builder().source_url(&url).unwrap()
}

fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  value: '{value}'\n"
    )
}

/// Writes as editors do: a new file takes the place of the old one.
fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(&next, path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_have_the_identities_that_the_cluster_would_give_them() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("crds")).unwrap();
    // A resource before its definition, and definitions last.
    fs::write(
        at("a.yaml"),
        "apiVersion: example.org/v1\nkind: Sheep\nmetadata: {name: dolly, namespace: x}\n---\n\
         apiVersion: v1\nkind: List\nitems:\n\
         - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n\
         - {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}\n",
    )
    .unwrap();
    fs::write(
        at("crds/sheep.json"),
        r#"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
            "metadata":{"name":"sheep.example.org"},"spec":{"group":"example.org","scope":"Cluster",
            "names":{"kind":"Sheep","plural":"sheep"}}}"#,
    )
    .unwrap();
    fs::write(at("kustomization.yaml"), "kind: Kustomization\n").unwrap();
    fs::write(at("values.yaml"), "replicas: 2\n").unwrap();
    fs::write(at("readme.md"), "kind: ConfigMap\n").unwrap();
    let observed = Observed::synced(builder(folder.path())).await;
    let names: Vec<_> = observed.state().into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        names,
        [
            "customresourcedefinitions.apiextensions.k8s.io -/sheep.example.org",
            "deployments.apps shop/web",
            "namespaces -/shop",
            "sheep.example.org -/dolly",
        ]
    );
    let source = observed.monitor.source();
    assert_eq!(source.problems, Vec::<String>::new());
    let (_, scope) = observed.monitor.cluster().unwrap();
    assert_eq!(scope.platform(), meshsync::Platform::MANIFESTS);
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_files_happens_to_their_objects() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("a.yaml"), config_map("a", "1")).unwrap();
    let observed = Observed::synced(builder(folder.path())).await;
    observed.saw(&["ADDED configmaps shop/a"]).await;

    observed.forget();
    replace(&at("a.yaml"), &config_map("a", "2"));
    observed.saw(&["MODIFIED configmaps shop/a"]).await;

    // Another folder, two in a file, and one that is named in two files.
    observed.forget();
    fs::create_dir(at("more")).unwrap();
    let both = format!("{}---\n{}", config_map("a", "x"), config_map("b", "1"));
    replace(&at("more/b.yaml"), &both);
    observed.saw(&["ADDED configmaps shop/b"]).await;
    let status = observed
        .status("the second a", |status| status.problem_count == 1)
        .await;
    assert!(
        status.problems[0].contains("more/b.yaml: ConfigMap shop/a"),
        "{status:?}"
    );

    // The second takes the place of the first.
    observed.forget();
    fs::remove_file(at("a.yaml")).unwrap();
    observed.saw(&["MODIFIED configmaps shop/a"]).await;
    observed.forget();
    fs::remove_dir_all(at("more")).unwrap();
    observed
        .status("no problem", |status| status.problem_count == 0)
        .await;
    meshsync_testkit::eventually("both are gone", crate::source::DEADLINE, async || {
        observed.state().is_empty() && observed.events().len() == 2
    })
    .await;
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_affects_itself_alone_and_deletes_nothing() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["a", "b", "c"] {
        fs::write(at(&format!("{name}.yaml")), config_map(name, "1")).unwrap();
    }
    let observed = Observed::synced(builder(folder.path())).await;
    observed.forget();
    replace(
        &at("a.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n bad: hunter2\n",
    );
    let huge = fs::File::create(at("huge.yaml")).unwrap();
    huge.set_len(200 << 20).unwrap();
    fs::write(
        at("nameless.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
    )
    .unwrap();
    replace(&at("b.yaml"), &config_map("b", "2"));
    observed.saw(&["MODIFIED configmaps shop/b"]).await;
    let status = observed
        .status("three problems", |status| status.problem_count == 3)
        .await;
    let problems = status.problems.join("\n");
    for part in [
        "a.yaml:5:",
        "huge.yaml: 200 MiB",
        "nameless.yaml: a ConfigMap without",
    ] {
        assert!(problems.contains(part), "{part} in {problems}");
    }
    assert!(!problems.contains("hunter2"), "{problems}");
    assert_eq!(status.state, SourceState::Live);
    let document = serde_json::to_value(observed.monitor.document()).unwrap();
    assert_eq!(document["sources"][0]["problemCount"], 3, "{document}");
    assert_eq!(document["sources"][0]["platform"], "manifests");
    assert_eq!(observed.objects(&ResourceId::new("", "configmaps")), 3);

    // Mended, it goes on from where it was.
    observed.forget();
    replace(&at("a.yaml"), &config_map("a", "2"));
    observed.saw(&["MODIFIED configmaps shop/a"]).await;
    observed.stop().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn links_are_followed_and_circles_end() {
    let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let at = |name: &str| folder.path().join(name);
    let link = |to: &Path, from: PathBuf| std::os::unix::fs::symlink(to, from).unwrap();
    fs::create_dir_all(at("x/y")).unwrap();
    fs::write(at("x/a.yaml"), config_map("a", "1")).unwrap();
    fs::write(elsewhere.path().join("b.yaml"), config_map("b", "1")).unwrap();
    link(folder.path(), at("x/y/up"));
    link(&at("x"), at("x/y/around"));
    link(&at("x/a.yaml"), at("again.yaml"));
    link(elsewhere.path(), at("elsewhere"));
    link(Path::new("nowhere"), at("nowhere.yaml"));
    let observed = Observed::synced(builder(folder.path())).await;
    let mut events = observed.events();
    events.sort();
    assert_eq!(
        events,
        ["ADDED configmaps shop/a", "ADDED configmaps shop/b"]
    );
    assert_eq!(observed.monitor.source().problems, Vec::<String>::new());
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_away_deletes_nothing_and_comes_back() {
    let parent = TempDir::new().unwrap();
    let folder = parent.path().join("deploy");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), config_map("a", "1")).unwrap();
    let observed = Observed::synced(builder(&folder)).await;
    observed.forget();
    fs::rename(&folder, parent.path().join("old")).unwrap();
    let status = observed
        .status("it is away", |status| {
            status.state == SourceState::BackingOff
        })
        .await;
    assert!(status.last_error.unwrap().contains("check the path"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a.yaml"), config_map("a", "1")).unwrap();
    fs::write(folder.join("b.yaml"), config_map("b", "1")).unwrap();
    observed.saw(&["ADDED configmaps shop/b"]).await;
    // The new folder is listened to.
    observed.forget();
    fs::remove_file(folder.join("b.yaml")).unwrap();
    observed.saw(&["DELETED configmaps shop/b"]).await;
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn selections_apply_and_change_while_it_runs() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yaml"), config_map("a", "1")).unwrap();
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: hunter2}\n";
    fs::write(folder.path().join("s.yaml"), secret).unwrap();
    let only = |pattern: &str| Selection {
        include: vec![pattern.parse().unwrap()],
        ..Selection::default()
    };
    let observed = Observed::synced(builder(folder.path()).select(only("secrets"))).await;
    observed.saw(&["ADDED secrets shop/s"]).await;
    let (_, state) = observed.state().remove(0);
    assert!(!state.to_string().contains("hunter2"), "{state}");
    observed.forget();
    observed.handle.reconfigure(only("configmaps"));
    observed
        .saw(&["DELETED secrets shop/s", "ADDED configmaps shop/a"])
        .await;
    observed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_not_there_is_an_error_that_names_it() {
    let meshsync = builder(Path::new("/nowhere/to/be/found")).build().unwrap();
    let error = meshsync.run(std::future::pending()).await.unwrap_err();
    assert!(!error.is_unreachable());
    assert!(
        error.to_string().contains("/nowhere/to/be/found"),
        "{error}"
    );
}
