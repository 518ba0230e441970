//! `meshsync history`.

use std::io::Write;

use meshsync::jetstream::{Events, From, Past, Subject};
use serde::Deserialize;

use super::args::HistoryArgs;
use crate::failure::Failure;
use crate::output;

/// Prints what happened to an object.
pub(crate) async fn history(args: HistoryArgs) -> Result<(), Failure> {
    let object = match args.object.split_once('/') {
        Some((namespace, name)) => (Some(namespace), name),
        None => (None, &*args.object),
    };
    let opening = Events::open(&args.stream.stream, From::Start, Some(object));
    let mut events = opening.await.map_err(Failure::other)?;
    let mut out = std::io::stdout();
    let mut found = false;
    while let Some(past) = events.next_past().await.map_err(Failure::other)? {
        if !is_of_kind(&past, &args.kind) {
            continue;
        }
        found = true;
        let written = if args.records {
            out.write_all(&past.record)
                .and_then(|()| out.write_all(b"\n"))
        } else {
            writeln!(out, "{}", line(&past))
        };
        output::finish(written)?;
    }
    if !found {
        eprintln!("nothing is known of this object: check kind, namespace and name");
    }
    Ok(())
}

/// Kind, plural or `plural.group`, in any case.
pub(super) fn is_of_kind(past: &Past, kind: &str) -> bool {
    let Subject::Object { key, .. } = &past.subject else {
        return false;
    };
    past.envelope.kind.eq_ignore_ascii_case(kind)
        || key.resource.plural.eq_ignore_ascii_case(kind)
        || key.resource.to_string().eq_ignore_ascii_case(kind)
}

/// One message as a line: sequence, time, event, object, resourceVersion.
pub(super) fn line(past: &Past) -> String {
    #[derive(Deserialize)]
    struct Record<'a> {
        observed: &'a str,
    }
    let record: Option<Record<'_>> = serde_json::from_slice(&past.record).ok();
    let observed = record.map_or("", |record| record.observed);
    let object = match &past.subject {
        Subject::Object { key, .. } => key.to_string(),
        other => other.to_string(),
    };
    let (event, version) = (past.envelope.event, &past.envelope.version);
    format!("{:>8} {observed} {event:<8} {object} {version}", past.seq)
        .trim_end()
        .to_owned()
}
