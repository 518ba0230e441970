//! What is wrong, as the rest of the document says.

use crate::check::LinkState;

use super::document::{Health, Problem, StatusDocument};
use crate::monitor::Role;

/// So many problems a status names.
const PROBLEMS_MAX: usize = 100;

/// A sink for which something has waited this long is a problem.
const PENDING_SECONDS_MAX: f64 = 60.0;

/// Fills in the problems and the health that follow from everything else.
pub(super) fn judge(document: &mut StatusDocument) {
    let mut problems = Vec::new();
    of_configuration(document, &mut problems);
    of_sources(document, &mut problems);
    of_sinks(document, &mut problems);
    of_synthetic(document, &mut problems);
    of_resources(document, &mut problems);
    problems.truncate(PROBLEMS_MAX);
    // Who follows has nothing to do but wait.
    let is_done = document.synced || document.leadership.role == Role::Follower.as_str();
    document.health = match (problems.is_empty(), is_done) {
        (false, _) => Health::Degraded,
        (true, false) => Health::Starting,
        (true, true) => Health::Ok,
    };
    document.problems = problems;
}

fn problem(area: &str, subject: &str, message: String, remedy: &str) -> Problem {
    Problem {
        area: area.to_owned(),
        subject: subject.to_owned(),
        message,
        remedy: remedy.to_owned(),
    }
}

fn of_configuration(document: &StatusDocument, problems: &mut Vec<Problem>) {
    let configuration = &document.configuration;
    if let Some(error) = &configuration.error {
        problems.push(problem(
            "configuration",
            &configuration.source,
            error.clone(),
            "correct it: `meshsync config check FILE` names everything that is wrong; \
             what was in force before stays meanwhile",
        ));
    }
}

fn of_sources(document: &StatusDocument, problems: &mut Vec<Problem>) {
    for source in &document.sources {
        if matches!(source.state.as_str(), "backing-off" | "failed") {
            problems.push(problem(
                "source",
                &source.source,
                source.last_error.clone().unwrap_or_default(),
                "what was known of it stays, and so do the others; it is tried again",
            ));
        }
        for message in &source.problems {
            problems.push(problem(
                "source",
                &source.source,
                message.clone(),
                "correct it; what was known of it stays, and everything else goes on",
            ));
        }
    }
}

fn of_sinks(document: &StatusDocument, problems: &mut Vec<Problem>) {
    for sink in &document.sinks {
        let error = || sink.last_error.clone().unwrap_or_default();
        match sink.state.as_str() {
            "away" => problems.push(problem(
                "sink",
                &sink.sink,
                error(),
                "check that it is up and can be reached from here (`meshsync check` names the \
                 broken link); nothing is lost meanwhile",
            )),
            "closed" => problems.push(problem(
                "sink",
                &sink.sink,
                error(),
                "nothing goes there any more: see to the error, and start again",
            )),
            _ => {}
        }
        let oldest = sink.oldest_pending_age_seconds.unwrap_or_default();
        if sink.state == "up" && oldest > PENDING_SECONDS_MAX {
            problems.push(problem(
                "sink",
                &sink.sink,
                format!("the oldest change waits for {oldest:.0} s"),
                "it takes less than what happens: give it more room, or observe less \
                 (--exclude, --depth)",
            ));
        }
    }
}

fn of_synthetic(document: &StatusDocument, problems: &mut Vec<Problem>) {
    let last = document
        .synthetic
        .as_ref()
        .and_then(|tests| tests.last.as_ref());
    let Some(last) = last else { return };
    for link in &last.links {
        if link.state == LinkState::Failed {
            let remedy = link.remedy.as_deref().unwrap_or_default();
            let message = link.detail.clone();
            problems.push(problem("synthetic", &link.link, message, remedy));
        }
    }
}

fn of_resources(document: &StatusDocument, problems: &mut Vec<Problem>) {
    for resource in &document.resources {
        let error = || resource.last_error.clone().unwrap_or_default();
        let remedy = resource.remedy.as_deref();
        match resource.state.as_str() {
            "forbidden" => problems.push(problem(
                "resource",
                &resource.resource,
                error(),
                remedy.unwrap_or("grant get, list and watch on it, or exclude it"),
            )),
            "backing-off" => problems.push(problem(
                "resource",
                &resource.resource,
                error(),
                remedy.unwrap_or("tried again by itself; if it stays, look at the API server"),
            )),
            "partial" => problems.push(problem(
                "resource",
                &resource.resource,
                match &resource.access {
                    Some(access) => format!("forbidden in {}", access.not_seen),
                    None => error(),
                },
                "apply the roles that the status names under permissions, or observe fewer \
                 namespaces (--namespace)",
            )),
            _ if resource.stale => problems.push(problem(
                "resource",
                &resource.resource,
                error(),
                "its objects are kept as they were last seen; look at its APIService or definition",
            )),
            _ => {}
        }
        let drift = resource
            .verified
            .as_ref()
            .map_or(0, |last| last.missing + last.extra + last.other_version);
        if drift > 0 {
            problems.push(problem(
                "resource",
                &resource.resource,
                format!("{drift} objects differed from the API server in the last check"),
                "they were repaired; report it, with the log: this must not happen",
            ));
        }
    }
    for group in &document.plan.unavailable_groups {
        problems.push(problem(
            "discovery",
            group,
            "the API server cannot say what this group serves".to_owned(),
            "look at its APIService (kubectl get apiservices); what is known of it stays",
        ));
    }
}
