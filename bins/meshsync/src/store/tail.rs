//! `meshsync tail`.

use std::io::Write;

use meshsync::jetstream::{Events, Past, Subject};

use super::args::TailArgs;
use super::history::{is_of_kind, line};
use crate::failure::Failure;
use crate::logging::{self, LogFormat};
use crate::output;
use crate::signals;

/// Prints what happens until told to stop.
pub(crate) async fn tail(args: TailArgs, log_format: LogFormat) -> Result<(), Failure> {
    logging::start(log_format, "warn", None)?;
    let stop = signals::stop_token(None)?;
    let opening = Events::open(&args.stream.stream, args.from, None);
    let mut events = opening.await.map_err(Failure::other)?;
    let mut out = std::io::stdout();
    loop {
        let past = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            past = events.next() => past.map_err(Failure::other)?,
        };
        if !wanted(&args, &past) {
            continue;
        }
        let written = if args.records {
            out.write_all(&past.record)
                .and_then(|()| out.write_all(b"\n"))
        } else {
            writeln!(out, "{}", line(&past, &past.seq.to_string()))
        };
        if written.as_ref().is_err() {
            return output::finish(written);
        }
    }
}

fn wanted(args: &TailArgs, past: &Past) -> bool {
    let Subject::Object { key, .. } = &past.subject else {
        return false;
    };
    let kind = args.kind.as_deref();
    let namespace = args.namespace.as_deref();
    kind.is_none_or(|kind| is_of_kind(past, kind))
        && namespace.is_none_or(|namespace| key.namespace.as_deref() == Some(namespace))
}
