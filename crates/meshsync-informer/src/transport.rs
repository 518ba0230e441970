//! The HTTP client below kube's: the same layers, with bounded buffers.
//!
//! kube's own stack reads up to 408 KiB ahead per connection and logs every 5xx
//! as an error; a watch per resource makes both count.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::{Client, Config};
use tower::ServiceBuilder;

use crate::traffic::{CountLayer, Traffic};

/// What one connection reads ahead at most: a TLS record. There is a connection
/// for every resource; larger buffers saved no CPU that could be measured.
const READ_BUFFER_BYTES_MAX: usize = 16 << 10;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A peer that vanished without a word is noticed after a few of these.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// An idle connection is closed before most load balancers do it.
const POOL_IDLE: Duration = Duration::from_secs(45);

/// A client for `config`, which counts its requests. With a proxy configured it is
/// kube's own: it knows how to go through one.
pub(crate) fn client(config: Config, traffic: Arc<Traffic>) -> Result<Client, kube::Error> {
    let count = CountLayer { traffic };
    if config.proxy_url.is_some() {
        return Ok(ClientBuilder::try_from(config)?.with_layer(&count).build());
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let http: HyperClient<_, Body> = HyperClient::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(POOL_IDLE)
        .http1_max_buf_size(READ_BUFFER_BYTES_MAX)
        .build(connector);
    let service = ServiceBuilder::new()
        .layer(count)
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(tower::BoxError::from)
        .service(http);
    Ok(Client::new(service, config.default_namespace))
}
