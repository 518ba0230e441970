//! `meshsync config show` and `meshsync config explain`.

use std::collections::BTreeMap;

use meshsync::{Config, ExplainError, Question};

use super::{environment, read, read_file};
use crate::cli::{ExplainArgs, ShowArgs};
use crate::failure::Failure;
use crate::settings;

/// Writes the configuration as a file that says the same, with the origin of each value.
pub(crate) fn show(args: &ShowArgs) -> Result<(), Failure> {
    let flags = settings::flags(args)?;
    let file = match &args.config {
        Some(file) => read_file(file)?,
        None => Config::default(),
    };
    let layers = [
        ("flag", flags),
        ("environment", settings::redact_variable()?),
        ("environment", environment()?),
        ("file", file),
        ("environment", settings::broker_variable()?),
        ("default", settings::defaults()?),
    ];
    let mut values = BTreeMap::new();
    for (origin, layer) in layers {
        for (key, value) in layer.entries() {
            // Whoever names one source or several names all.
            let other = match key {
                "source" => "sources",
                "sources" => "source",
                other => other,
            };
            if other == key || !values.contains_key(other) {
                values.entry(key).or_insert((value, origin));
            }
        }
    }
    for (key, (value, origin)) in values {
        println!("{key}: {value} # {origin}");
    }
    Ok(())
}

/// Writes which rules decide.
pub(crate) async fn explain(args: ExplainArgs) -> Result<(), Failure> {
    let file = read(args.config.as_deref())?;
    let selection = settings::selection(&args.cluster, &file)?;
    let question = Question {
        resource: args.resource,
        namespace: args.of_namespace,
        name: args.name,
    };
    let source = settings::kubernetes(&args.cluster, &file)?;
    let asked = meshsync::explain(&source, &selection, &question).await;
    let explanations = asked.map_err(|error| match error {
        ExplainError::Request { .. } => Failure::unreachable(error),
        ExplainError::Config(_) => Failure::configuration(error),
        error => Failure::other(error),
    })?;
    for explanation in explanations {
        print!("{explanation}");
    }
    Ok(())
}
