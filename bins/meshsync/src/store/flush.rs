//! `meshsync flush`.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::anyhow;
use meshsync::jetstream;
use meshsync::model::ResourceId;

use super::args::FlushArgs;
use crate::failure::Failure;

/// Has the state stream emptied and written again.
pub(crate) async fn flush(args: FlushArgs) -> Result<(), Failure> {
    let resource = args.kind.as_deref().map(|kind| match kind.split_once('.') {
        Some((plural, group)) => ResourceId::new(group, plural),
        None => ResourceId::new("", kind),
    });
    let what = match &resource {
        Some(resource) => format!("all {resource}"),
        None => "everything".to_owned(),
    };
    let of = args.scope.as_deref().unwrap_or("every cluster");
    if !args.yes && !confirmed(&format!("Purge {what} of {of} from {}", args.stream.stream))? {
        eprintln!("nothing was done");
        return Ok(());
    }
    let (url, scope) = (&args.stream.stream, args.scope.as_deref());
    let purged = jetstream::flush(url, scope, resource.as_ref()).await;
    for (scope, count) in purged.map_err(Failure::other)? {
        println!("{scope}: {count} messages purged; what is there is written again");
    }
    Ok(())
}

fn confirmed(question: &str) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let error = anyhow!("nobody can be asked: say --yes where no person answers");
        return Err(Failure::configuration(error));
    }
    eprint!("{question}, and have it written again? [y/N] ");
    std::io::stderr().flush().map_err(Failure::other)?;
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(Failure::other)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
