//! The store as a sink, and what it answers.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use meshsync_broker::{Batch, Delivery, Sink};
use meshsync_model::{EventType, Gvk, ObjectKey, Resource};
use meshsync_store::{Difference, Filter, Store, StoreError, StoreSink, diff};

fn resource() -> Arc<Resource> {
    let gvk = Gvk::new("apps", "v1", "Deployment");
    Arc::new(Resource::new(gvk, "deployments", true))
}

fn delivery(event: EventType, name: Option<&str>, text: String) -> Delivery {
    let resource = resource();
    let key = name.map(|name| {
        Arc::new(ObjectKey {
            resource: resource.id().into(),
            namespace: Some("shop".into()),
            name: name.into(),
        })
    });
    Delivery {
        event,
        resource: Some(resource),
        key,
        payload: text.into(),
        subject: None,
    }
}

fn state(name: &str, version: u64, label: &str, replicas: u64) -> Delivery {
    let text = format!(
        r#"{{"event":"ADDED","scope":"c","tier":"detail","observed":"2026-11-22T12:00:00Z","hash":"{:032x}","object":{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"{name}","namespace":"shop","uid":"u-{name}","resourceVersion":"{version}","labels":{{"app":"{label}"}},"ownerReferences":[{{"uid":"o","kind":"App","name":"shop"}}]}},"spec":{{"replicas":{replicas}}}}}}}"#,
        version * 1000 + replicas
    );
    delivery(EventType::Added, Some(name), text)
}

fn gone(name: &str) -> Delivery {
    let text = format!(
        r#"{{"event":"DELETED","scope":"c","tier":"detail","observed":"t","partial":true,"object":{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"{name}","namespace":"shop"}}}}}}"#
    );
    delivery(EventType::Deleted, Some(name), text)
}

fn synced() -> Delivery {
    let text = r#"{"event":"SYNCED","scope":"c","tier":"detail","observed":"t","objects":1}"#;
    delivery(EventType::Synced, None, text.to_owned())
}

async fn give(sink: &mut StoreSink, deliveries: Vec<Delivery>) {
    sink.publish(&Batch::of(deliveries)).await.unwrap();
}

fn versions(path: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let store = Store::open_to_read(path).unwrap();
    store
        .objects(&Filter::default(), |object| {
            found.insert(object.name, object.version);
        })
        .unwrap();
    found
}

fn expected(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, version): &(&str, &str)| ((*name).to_owned(), (*version).to_owned());
    pairs.iter().map(owned).collect()
}

#[tokio::test]
async fn the_store_follows_what_the_sink_is_given_over_runs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.db");
    let mut sink = StoreSink::new(&path);
    let first = vec![
        state("a", 1, "x", 1),
        state("b", 1, "x", 1),
        state("c", 1, "y", 1),
    ];
    give(&mut sink, first).await;
    give(&mut sink, vec![state("a", 2, "x", 1), gone("c"), synced()]).await;
    assert_eq!(versions(&path), expected(&[("a", "2"), ("b", "1")]));
    drop(sink);

    // Another run: what it is not given is kept until it says that it is done.
    let mut sink = StoreSink::new(&path);
    give(&mut sink, vec![state("a", 2, "x", 1)]).await;
    assert_eq!(versions(&path), expected(&[("a", "2"), ("b", "1")]));
    give(&mut sink, vec![synced()]).await;
    assert_eq!(versions(&path), expected(&[("a", "2")]));
    // A batch that is given again.
    give(&mut sink, vec![gone("a"), state("a", 3, "x", 1)]).await;
    give(&mut sink, vec![gone("a"), state("a", 3, "x", 1)]).await;
    assert_eq!(versions(&path), expected(&[("a", "3")]));
}

fn all_synced(resources: &str, unavailable: &str) -> Delivery {
    let text = format!(
        r#"{{"event":"SYNCED","scope":"c","observed":"t","objects":0,"resources":[{resources}],"unavailable":[{unavailable}]}}"#
    );
    Delivery {
        resource: None,
        ..delivery(EventType::Synced, None, text)
    }
}

#[tokio::test]
async fn a_resource_that_vanished_while_nobody_looked_takes_its_objects_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.db");
    let mut sink = StoreSink::new(&path);
    let first = vec![state("a", 1, "x", 1), fingerprint("redis", "7")];
    give(&mut sink, first).await;
    give(&mut sink, vec![all_synced(r#""deployments.apps""#, "")]).await;
    let name_of = "redis/main";
    let both = expected(&[("a", "1"), (name_of, "")]);
    assert_eq!(versions(&path), both);
    // The next run does not know the resource; at first since its group does not answer.
    drop(sink);
    let mut sink = StoreSink::new(&path);
    give(&mut sink, vec![all_synced(r#""pods""#, r#""apps""#)]).await;
    assert_eq!(versions(&path), both, "nobody could ask");
    give(&mut sink, vec![all_synced(r#""deployments.apps""#, "")]).await;
    assert_eq!(versions(&path), both, "it is observed");
    give(&mut sink, vec![all_synced(r#""pods""#, "")]).await;
    assert_eq!(versions(&path), expected(&[(name_of, "")]));
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_an_error_to_try_again() {
    let mut sink = StoreSink::new("/nowhere/at/all.db");
    let error = sink.publish(&Batch::of(vec![synced()])).await.unwrap_err();
    assert!(error.is_retryable());
    assert!(error.to_string().contains("/nowhere/at/all.db"), "{error}");
}

#[tokio::test]
async fn questions_are_answered_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.db");
    let mut sink = StoreSink::new(&path);
    give(
        &mut sink,
        vec![state("a", 1, "x", 2), state("b", 1, "y", 3)],
    )
    .await;
    let store = Store::open_to_read(&path).unwrap();
    let ask = |sql: &str| store.query(sql, Duration::from_secs(5));
    let found = ask(
        "select name, object ->> '$.spec.replicas' as replicas from objects \
         join labels using (id) where key = 'app' and value = 'y'",
    )
    .unwrap();
    assert_eq!(found.columns, ["name", "replicas"]);
    let row: Vec<String> = found.rows[0].iter().map(ToString::to_string).collect();
    assert_eq!(row, ["b", "3"]);
    let owners = ask("select count(*) from owners where uid = 'o'").unwrap();
    assert_eq!(owners.rows[0][0].to_string(), "2");
    for sql in [
        "delete from object",
        "create table x (y)",
        "pragma user_version = 3",
        "nonsense",
    ] {
        assert!(matches!(ask(sql), Err(StoreError::Query(_))), "{sql}");
    }
    let endless =
        "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
    let error = store.query(endless, Duration::from_millis(50)).unwrap_err();
    assert!(error.to_string().contains("narrow it"), "{error}");
    assert_eq!(ask("select 1").unwrap().rows.len(), 1, "it goes on");
}

fn fingerprint(product: &str, version: &str) -> Delivery {
    let resource = Arc::new(Resource::fingerprints());
    let key = ObjectKey {
        resource: resource.id().into(),
        namespace: Some("shop".into()),
        name: format!("{product}/main").into(),
    };
    let text = format!(
        r#"{{"event":"ADDED","scope":"c","tier":"detail","observed":"t","hash":"{version:0>32}","object":{{"apiVersion":"meshsync.meshery.io/v1","kind":"Fingerprint","metadata":{{"name":"{product}/main","namespace":"shop"}},"status":{{"product":"{product}","name":"A product","category":"database","state":"confirmed","version":"{version}","edition":null,"namespace":"shop","instance":"main","confidence":0.9}}}}}}"#
    );
    Delivery {
        event: EventType::Added,
        resource: Some(resource),
        key: Some(Arc::new(key)),
        payload: text.into(),
        subject: None,
    }
}

#[tokio::test]
async fn fingerprints_are_a_table_of_their_own_in_older_stores_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.db");
    let mut sink = StoreSink::new(&path);
    let first = vec![state("a", 1, "x", 2), fingerprint("postgresql", "16.2")];
    give(&mut sink, first).await;
    drop(sink);
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("DROP VIEW fingerprints").unwrap();
    drop(database);
    let mut sink = StoreSink::new(&path);
    give(&mut sink, vec![fingerprint("redis", "7.2.4")]).await;
    let store = Store::open_to_read(&path).unwrap();
    let sql = "select product, version, edition, confidence > 0.5 as sure, namespace, instance \
               from fingerprints order by product";
    let found = store.query(sql, Duration::from_secs(5)).unwrap();
    let rows: Vec<Vec<String>> = found
        .rows
        .iter()
        .map(|row| row.iter().map(ToString::to_string).collect())
        .collect();
    assert_eq!(
        rows,
        [
            ["postgresql", "16.2", "", "1", "shop", "main"],
            ["redis", "7.2.4", "", "1", "shop", "main"],
        ]
    );
}

#[tokio::test]
async fn filters_find_by_kind_label_and_namespace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.db");
    let mut sink = StoreSink::new(&path);
    give(
        &mut sink,
        vec![state("a", 1, "x", 2), state("b", 1, "y", 3)],
    )
    .await;
    let store = Store::open_to_read(&path).unwrap();
    let count = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        let mut count = 0;
        store.objects(&filter, |_| count += 1).unwrap();
        count
    };
    for kind in ["Deployment", "deployments", "deployments.apps"] {
        assert_eq!(count(&|f| f.kind = Some(kind.to_owned())), 2, "{kind}");
    }
    assert_eq!(count(&|f| f.kind = Some("pods".to_owned())), 0);
    let app = |value: Option<&str>| vec![("app".to_owned(), value.map(str::to_owned))];
    assert_eq!(count(&|f| f.labels = app(Some("y"))), 1);
    assert_eq!(count(&|f| f.labels = app(None)), 2);
    assert_eq!(count(&|f| f.namespace = Some("other".to_owned())), 0);
}

#[tokio::test]
async fn a_diff_names_what_differs_and_no_counting_of_the_server() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("1.db"), dir.path().join("2.db"));
    let mut sink = StoreSink::new(&first);
    let was = vec![
        state("a", 1, "x", 2),
        state("b", 1, "x", 1),
        state("same", 1, "x", 1),
    ];
    give(&mut sink, was).await;
    let mut sink = StoreSink::new(&second);
    let is = vec![
        state("a", 2, "x", 3),
        state("c", 1, "x", 1),
        state("same", 7, "x", 1),
    ];
    give(&mut sink, is).await;
    let open = |path| Store::open_to_read(path).unwrap();
    let mut found = Vec::new();
    let each = |difference: Difference| found.push(difference.to_string());
    diff(&open(&first), &open(&second), &Filter::default(), each).unwrap();
    assert_eq!(
        found,
        [
            "~ deployments.apps shop/a\n    spec.replicas: 2 -> 3",
            "- deployments.apps shop/b",
            "+ deployments.apps shop/c",
        ]
    );
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    std::fs::write(&path, "not a database, but long enough to be looked at").unwrap();
    assert!(matches!(Store::open(&path), Err(StoreError::Open { .. })));
    let missing = Store::open_to_read(dir.path().join("missing.db")).unwrap_err();
    assert!(missing.to_string().contains("is it there"), "{missing}");
}
