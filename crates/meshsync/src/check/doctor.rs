//! Looking at everything that a pipeline needs, without stopping at the first thing
//! that is wrong.

use std::future::Future;
use std::time::Instant;

use jiff::Timestamp;
use meshsync_discovery::Selection;
use meshsync_informer::Connection;
use meshsync_model::error_chain;
use tokio_util::sync::CancellationToken;

use super::chain::{Chain, Trouble};
use super::permissions;
use super::report::{CheckReport, LinkState};
use super::run::{self, CheckOptions};
use crate::rbac::{RbacNeeds, rbac_by};

/// What is looked at of a cluster; brokers come after it.
const LINKS: [&str; 5] = [
    "configuration",
    "api-server",
    "clock",
    "discovery",
    "permission",
];

/// What is looked at.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DoctorOptions {
    /// Cluster, sinks and times. What is said of a canary does not matter: there is
    /// none.
    pub check: CheckOptions,
    /// What is to be observed: the permissions for that are looked at.
    pub selection: Selection,
    /// What else is to be done there.
    pub needs: RbacNeeds,
}

/// Looks at the configuration, the API server and its clock, what it serves, whether
/// we may observe what is selected, and each broker. `stop` ends it early.
pub async fn doctor(options: &DoctorOptions, stop: impl Future<Output = ()>) -> CheckReport {
    let token = CancellationToken::new();
    let check = &options.check;
    let mut chain = Chain::new(check.timeout, token.clone());
    let (at, begun) = (Timestamp::now(), Instant::now());
    {
        let look = Box::pin(look(options, &mut chain));
        tokio::pin!(look, stop);
        tokio::select! {
            () = &mut look => {}
            () = &mut stop => {
                token.cancel();
                look.await;
            }
        }
    }
    let mut report = run::report(check, &LINKS, chain, at, begun.elapsed(), "nothing");
    report.kind = "Doctor".to_owned();
    report.sum_up();
    report
}

async fn look(options: &DoctorOptions, chain: &mut Chain) {
    match run::connect(&options.check, chain).await {
        Ok(connection) => cluster(options, chain, &connection).await,
        Err((link, begun, trouble)) => chain.fail(link, begun, trouble),
    }
    #[cfg(feature = "nats")]
    for url in &options.check.sinks {
        let Some(broker) = meshsync_broker::probe::BrokerUrl::of_sink(url) else {
            continue;
        };
        let id = Timestamp::now().as_nanosecond().to_string();
        let payload = bytes::Bytes::from_static(b"meshsync doctor");
        let looked = Box::pin(super::broker::look(chain, &broker, &id, payload, "")).await;
        if let Err((link, begun, trouble)) = looked {
            chain.fail(link, begun, trouble);
        }
    }
}

async fn cluster(options: &DoctorOptions, chain: &mut Chain, connection: &Connection) {
    if let Err((link, begun, trouble)) = run::server(chain, connection).await {
        // A clock that is wrong hides nothing of what follows.
        let goes_on = link == "clock";
        chain.fail(link, begun, trouble);
        if !goes_on {
            return;
        }
    }
    let begun = Instant::now();
    let late = Trouble::new(
        "the API server did not say what it serves",
        "look at the load and the health of the API server",
    );
    let ask = Box::pin(async {
        let answer = rbac_by(connection, &options.selection, &options.needs).await;
        answer.map_err(|error| {
            Trouble::new(
                error_chain(&error),
                "let everybody ask what is served: ClusterRole system:discovery",
            )
        })
    });
    let answer = match chain.within(chain.timeout, late, ask).await {
        Ok(answer) => answer,
        Err(trouble) => return chain.fail("discovery", begun, trouble),
    };
    let took = Some(begun.elapsed());
    let detail = format!(
        "{} resources are selected of what it serves",
        answer.resources
    );
    match (answer.resources, answer.unmatched.as_slice()) {
        (0, _) => chain.fail(
            "discovery",
            begun,
            Trouble::new(
                "nothing that it serves is selected",
                "look at --include, --exclude and --namespace: meshsync config explain RESOURCE",
            ),
        ),
        (_, []) => chain.push("discovery", LinkState::Ok, took, detail, None),
        (_, unmatched) => {
            let detail = format!("{detail}; {} names nothing of it", unmatched.join(", "));
            let remedy =
                "look for a typing error, or install what defines it: kubectl api-resources";
            let remedy = Some(remedy.to_owned());
            chain.push("discovery", LinkState::Warning, took, detail, remedy);
        }
    }
    permissions::look(chain, connection, &answer.grants).await;
}
