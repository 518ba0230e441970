use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use meshsync_sim::{Generate, Sim, SimError};
use tokio::net::TcpStream;

use super::client::{End, Watch, config_map, get, within};

#[tokio::test]
async fn http2_with_prior_knowledge_is_served() {
    let sim = Sim::builder()
        .generate(Generate::objects(300))
        .start()
        .await
        .unwrap();
    let stream = TcpStream::connect(sim.addr()).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let uri = format!("{}/api/v1/pods", sim.url());
    let request = Request::builder()
        .uri(uri)
        .body(Empty::<bytes::Bytes>::new())
        .unwrap();
    let response = within("an answer", sender.send_request(request))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let body = within("the body", response.into_body().collect())
        .await
        .unwrap()
        .to_bytes();
    assert_eq!(
        body.trim_ascii_end(),
        get(&sim, "/api/v1/pods").await.body.trim_ascii_end()
    );
    within("stop", sim.stop()).await;
}

#[tokio::test]
async fn stopping_ends_watches_in_order() {
    let sim = Sim::builder().start().await.unwrap();
    let mut watch = Watch::open(&sim, "/api/v1/pods?watch=1").await;
    let churn = sim.churn(100.0);
    within("stop of the churn", churn.stop()).await;
    within("stop", sim.stop()).await;
    assert_eq!(watch.end().await, End::Clean);
}

#[tokio::test]
async fn the_listener_comes_back_on_the_same_port_with_the_same_objects() {
    let sim = Sim::builder().start().await.unwrap();
    sim.apply(config_map("a", "1")).unwrap();
    let mut watch = Watch::open(&sim, "/api/v1/configmaps?watch=1").await;
    assert_eq!(watch.change().await, "ADDED a");
    within("stop", sim.stop_listener()).await;
    assert!(matches!(watch.end().await, End::Broken(_)));
    assert!(TcpStream::connect(sim.addr()).await.is_err());
    sim.apply(config_map("b", "1")).unwrap();
    sim.start_listener().await.unwrap();
    assert_eq!(
        get(&sim, "/api/v1/configmaps").await.json()["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn a_taken_address_is_an_error() {
    let sim = Sim::builder().start().await.unwrap();
    let again = Sim::builder().bind(sim.addr()).start().await;
    assert!(matches!(again, Err(SimError::Bind { .. })));
}
