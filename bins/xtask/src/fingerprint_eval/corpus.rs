//! The labelled manifests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    path::Path,
};

use anyhow::Context;
use serde_json::{Value, value::RawValue};
use sha2::{Digest as _, Sha256};

/// Products that are in a file and missing in its line of the index, by the
/// beginning of its path.
const UNLISTED: &[(&str, &[&str])] = &[
    // Its line names what the cluster is about; these come with all of them.
    (
        "_multi-kops-",
        &[
            "aws-cloud-controller-manager",
            "aws-ebs-csi-driver",
            "aws-node-termination-handler",
            "csi-snapshot-controller",
            "gcp-cloud-controller-manager",
            "kops-controller",
            "kops-dns-controller",
        ],
    ),
    (
        "_rt-linkerd-injected/golden-edge-26.8.3/linkerd-injected-inject_contour",
        &["contour"],
    ),
    ("apisix/3.13.0/bitnami", &["apisix-ingress-controller"]),
    ("apisix/3.16.0/", &["etcd"]),
    (
        "calico/kops1.27.3-3.25.1/kops-networking.projectcalico.org.canal",
        &["canal", "flannel"],
    ),
    ("csi-driver-nfs/", &["csi-snapshot-controller"]),
    ("kong/3.9.1/bitnami", &["kong-ingress-controller"]),
    (
        "prometheus-operator/0.85.0/bitnami",
        &["alertmanager", "blackbox-exporter", "prometheus"],
    ),
    ("scaleway-csi-driver/", &["csi-snapshot-controller"]),
    ("tempo/2.9.0/tempo-distributed", &["memcached"]),
];

/// Files whose version in the index is not the one that the installation states: what is
/// found in them is shown, and counted apart.
const MISSTATED: &[(&str, &str)] = &[
    (
        "consul/2.0.3/consul-enterprise",
        "values name an image of another version",
    ),
    (
        "falcosidekick/2.31.1/",
        "the image is newer than its chart says",
    ),
    (
        "ingress-nginx/0.51.0/",
        "the image is older than its chart says",
    ),
    (
        "kube-prometheus/",
        "it states none; a sidecar happens to have the same one",
    ),
    (
        "vault/2.0.4/vault-enterprise",
        "values name an image of another version",
    ),
];

/// One manifest, and what is in it.
pub(super) struct Labelled {
    pub(super) path: String,
    /// What it is; `_…` for what is no product.
    pub(super) product: String,
    /// Products that are in it for sure, `product` included where it is one.
    pub(super) expected: BTreeSet<String>,
    /// Products that may be found in it, `expected` included.
    pub(super) allowed: BTreeSet<String>,
    /// The version of `product`, where it is one and some object states it.
    pub(super) version: Option<String>,
    /// Why that version is not what the installation states.
    pub(super) misstated: Option<&'static str>,
    /// Rebuilt by a vendor, renamed, mirrored, or of an old chart.
    pub(super) is_hard: bool,
    /// Definitions without anything that runs.
    pub(super) is_api_only: bool,
    pub(super) is_holdout: bool,
    /// Its objects as JSON.
    pub(super) objects: Vec<Box<RawValue>>,
}

/// Whether a file is held out: the SHA-256 of its path, read as one big-endian
/// number, is a multiple of 5. As 256 is 1 modulo 5, so is the sum of the bytes.
pub(super) fn is_holdout(path: &str) -> bool {
    let digest = Sha256::digest(path.as_bytes());
    digest.iter().map(|&byte| u32::from(byte)).sum::<u32>() % 5 == 0
}

/// Reads all manifests. YAML is slow to read, so that the objects are kept as
/// JSON in `cache` for the next time.
pub(super) fn read(dir: &Path, cache: &Path) -> anyhow::Result<Vec<Labelled>> {
    let index = dir.join("INDEX.tsv");
    let text = std::fs::read_to_string(&index)
        .with_context(|| format!("failed to read {}", index.display()))?;
    let mut lines = text.lines();
    let columns: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let mut files = Vec::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let row: BTreeMap<&str, &str> = columns.iter().copied().zip(line.split('\t')).collect();
        files.push(labelled(&row)?);
    }
    let digest = Sha256::digest(text.as_bytes());
    let name: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    std::fs::create_dir_all(cache)?;
    let cached = cache.join(format!("{name}.jsonl"));
    if !cached.exists() {
        eprintln!("reading {} manifests (once)", files.len());
        write_cache(dir, &files, &cached)?;
    }
    let lines = BufReader::new(File::open(&cached)?).lines();
    for (file, line) in files.iter_mut().zip(lines) {
        file.objects = serde_json::from_str(&line?)?;
    }
    Ok(files)
}

fn write_cache(dir: &Path, files: &[Labelled], path: &Path) -> anyhow::Result<()> {
    let whole = path.with_extension("part");
    let mut out = BufWriter::new(File::create(&whole)?);
    for file in files {
        let text = std::fs::read_to_string(dir.join(&file.path))?;
        let objects: Vec<Value> = match meshsync_fingerprint::objects(&text) {
            Ok(objects) => objects,
            Err(error) => {
                eprintln!("{}: {error}", file.path);
                Vec::new()
            }
        };
        serde_json::to_writer(&mut out, &objects)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    std::fs::rename(&whole, path)?;
    Ok(())
}

fn labelled(row: &BTreeMap<&str, &str>) -> anyhow::Result<Labelled> {
    let column = |name: &str| row.get(name).copied().unwrap_or_default();
    let path = column("file").to_owned();
    anyhow::ensure!(!path.is_empty(), "a line of INDEX.tsv without a file");
    let list = |name: &str| -> Vec<String> {
        let items = column(name).split(';').filter(|item| !item.is_empty());
        items.map(canonical).collect()
    };
    let product = column("product").to_owned();
    let is_product = !product.starts_with('_') && product != "bookinfo" && product != "product";
    let mut expected: BTreeSet<String> = list("also").into_iter().collect();
    let mut allowed = expected.clone();
    // A sidecar does not make the pod its product: it is counted as a proxy.
    for product in ["istio", "kuma", "linkerd"] {
        if column("product").starts_with("_rt-") {
            expected.remove(product);
        }
    }
    if is_product {
        expected.insert(canonical(&product));
    }
    allowed.extend(expected.iter().cloned());
    allowed.extend(list("contains"));
    let unlisted = UNLISTED.iter().filter(|(start, _)| path.starts_with(start));
    allowed.extend(unlisted.flat_map(|(_, ids)| ids.iter().map(|&id| id.to_owned())));
    let count = |name: &str| column(name).parse::<u32>().unwrap_or(0);
    // What only the chart states is the version of the chart.
    let states = count("ver_in_image") + count("ver_in_label") > 0;
    let version = column("version");
    let is_version = is_product
        && states
        && count("placeholder_tags") == 0
        && !["kops", "olm-", "golden-", "HEAD", "main", "master"]
            .iter()
            .any(|start| version.starts_with(start))
        && !version.ends_with("-vendored")
        && !version.trim_start_matches('v').starts_with("0.0.0")
        && version.contains(|c: char| c.is_ascii_digit());
    let vendors = ["bitnami/charts", "helm/charts"];
    let marks = ["renamed", "mirror", "digest", "rancher", "vendored"];
    Ok(Labelled {
        is_hard: vendors.contains(&column("repo")) || marks.iter().any(|mark| path.contains(mark)),
        is_api_only: count("workloads") == 0 && column("mode") != "olm-bundle",
        is_holdout: is_holdout(&path),
        version: is_version.then(|| version.to_owned()),
        misstated: MISSTATED
            .iter()
            .find(|(start, _)| path.starts_with(start))
            .map(|&(_, why)| why),
        path,
        product,
        expected,
        allowed,
        objects: Vec::new(),
    })
}

/// The index has more than one name for some products, and names parts of
/// products where the verdict names the product.
fn canonical(id: &str) -> String {
    match id {
        "hcloud-ccm" => "hcloud-cloud-controller-manager",
        "consul-k8s" => "consul",
        "istio-proxy" => "istio",
        "kuma-dp" => "kuma",
        "linkerd-proxy" => "linkerd",
        // Packages called like another product, or for an edition of one.
        "olm-mysql" => "olm-mysql",
        "olm-portworx-essentials" => "portworx",
        other => other.strip_prefix("olm-").unwrap_or(other),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_the_bytes_is_the_number_modulo_five() {
        for path in ["a", "istio/1.30.3/istiod.yaml", ""] {
            let digest = Sha256::digest(path.as_bytes());
            let whole = digest
                .iter()
                .fold(0_u32, |rest, &byte| (rest * 256 + u32::from(byte)) % 5);
            assert_eq!(is_holdout(path), whole == 0, "{path}");
        }
    }
}
