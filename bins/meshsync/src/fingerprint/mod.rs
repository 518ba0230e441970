//! `meshsync fingerprint`: what is installed, in a cluster or in manifests.

mod input;
mod live;
mod output;
mod reload;
mod rules;

use std::sync::Arc;

use meshsync::model::Secrets;
use meshsync_fingerprint::{Engine, State};

pub(crate) use self::reload::follow;
pub(crate) use self::rules::{rule_set, rules};
use crate::cli::{FingerprintArgs, StateArg};
use crate::failure::Failure;
use crate::logging::{self, LogFormat};

/// Says what is installed.
pub(crate) async fn fingerprint(
    args: FingerprintArgs,
    log_format: LogFormat,
) -> Result<(), Failure> {
    logging::start(log_format, "warn", None)?;
    let catalog = Arc::new(rules::catalog(args.rules.as_deref())?);
    if let Some(product) = &args.explain
        && catalog.rule(product).is_none()
    {
        return Err(Failure::configuration(anyhow::anyhow!(
            "there is no rule for {product:?}; meshsync rules list names all"
        )));
    }
    let mut engine = Engine::new(catalog);
    let mut secrets = Secrets::Redacted;
    if args.helm_releases {
        engine = engine.with_releases();
        // They stay in this process, and what is read of them is the chart.
        secrets = Secrets::Plain;
    }
    if args.files.is_empty() {
        engine = live::observe(engine, &args.cluster, secrets).await?;
    } else {
        input::read(&mut engine, &args.files)?;
    }
    let least = State::from(args.min_state);
    let mut verdicts = engine.verdicts();
    verdicts.retain(|verdict| verdict.state >= least);
    let explained = args.explain.as_deref();
    if let Some(product) = explained {
        verdicts.retain(|verdict| verdict.product == product);
    }
    output::write(args.output, explained, &engine, &verdicts).map_err(Failure::other)
}

impl From<StateArg> for State {
    fn from(arg: StateArg) -> Self {
        match arg {
            StateArg::ApiOnly => Self::ApiOnly,
            StateArg::Ambiguous => Self::Ambiguous,
            StateArg::Probable => Self::Probable,
            StateArg::Identified => Self::Identified,
        }
    }
}
