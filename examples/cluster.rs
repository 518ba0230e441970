//! The cluster of an example: a configured one, or a simulated one.

use anyhow::Context;
use meshsync::ClusterConfig;
use meshsync_informer::ConfigError;
use meshsync_sim::{Churn, Generate, Sim};

/// Objects of a simulated cluster, and how often one of them changes.
const OBJECTS: usize = 500;
const CHANGES_PER_SECOND: f64 = 5.0;

/// Which cluster to observe.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ClusterArgs {
    /// Context of the kubeconfig [default: in-cluster configuration, else the current context]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Observe a simulated cluster; the default where no cluster is configured
    #[arg(long, conflicts_with = "context")]
    pub demo: bool,
}

/// A cluster to observe.
#[derive(Debug)]
pub enum Cluster {
    /// One that was there before.
    Configured(ClusterConfig),
    /// One that lives in this process, and changes now and then. It is gone when
    /// this is dropped.
    Simulated {
        /// The simulator.
        sim: Sim,
        /// Its changes.
        churn: Churn,
    },
}

impl Cluster {
    /// Finds the cluster that the arguments ask for.
    ///
    /// # Errors
    ///
    /// When the configuration that was found cannot be used.
    pub async fn open(args: &ClusterArgs) -> anyhow::Result<Self> {
        if args.demo {
            return Self::simulated().await;
        }
        if let Some(context) = &args.context {
            return Ok(Self::of_context(context));
        }
        match ClusterConfig::Infer.connect().await {
            Ok(_) => Ok(Self::Configured(ClusterConfig::Infer)),
            Err(ConfigError::NotFound { .. }) => {
                eprintln!("no cluster is configured: using a simulated one");
                Self::simulated().await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The cluster of a context of the kubeconfig.
    pub fn of_context(context: &str) -> Self {
        Self::Configured(ClusterConfig::Kubeconfig {
            path: None,
            context: Some(context.to_owned()),
        })
    }

    /// A simulated cluster.
    ///
    /// # Errors
    ///
    /// When no port of the loopback interface can be had.
    pub async fn simulated() -> anyhow::Result<Self> {
        let sim = Sim::builder()
            .generate(Generate::objects(OBJECTS))
            .start()
            .await
            .context("start the simulated cluster")?;
        let churn = sim.churn(CHANGES_PER_SECOND);
        Ok(Self::Simulated { sim, churn })
    }

    /// How to reach it.
    pub fn config(&self) -> ClusterConfig {
        match self {
            Self::Configured(config) => config.clone(),
            Self::Simulated { sim, .. } => ClusterConfig::Text(sim.kubeconfig()),
        }
    }
}
