//! What `-h` says, in the form of Go's package `flag`.

/// Each flag, its type, and what it does.
const FLAGS: &[(&str, &str, &str)] = &[
    (
        "admin-addr",
        "address",
        "where /status is served, or none (default 127.0.0.1:11001)",
    ),
    (
        "broker-url",
        "string",
        "accepted and ignored: the URL is that of BROKER_URL",
    ),
    (
        "cluster-id",
        "string",
        "name of the cluster (default: uid of namespace kube-system)",
    ),
    (
        "discover",
        "string",
        "standard (the original's kinds and custom resources) or all (default standard)",
    ),
    (
        "accept-rules",
        "",
        "tell products apart, also by rules that are sent over the broker (default false)",
    ),
    (
        "meshery-fingerprints",
        "",
        "tell products apart, and say in messages of their root objects what they are (default false)",
    ),
    (
        "enable-interactive",
        "",
        "give logs and shells to whoever asks over the broker (default true)",
    ),
    (
        "interactive-namespaces",
        "string",
        "give them only of pods in these namespaces, a comma between them",
    ),
    (
        "leader-elect",
        "string",
        "which of several observes: off, broker (it needs JetStream), lease, lease:NAME or lease:NAMESPACE/NAME (default off)",
    ),
    (
        "leader-lease",
        "duration",
        "a leader that is silent for so long is followed by another one (default 15s)",
    ),
    ("log-format", "string", "text or json (default text)"),
    (
        "managed",
        "string",
        "objects Meshery deployed, or not: greenfield, brownfield or all (default all)",
    ),
    (
        "meshery-wire",
        "string",
        "messages corrected, byte for byte as the original's: exact, or with annotations escaped once: decoded (default corrected)",
    ),
    ("output", "string", "broker or file (default broker)"),
    (
        "outputFile",
        "string",
        "with --output file: which (default meshery-cluster-snapshot-YYYYMMDD-NN.yaml)",
    ),
    (
        "outputNamespaces",
        "string",
        "only objects of these namespaces, a comma between them",
    ),
    (
        "outputResources",
        "string",
        "only these resources, by plural, singular or short name, a comma between them",
    ),
    (
        "probes-addr",
        "address",
        "where /healthz, /readyz and /metrics are served, or none (default 0.0.0.0:11000)",
    ),
    (
        "reply-subjects",
        "string",
        "where objects may be sent to on request, a comma between them (default meshery-server.>)",
    ),
    (
        "secrets",
        "string",
        "values of Secrets: redacted or plain (default: as MESHSYNC_REDACT_SECRETS says, else redacted)",
    ),
    (
        "source",
        "string",
        "the cluster: k8s:[?context=NAME&kubeconfig=PATH]",
    ),
    (
        "state-dir",
        "string",
        "a folder to remember in what was published, so that deletes are told after a restart",
    ),
    (
        "stopAfter",
        "duration",
        "stop after this time, such as 8s or 1m30s (default -1ns: never)",
    ),
    (
        "verify-interval",
        "duration",
        "check about this often that what is known is what the API server has, 5m at least (default never)",
    ),
];

pub(super) fn text(called: &str) -> String {
    let mut text = format!("Usage of {called}:\n");
    for (name, kind, what) in FLAGS {
        let space = if kind.is_empty() { "" } else { " " };
        text.push_str(&format!("  -{name}{space}{kind}\n    \t{what}\n"));
    }
    text.push_str(
        "Flags that the original does not have can be given as variables: MESHSYNC_STATE_DIR\n",
    );
    text
}
