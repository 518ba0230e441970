//! `meshsync history`.

use std::collections::HashSet;
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
    let stream = &args.stream.stream;
    let opening = Events::open(stream, From::Start, Some(object));
    let mut events = opening.await.map_err(Failure::other)?;
    let mut told = HashSet::new();
    while let Some(past) = events.next_past().await.map_err(Failure::other)? {
        if is_of_kind(&past, &args.kind) {
            print(&past, &past.seq.to_string(), args.records)?;
            told.insert(past.envelope.id);
        }
    }
    // What was there before events were recorded, and has not changed since they
    // were forgotten.
    let states = Events::open_states(stream, object);
    let mut states = states.await.map_err(Failure::other)?;
    while let Some(state) = states.next_past().await.map_err(Failure::other)? {
        if is_of_kind(&state, &args.kind) && !told.contains(&state.envelope.id) {
            print(&state, "state", args.records)?;
            told.insert(state.envelope.id);
        }
    }
    if told.is_empty() {
        eprintln!("nothing is known of this object: check kind, namespace and name");
    }
    Ok(())
}

fn print(past: &Past, seq: &str, as_record: bool) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    let written = if as_record {
        out.write_all(&past.record)
            .and_then(|()| out.write_all(b"\n"))
    } else {
        writeln!(out, "{}", line(past, seq))
    };
    output::finish(written)
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

/// One message as a line: sequence, or what stands for it, time, event, object,
/// resourceVersion.
pub(super) fn line(past: &Past, seq: &str) -> String {
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
    format!("{seq:>8} {observed} {event:<8} {object} {version}")
        .trim_end()
        .to_owned()
}
