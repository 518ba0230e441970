//! `meshsync doctor`: everything that `meshsync run` needs with the same options.

mod limits;

use meshsync::check::{CheckReport, DoctorOptions, Link, LinkState};
use meshsync::{Config, RbacNeeds};

use crate::cli::{DoctorArgs, SinkArgs};
use crate::failure::Failure;
use crate::{check, config, settings, signals};

/// Looks at everything.
pub(crate) async fn doctor(args: DoctorArgs) -> Result<(), Failure> {
    let stop = signals::stop_token(None)?;
    let (file, mut first) = configuration(&args);
    let mut options = DoctorOptions::default();
    options.check.cluster = settings::kubernetes(&args.cluster, &file)?;
    let sinks = SinkArgs {
        urls: args.sinks.clone(),
        ..SinkArgs::default()
    };
    options.check.sinks = settings::sink_urls(&sinks, &file).0;
    options.check.timeout = args.timeout;
    options.selection = settings::selection(&args.cluster, &file)?;
    options.needs = RbacNeeds::default();
    options.needs.has_cluster_id = settings::cluster_id(&args.cluster, &file)?.is_some();
    options.needs.interactive = args.enable_interactive;
    let stopped = stop.cancelled_owned();
    let mut report: CheckReport = meshsync::check::doctor(&options, stopped).await;
    first.append(&mut report.links);
    report.links = first;
    report.links.extend(limits::look());
    report.sum_up();
    check::show(args.output, report)
}

/// What the environment and the file say. One that cannot be used is wrong, and hides nothing of the
/// rest.
fn configuration(args: &DoctorArgs) -> (Config, Vec<Link>) {
    let version = format!("meshsync {}", env!("CARGO_PKG_VERSION"));
    let mut links = vec![link("version", LinkState::Ok, version, None)];
    let read = config::read(args.config.as_deref());
    match (&args.config, read) {
        (Some(file), Ok(read)) => {
            let detail = format!("{} can be used", file.display());
            links.push(link("file", LinkState::Ok, detail, None));
            (read, links)
        }
        (None, Ok(read)) => (read, links),
        (_, Err(failure)) => {
            let remedy = "change what it names: meshsync config check FILE, meshsync config schema";
            let detail = failure.to_string();
            links.push(link("file", LinkState::Failed, detail, Some(remedy)));
            (Config::default(), links)
        }
    }
}

fn link(name: &str, state: LinkState, detail: String, remedy: Option<&str>) -> Link {
    Link {
        link: name.to_owned(),
        state,
        seconds: None,
        detail,
        remedy: remedy.map(str::to_owned),
    }
}
