//! `meshsync check`.

use std::io::{self, Write};

use anstyle::Style;
use meshsync::check::{CheckOptions, CheckReport, LinkState};
use meshsync::parse_source;

use crate::cli::{CheckArgs, SinkArgs};
use crate::failure::Failure;
use crate::output::{self, BAD, DIM, Format, GOOD, HEAD, WARN, styled};
use crate::{settings, signals};

/// Tests every link once.
pub(crate) async fn check(args: CheckArgs) -> Result<(), Failure> {
    let stop = signals::stop_token(None)?;
    let mut options = CheckOptions::default();
    if let Some(url) = &args.source {
        options.cluster = parse_source(url).map_err(Failure::configuration)?;
    }
    let sinks = SinkArgs {
        urls: args.sinks.clone(),
        ..SinkArgs::default()
    };
    options.sinks = settings::sink_urls(&sinks, &meshsync::Config::default()).0;
    options.timeout = args.timeout;
    let options = settings::canary(options, &args.canary);
    let report = meshsync::check::check(&options, stop.cancelled_owned()).await;
    show(args.output, report)
}

/// Writes a report; a link that is broken is a failure.
pub(crate) fn show(format: Format, report: CheckReport) -> Result<(), Failure> {
    let mut text = Vec::new();
    if format == Format::Table {
        write(&mut text, &report).map_err(Failure::other)?;
    } else {
        output::document(&mut text, format, false, &report).map_err(Failure::other)?;
    }
    let mut out = anstream::stdout().lock();
    output::finish(out.write_all(&text).and_then(|()| out.flush()))?;
    if report.ok {
        Ok(())
    } else {
        Err(Failure::other(anyhow::anyhow!(report.summary)))
    }
}

/// A report for people.
fn write(out: &mut dyn Write, report: &CheckReport) -> io::Result<()> {
    let width = report.links.iter().map(|link| link.link.len()).max();
    let width = width.unwrap_or_default();
    for link in &report.links {
        let (style, word): (Style, _) = match link.state {
            LinkState::Ok => (GOOD, "ok"),
            LinkState::Warning => (WARN, "warn"),
            LinkState::Failed => (BAD, "FAIL"),
            LinkState::NotReached => (DIM, "-"),
        };
        let took = link.seconds.map_or_else(String::new, output::seconds);
        let line = format!(
            "{}  {:width$}  {took:>8}  {}",
            styled(style, format!("{word:4}")),
            link.link,
            link.detail
        );
        writeln!(out, "{}", line.trim_end())?;
        if let Some(remedy) = &link.remedy {
            writeln!(out, "      {} {remedy}", styled(DIM, "do:"))?;
        }
    }
    writeln!(out, "{}", styled(HEAD, &report.summary))
}
