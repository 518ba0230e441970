//! Rules that somebody sends over the broker.

use meshsync_broker::requests::Link;
use meshsync_fingerprint::{Rule, rule};
use meshsync_model::error_chain;
use serde::Serialize;
use serde_json::json;

use super::requests::RequestOptions;
use crate::handle::Handle;

/// Where it is told what became of rules, unless another subject was asked for.
const ANSWER_SUBJECT: &str = "fingerprint-rules";

/// What became of the rules of one request.
#[derive(Debug, Default, Serialize)]
pub(super) struct Outcome {
    /// Ids of those that are on their way into use.
    accepted: Vec<String>,
    refused: Vec<Refused>,
}

#[derive(Debug, Serialize)]
struct Refused {
    file: String,
    problem: String,
}

/// Takes the rules that can be used, instead of those that were sent before.
pub(super) fn take(
    options: &RequestOptions,
    handle: &Handle,
    files: &[(String, String)],
) -> Outcome {
    let refuse = |problem: &str| Outcome {
        refused: files
            .iter()
            .map(|(file, _)| Refused::new(file, problem))
            .collect(),
        ..Outcome::default()
    };
    if !options.accept_rules {
        tracing::warn!("rules were sent and are not taken: --accept-rules would");
        return refuse("rules are not taken from here: --accept-rules switches it on");
    }
    let mut outcome = Outcome::default();
    let mut rules: Vec<Rule> = Vec::new();
    for (file, text) in files {
        match rule::parse(file, text) {
            Ok(rule) if rules.iter().any(|other| other.id == rule.id) => {
                let problem = format!("another file of this request is rule {} as well", rule.id);
                outcome.refused.push(Refused::new(file, &problem));
            }
            Ok(rule) => rules.push(rule),
            Err(problems) => outcome.refused.extend(
                problems
                    .iter()
                    .map(|problem| Refused::new(file, &problem.to_string())),
            ),
        }
    }
    // None at all takes back those that were sent before; none that can be used
    // takes back nothing.
    if rules.is_empty() && !files.is_empty() {
        return outcome;
    }
    outcome.accepted = rules.iter().map(|rule| rule.id.clone()).collect();
    if let Err(error) = handle.give_fingerprints(rules) {
        return refuse(&error_chain(&error));
    }
    tracing::info!(rules = ?outcome.accepted, "rules were sent and are taken");
    outcome
}

/// Tells it.
pub(super) async fn answer(options: &RequestOptions, link: &Link, reply: &str, outcome: &Outcome) {
    let subject = match reply {
        "" => ANSWER_SUBJECT,
        reply if options.allows(reply) => reply,
        reply => {
            tracing::warn!(
                reply,
                "what became of rules is not told there: see --reply-subjects"
            );
            return;
        }
    };
    let answer = json!({
        "ObjectType": ANSWER_SUBJECT, "EventType": "", "Request": null, "Object": outcome,
    });
    if let Err(error) = link.publish(subject, answer.to_string()).await {
        tracing::warn!(
            error = error_chain(&error),
            "what became of rules was not told"
        );
    }
}

impl Refused {
    fn new(file: &str, problem: &str) -> Self {
        Self {
            file: file.to_owned(),
            problem: problem.to_owned(),
        }
    }
}
