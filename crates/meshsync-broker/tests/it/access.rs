//! Brokers that want to know who we are, or show who they are: TLS, nkeys and
//! credentials files, against a real server.

use std::path::{Path, PathBuf};

use async_nats::ConnectOptions;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use futures::StreamExt;
use meshsync_broker::{Batch, Published, Sink, SinkError, sinks::open};
use meshsync_model::EventType::Added;
use meshsync_testkit::{NatsOptions, NatsServer};
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair as TlsKey};
use serde_json::json;

use crate::deliveries::state;

const SUBJECT: &str = "meshery.meshsync.core";

/// What the sink of a URL says when it is given one object.
async fn publish(url: &str) -> Result<Published, SinkError> {
    let mut sink: Box<dyn Sink> = open(url).unwrap();
    let batch = Batch::of(vec![state(Added, "a", 1, 0)]);
    let published = sink.publish(&batch).await;
    sink.close().await;
    published
}

/// Everything that an error says, its causes included.
fn told(published: Result<Published, SinkError>) -> String {
    let error: &dyn std::error::Error = &published.expect_err("the broker lets nobody in");
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(|error| format!("{error}; ")).collect()
}

/// That somebody with `options` receives what the sink of `url` publishes.
async fn arrives(options: ConnectOptions, server: &NatsServer, url: &str) {
    let reader = options.connect(server.url()).await.unwrap();
    let mut messages = reader.subscribe(SUBJECT).await.unwrap();
    reader.flush().await.unwrap();
    publish(url).await.unwrap();
    let message = messages.next().await.unwrap();
    assert!(message.payload.windows(3).any(|part| part == b"\"a\""));
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = BASE64_STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

/// An authority, and the server's configuration with a certificate of its making.
fn tls(dir: &Path) -> (PathBuf, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = TlsKey::generate().unwrap();
    let ca = pem("CERTIFICATE", authority.self_signed(&key).unwrap().der());
    let ca = write(dir, "ca.pem", &ca);
    let issuer = Issuer::new(authority, key);
    let server_key = TlsKey::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let server = CertificateParams::new(names).unwrap();
    let certificate = server.signed_by(&server_key, &issuer).unwrap();
    let certificate = write(dir, "server.pem", &pem("CERTIFICATE", certificate.der()));
    let key = pem("PRIVATE KEY", server_key.serialized_der());
    let key = write(dir, "server.key", &key);
    let config = format!("tls {{ cert_file: {certificate:?}, key_file: {key:?} }}");
    (ca, config)
}

fn host(server: &NatsServer) -> String {
    server.url().split_once("://").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_brokers_certificate_is_checked_with_the_authority_that_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let (ca, config) = tls(dir.path());
    let Some(server) = NatsOptions::default().config(&config).start_or_skip() else {
        return;
    };
    let options = ConnectOptions::new().add_root_certificates(ca.clone());
    let host = host(&server);
    let url = format!("tls://{host}?ca={}", ca.display());
    arrives(options, &server, &url).await;

    let unknown = told(publish(&format!("tls://{host}")).await);
    assert!(unknown.contains("certificate"), "{unknown}");
    let missing = told(publish(&format!("tls://{host}?ca=/no/such/ca.pem")).await);
    assert!(missing.contains("/no/such/ca.pem"), "{missing}");
}

#[tokio::test]
async fn tls_is_not_given_up_for_a_broker_without_it() {
    let Some(server) = NatsOptions::default().start_or_skip() else {
        return;
    };
    let plain = told(publish(&format!("tls://{}", host(&server))).await);
    assert!(plain.to_lowercase().contains("tls"), "{plain}");
}

#[tokio::test]
async fn an_nkey_is_read_from_its_file_and_read_again_when_it_was_rotated() {
    let dir = tempfile::tempdir().unwrap();
    let user = |key: &KeyPair| {
        let users = format!(
            "authorization {{ users: [ {{ nkey: {} }} ] }}",
            key.public_key()
        );
        write(dir.path(), "users.conf", &users)
    };
    let (old, new) = (KeyPair::new_user(), KeyPair::new_user());
    // Taken as relative to the folder of the configuration, whatever it begins with.
    let up = "../".repeat(8);
    let config = format!("include '{up}{}'", user(&old).display());
    let Some(mut server) = NatsOptions::default().config(&config).start_or_skip() else {
        return;
    };
    let seed = write(dir.path(), "seed", &format!("{}\n", old.seed().unwrap()));
    let url = format!("nats://{}?nkey={}", host(&server), seed.display());
    arrives(
        ConnectOptions::with_nkey(old.seed().unwrap()),
        &server,
        &url,
    )
    .await;

    let mut sink = open(&url).unwrap();
    sink.publish(&Batch::of(vec![state(Added, "a", 1, 0)]))
        .await
        .unwrap();
    user(&new);
    server.restart().unwrap();
    let refused = sink
        .publish(&Batch::of(vec![state(Added, "a", 2, 0)]))
        .await;
    assert!(refused.is_err(), "the old key is not known there any more");
    write(dir.path(), "seed", &new.seed().unwrap());
    let again = sink
        .publish(&Batch::of(vec![state(Added, "a", 2, 0)]))
        .await;
    again.unwrap();

    let none = told(publish(&format!("nats://{}", host(&server))).await);
    assert!(none.contains("credentials"), "{none}");
    let missing = format!("nats://{}?nkey=/no/such/seed", host(&server));
    let missing = told(publish(&missing).await);
    assert!(missing.contains("/no/such/seed"), "{missing}");
}

/// A JWT as NATS signs them.
fn jwt(signer: &KeyPair, subject: &KeyPair, nats: serde_json::Value) -> String {
    let claims = json!({
        "jti": subject.public_key(),
        "iat": 1_700_000_000,
        "iss": signer.public_key(),
        "sub": subject.public_key(),
        "name": "test",
        "nats": nats,
    });
    let part =
        |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string().as_bytes());
    let header = json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = signer.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(&signature))
}

#[tokio::test]
async fn a_credentials_file_is_what_a_decentralised_broker_wants() {
    let dir = tempfile::tempdir().unwrap();
    let (operator, account, user) = (
        KeyPair::new_operator(),
        KeyPair::new_account(),
        KeyPair::new_user(),
    );
    let operator_jwt = jwt(
        &operator,
        &operator,
        json!({"type": "operator", "version": 2}),
    );
    let limits = json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true,
        "conn": -1, "leaf": -1,
    });
    let account_claims = json!({"type": "account", "version": 2, "limits": limits});
    let account_jwt = jwt(&operator, &account, account_claims);
    let user_claims = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1});
    let user_jwt = jwt(&account, &user, user_claims);
    let config = format!(
        "operator: {operator_jwt}\nresolver: MEMORY\nresolver_preload: {{ {}: {account_jwt} }}",
        account.public_key()
    );
    let Some(server) = NatsOptions::default().config(&config).start_or_skip() else {
        return;
    };
    let creds = format!(
        "-----BEGIN NATS USER JWT-----\n{user_jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    let creds = write(dir.path(), "user.creds", &creds);
    let options = ConnectOptions::with_credentials_file(&creds).await.unwrap();
    let url = format!("nats://{}?creds={}", host(&server), creds.display());
    arrives(options, &server, &url).await;

    let none = told(publish(&format!("nats://{}", host(&server))).await);
    assert!(none.contains("credentials"), "{none}");
    let missing = format!("nats://{}?creds=/no/such/user.creds", host(&server));
    let missing = told(publish(&missing).await);
    assert!(missing.contains("/no/such/user.creds"), "{missing}");
}
