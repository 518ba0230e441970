//! `meshsync get`.

use std::io::{BufWriter, Write};

use meshsync::store::{Filter, Store, StoredObject};
use serde::Deserialize;

use super::args::{GetArgs, Output};
use crate::failure::Failure;
use crate::output;

/// Prints objects of a store.
pub(crate) fn get(args: &GetArgs) -> Result<(), Failure> {
    let store = Store::open_to_read(&args.store.store).map_err(Failure::configuration)?;
    let mut filter = Filter::default();
    filter.kind = (args.kind != "all").then(|| args.kind.clone());
    filter.namespace.clone_from(&args.namespace);
    filter.name.clone_from(&args.name);
    filter.labels.clone_from(&args.selector);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut rows = Vec::new();
    let mut failed = None;
    let read = store.objects(&filter, |object| {
        if failed.is_some() {
            return;
        }
        let written = match args.output {
            Output::Table => {
                rows.push(row(&object));
                Ok(())
            }
            Output::Json => out
                .write_all(&object.object)
                .and_then(|()| out.write_all(b"\n"))
                .map_err(Into::into),
            Output::Yaml => output::yaml(&mut out, &object.object),
        };
        failed = written.err();
    });
    read.map_err(Failure::other)?;
    if let Some(error) = failed {
        return output::finish(Err(error.downcast().unwrap_or_else(std::io::Error::other)));
    }
    if args.output == Output::Table {
        if rows.is_empty() {
            eprintln!("nothing found");
        } else {
            let head = ["NAMESPACE", "NAME", "KIND", "AGE"];
            output::finish(output::table(&mut out, &head, &rows))?;
        }
    }
    output::finish(out.flush())
}

fn row(object: &StoredObject) -> Vec<String> {
    #[derive(Default, Deserialize)]
    struct Object {
        metadata: Metadata,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Metadata {
        creation_timestamp: String,
    }
    let parsed: Object = serde_json::from_slice(&object.object).unwrap_or_default();
    vec![
        object.namespace.clone(),
        object.name.clone(),
        format!("{} {}", object.api_version, object.kind),
        output::age(&parsed.metadata.creation_timestamp),
    ]
}
