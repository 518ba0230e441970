//! How a command fails: the exit code and the message.

use std::process::ExitCode;

use meshsync::RunError;
use meshsync::model::error_chain;

/// `EX_CONFIG` of sysexits: what we were told cannot work.
const CONFIGURATION: u8 = 78;
/// `EX_UNAVAILABLE`: the cluster, or the agent, cannot be reached.
const UNREACHABLE: u8 = 69;
/// 128 + SIGINT, what a shell reports for an interrupted command.
pub(crate) const INTERRUPTED: u8 = 130;

const CHECK: &str = "Check with the same kubeconfig: kubectl cluster-info";

const NAME: &str = "Name a cluster with KUBECONFIG or --source 'k8s:?kubeconfig=PATH&context=NAME'; \
    kubectl config get-contexts lists them";

/// A command that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// Something in the command line, the environment or a file cannot work.
    pub(crate) fn configuration(error: impl Into<anyhow::Error>) -> Self {
        Self {
            code: CONFIGURATION,
            error: error.into(),
        }
    }

    /// A signal came before the work was done.
    pub(crate) fn interrupted(message: &'static str) -> Self {
        Self {
            code: INTERRUPTED,
            error: anyhow::anyhow!(message),
        }
    }

    /// What was asked for does not answer.
    pub(crate) fn unreachable(error: impl Into<anyhow::Error>) -> Self {
        Self {
            code: UNREACHABLE,
            error: error.into(),
        }
    }

    /// None of the reasons that have a code of their own.
    pub(crate) fn other(error: impl Into<anyhow::Error>) -> Self {
        Self {
            code: 1,
            error: error.into(),
        }
    }

    /// The same with the only code the original has for what is no usage.
    pub(crate) fn like_the_original(mut self) -> Self {
        self.code = 1;
        self
    }

    /// Says on standard error what is wrong; returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        eprintln!("meshsync: {}", error_chain(self.error.as_ref()));
        ExitCode::from(self.code)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&error_chain(self.error.as_ref()))
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let text = error_chain(&error);
        if error.is_unreachable() {
            return Self {
                code: UNREACHABLE,
                error: anyhow::anyhow!("{text}\n{CHECK}"),
            };
        }
        match error {
            // The disk is full, or the like: neither told wrongly nor unreachable.
            RunError::Sink(_) => Self::other(anyhow::anyhow!(text)),
            // Started again, it follows.
            RunError::LeadershipLost { .. } => Self::other(anyhow::anyhow!(text)),
            RunError::Config(_) if !text.contains("--source") => {
                Self::configuration(anyhow::anyhow!("{text}\n{NAME}"))
            }
            _ => Self::configuration(anyhow::anyhow!(text)),
        }
    }
}
