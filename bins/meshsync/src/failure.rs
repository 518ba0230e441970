//! How a command fails: the exit code and the message.

use std::process::ExitCode;

use meshsync::RunError;

/// `EX_CONFIG` of sysexits: what we were told cannot work.
const CONFIGURATION: u8 = 78;
/// `EX_UNAVAILABLE`: the cluster cannot be reached.
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

    /// None of the reasons that have a code of their own.
    pub(crate) fn other(error: impl Into<anyhow::Error>) -> Self {
        Self {
            code: 1,
            error: error.into(),
        }
    }

    /// Says on standard error what is wrong; returns the exit code.
    pub(crate) fn report(self) -> ExitCode {
        eprintln!("meshsync: {}", chain(self.error.as_ref()));
        ExitCode::from(self.code)
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        if error.is_unreachable() {
            Self {
                code: UNREACHABLE,
                error: anyhow::anyhow!("{}\n{CHECK}", chain(&error)),
            }
        } else {
            let mut text = chain(&error);
            if !text.contains("--source") && matches!(error, RunError::Config(_)) {
                text = format!("{text}\n{NAME}");
            }
            Self::configuration(anyhow::anyhow!(text))
        }
    }
}

/// An error with its causes. What a message already repeats of its cause is not
/// said twice.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn causes_are_said_once() {
        let error = anyhow!("refused")
            .context("connect: refused")
            .context("run");
        assert_eq!(chain(error.as_ref()), "run: connect: refused");
    }
}
