//! The real server: it starts, enforces its options, and comes back on the same port.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, outside test functions"
)]

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use meshsync_testkit::{NatsServer, StartError, eventually_blocking};

const DEADLINE: Duration = Duration::from_secs(180);

fn connect(addr: SocketAddr) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    BufReader::new(stream)
}

fn line(connection: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    connection.read_line(&mut line).unwrap();
    line
}

/// The server's greeting.
fn info(addr: SocketAddr) -> serde_json::Value {
    let line = line(&mut connect(addr));
    let json = line.strip_prefix("INFO ").expect("a NATS greeting");
    serde_json::from_str(json).unwrap()
}

/// The server's answer to a client that connects with these options.
fn answer(addr: SocketAddr, connect_options: &str) -> String {
    let mut connection = connect(addr);
    line(&mut connection);
    write!(connection.get_mut(), "CONNECT {connect_options}\r\n").unwrap();
    line(&mut connection).trim_end().to_owned()
}

#[test]
fn restarts_on_the_same_port() {
    let Some(mut nats) = NatsServer::builder().monitoring().start_or_skip() else {
        return;
    };
    let addr = nats.addr();
    let monitoring_url = nats.monitoring_url();
    let first = info(addr);
    assert_eq!(first["port"], addr.port());
    assert!(monitoring_url.is_some());

    nats.stop();
    eventually_blocking("the port is closed", DEADLINE, || {
        TcpStream::connect(addr).is_err()
    });

    nats.restart().unwrap();
    assert_eq!(nats.addr(), addr);
    assert_eq!(nats.monitoring_url(), monitoring_url);
    assert_ne!(
        info(addr)["server_id"],
        first["server_id"],
        "another process answers"
    );
}

#[test]
fn drop_ends_the_server() {
    let Some(nats) = NatsServer::builder().start_or_skip() else {
        return;
    };
    let addr = nats.addr();
    drop(nats);
    eventually_blocking("the port is closed", DEADLINE, || {
        TcpStream::connect(addr).is_err()
    });
}

#[test]
fn credentials_are_enforced() {
    let Some(with_token) = NatsServer::builder().token("s3cret").start_or_skip() else {
        return;
    };
    let denied = "-ERR 'Authorization Violation'";
    assert_eq!(
        answer(with_token.addr(), r#"{"auth_token":"s3cret"}"#),
        "+OK"
    );
    assert_eq!(answer(with_token.addr(), "{}"), denied);

    let Some(with_user) = NatsServer::builder().user("mesh", "sync").start_or_skip() else {
        return;
    };
    assert_eq!(
        answer(with_user.addr(), r#"{"user":"mesh","pass":"sync"}"#),
        "+OK"
    );
    assert_eq!(
        answer(with_user.addr(), r#"{"user":"mesh","pass":"no"}"#),
        denied
    );
}

#[test]
fn limits_and_jetstream_are_announced() {
    let Some(nats) = NatsServer::builder()
        .jetstream()
        .max_payload_bytes(4096)
        .config("server_name: announced")
        .start_or_skip()
    else {
        return;
    };
    let info = info(nats.addr());
    assert_eq!(info["max_payload"], 4096);
    assert_eq!(info["jetstream"], true);
    assert_eq!(info["server_name"], "announced");
}

#[test]
fn a_bad_configuration_is_an_error_with_the_log() {
    match NatsServer::builder().config("no_such_option: 1").start() {
        Err(StartError::Missing) => {}
        Err(StartError::Exited { log, .. }) => assert!(log.contains("no_such_option"), "{log}"),
        other => panic!("{other:?}"),
    }
}
