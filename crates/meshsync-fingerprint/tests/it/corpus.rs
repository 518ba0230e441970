//! The labelled manifests, where they are at hand.

use std::path::Path;
use std::sync::OnceLock;

use meshsync_fingerprint::State;
use serde_json::Value;

use crate::support::{builtin, products, verdicts};

/// A manifest of the corpus.
pub(crate) struct Manifest {
    pub(crate) path: String,
    pub(crate) product: String,
    pub(crate) objects: Vec<Value>,
}

/// All manifests; reading them takes a while.
pub(crate) fn manifests(dir: &Path) -> &'static [Manifest] {
    static MANIFESTS: OnceLock<Vec<Manifest>> = OnceLock::new();
    MANIFESTS.get_or_init(|| {
        let dir = dir.join("corpus");
        let index =
            std::fs::read_to_string(dir.join("INDEX.tsv")).expect("the corpus has an index");
        let mut lines = index.lines();
        let head: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
        let at = |name| head.iter().position(|column| *column == name);
        let (file, product) = (
            at("file").expect("a column"),
            at("product").expect("a column"),
        );
        lines
            .map(|line| {
                let row: Vec<&str> = line.split('\t').collect();
                let text = std::fs::read_to_string(dir.join(row[file])).expect("a listed file");
                Manifest {
                    path: row[file].to_owned(),
                    product: row[product].to_owned(),
                    objects: meshsync_fingerprint::objects(&text).unwrap_or_default(),
                }
            })
            .collect()
    })
}

#[test]
fn applications_are_no_products() {
    let Some(dir) = meshsync_testkit::require_reference("applications_are_no_products") else {
        return;
    };
    // What such a manifest does contain besides the application itself.
    let contained = [
        "redis",
        "mariadb",
        "mysql",
        "mongodb",
        "rabbitmq",
        "memcached",
        "postgresql",
        "nginx",
        "elasticsearch",
    ];
    for manifest in manifests(&dir) {
        if manifest.product.starts_with("_neg-") || manifest.product == "bookinfo" {
            let verdicts = verdicts(&builtin(), &manifest.objects);
            let found = products(&verdicts, State::Identified);
            let wrong: Vec<_> = found.iter().filter(|id| !contained.contains(id)).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", manifest.path);
        }
    }
}
