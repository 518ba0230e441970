//! Applications that look a little like products.

use meshsync_fingerprint::State;
use serde_json::{Value, json};

use crate::support::{builtin, products, verdicts};

const WORDS: &[&str] = &[
    "prometheus",
    "grafana",
    "redis",
    "postgres",
    "kafka",
    "nginx",
    "istio",
    "vault",
    "consul",
    "argocd",
    "mysql",
    "mongodb",
    "operator",
    "proxy",
    "gateway",
    "exporter",
    "agent",
    "server",
    "controller",
    "api",
    "web",
    "worker",
    "shop",
    "billing",
    "team",
    "core",
    "client",
    "metrics",
];
const PORTS: &[u16] = &[
    9090, 3000, 6379, 5432, 8080, 8443, 80, 443, 9092, 27017, 8200, 9100,
];
const ARGS: &[&str] = &[
    "--config=/etc/app.yaml",
    "--port=9090",
    "--log-level=info",
    "--metrics-addr=:8080",
    "--leader-elect",
    "serve",
    "--redis=redis:6379",
    "--zap-devel",
];
const ENVS: &[&str] = &[
    "REDIS_HOST",
    "REDIS_PORT",
    "POSTGRES_PASSWORD",
    "POSTGRES_HOST",
    "KAFKA_BROKERS",
    "POD_NAME",
    "POD_NAMESPACE",
    "GRAFANA_URL",
    "PROMETHEUS_URL",
    "VAULT_ADDR",
    "MYSQL_PASSWORD",
    "JAVA_OPTS",
];

/// A small generator, so that a seed is all that is needed to see a case again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % sides
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.roll(from.len())]
    }
}

fn application(dice: &mut Dice, at: usize) -> Value {
    let word = *dice.pick(WORDS);
    let name = match dice.roll(4) {
        0 => word.to_owned(),
        1 => format!("{word}-{}", dice.pick(WORDS)),
        2 => format!("{}-{word}-{at}", dice.pick(WORDS)),
        _ => format!("my-{word}"),
    };
    let mut labels = json!({"app": name});
    if dice.roll(2) == 0 {
        labels["app.kubernetes.io/name"] = json!(word);
    }
    if dice.roll(3) == 0 {
        labels["app.kubernetes.io/instance"] = json!(name);
        labels["helm.sh/chart"] = json!(format!("{word}-app-1.{}.0", dice.roll(9)));
    }
    let ports: Vec<Value> = (0..dice.roll(4))
        .map(|_| json!({"containerPort": dice.pick(PORTS), "name": dice.pick(&["http", "metrics", "web", "grpc"])}))
        .collect();
    let args: Vec<&str> = (0..dice.roll(5)).map(|_| *dice.pick(ARGS)).collect();
    let env: Vec<Value> = (0..dice.roll(5))
        .map(|_| json!({"name": dice.pick(ENVS), "value": "x"}))
        .collect();
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": format!("{name}-{at}"), "namespace": format!("team-{}", dice.roll(20)), "labels": labels},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": {"containers": [{
            "name": if dice.roll(3) == 0 { word } else { "app" },
            "image": format!("registry.example/team-{}/{name}-service:1.{}", dice.roll(9), dice.roll(30)),
            "args": args, "env": env, "ports": ports,
        }]}}},
    })
}

#[test]
fn ten_thousand_applications_are_no_products() {
    let seed = meshsync_testkit::seed("ten_thousand_applications_are_no_products", 1_795_375_061);
    let mut dice = Dice(seed | 1);
    let objects: Vec<Value> = (0..10_000).map(|at| application(&mut dice, at)).collect();
    let verdicts = verdicts(&builtin(), &objects);
    let identified = products(&verdicts, State::Identified);
    assert!(identified.is_empty(), "seed {seed}: {identified:?}");
}
