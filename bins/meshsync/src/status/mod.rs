//! `meshsync status`.

pub(crate) mod fetch;
mod table;

use std::io::{IsTerminal, Write};

use meshsync::StatusDocument;

use self::fetch::Agent;
use crate::cli::StatusArgs;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::signals;

/// Says how an agent is, once or again and again.
pub(crate) async fn status(args: StatusArgs) -> Result<(), Failure> {
    if args.schema {
        println!("{}", meshsync::status::schema());
        return Ok(());
    }
    let agent = Agent::parse(&args.agent)?;
    if !args.watch {
        let document = agent.status().await?;
        return show(&args, &document, false);
    }
    let stop = signals::stop_token(None)?;
    // At the start a mistake in the address is told; later an agent that is away
    // may come back.
    let mut document = Ok(agent.status().await?);
    loop {
        match &document {
            Ok(document) => show(&args, document, true)?,
            Err(failure) => eprintln!("{failure}"),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(args.interval) => {}
        }
        document = agent.status().await;
    }
}

fn show(args: &StatusArgs, document: &StatusDocument, again: bool) -> Result<(), Failure> {
    let mut text = Vec::new();
    if args.output == Format::Table {
        table::write(&mut text, document).map_err(Failure::other)?;
    } else {
        output::document(&mut text, args.output, again, document).map_err(Failure::other)?;
    }
    let mut out = anstream::stdout().lock();
    if again && args.output == Format::Table && std::io::stdout().is_terminal() {
        // Home, what follows, and nothing of what was below.
        text.splice(0..0, *b"\x1b[H\x1b[2J");
    }
    output::finish(out.write_all(&text).and_then(|()| out.flush()))
}
