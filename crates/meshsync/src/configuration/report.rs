//! What became of a configuration, in the status of our own custom resource.
//!
//! Only its subresource `status` is ever written, only together with Events, and only where a Role
//! permits it.

use std::time::Duration;

use jiff::Timestamp;
use meshsync_informer::{Connection, RequestError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::change::Layer;
use super::own::{Own, Seen};
use super::status::{ConfigurationStatus, error};

/// The status is not written more often.
const WRITES_APART: Duration = Duration::from_secs(1);

/// What failed is tried again after this long; what was forbidden, after that.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
const FORBIDDEN_FOR: Duration = Duration::from_secs(60);

/// Of a message this much is written.
const MESSAGE_BYTES_MAX: usize = 4 << 10;

/// A condition, as Kubernetes has them:
/// <https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Condition {
    r#type: String,
    status: String,
    observed_generation: i64,
    last_transition_time: String,
    reason: String,
    message: String,
}

/// Keeps the status of the resource up to date, for as long as it is polled.
pub(crate) async fn report(own: Own, connection: Connection) {
    let mut state = own.state();
    let mut configuration = own.layers().follow();
    let path = format!("{}/status", own.path());
    let mut written: Option<(String, Vec<Condition>)> = None;
    let mut forbidden = false;
    loop {
        let seen = state.borrow_and_update().clone();
        let status = configuration.borrow_and_update().clone();
        let mut pause = Duration::ZERO;
        if let Some(seen) = seen {
            let known = match &written {
                // What was written last may not have come back yet.
                Some((uid, conditions)) if *uid == seen.uid => conditions,
                _ => &seen.conditions,
            };
            let wanted = conditions(&seen, &status, known, Timestamp::now());
            if wanted != *known || wanted != seen.conditions {
                let status = json!({
                    "status": {"observedGeneration": seen.generation, "conditions": wanted},
                });
                let sent = connection.patch(&path, status.to_string().into_bytes());
                pause = match sent.await {
                    Ok(_) => {
                        forbidden = false;
                        written = Some((seen.uid, wanted));
                        WRITES_APART
                    }
                    Err(RequestError::Refused { refusal, .. }) if refusal.code == 403 => {
                        if !forbidden {
                            tracing::warn!(
                                path,
                                "the status may not be written: bind a Role with patch on \
                                 discoveries/status, as deploy/kustomize/events has it"
                            );
                        }
                        forbidden = true;
                        FORBIDDEN_FOR
                    }
                    // It is gone, and that will be heard.
                    Err(RequestError::Refused { refusal, .. }) if refusal.code == 404 => {
                        WRITES_APART
                    }
                    Err(error) => {
                        tracing::warn!(error = %error.chain(), "the status is not written");
                        AGAIN_AFTER
                    }
                };
            }
        }
        if pause > Duration::ZERO {
            tokio::time::sleep(pause).await;
            if pause > WRITES_APART {
                continue;
            }
        }
        let ended = tokio::select! {
            changed = state.changed() => changed.is_err(),
            changed = configuration.changed() => changed.is_err(),
        };
        if ended {
            return;
        }
    }
}

/// What the status should say. What did not change keeps its time.
fn conditions(
    seen: &Seen,
    status: &ConfigurationStatus,
    known: &[Condition],
    now: Timestamp,
) -> Vec<Condition> {
    let is_own = |layer: &&super::ConfigurationLayer| layer.layer == Layer::Discovery.as_str();
    let own = status.layers.iter().find(is_own);
    let own = own.and_then(|layer| layer.error.clone());
    let others = status.layers.iter().filter(|layer| !is_own(layer));
    let others: Vec<String> = others.filter_map(error).collect();
    let condition = |name: &str, (bad, good): (&str, &str), error: Option<String>| {
        let (status, reason, message) = match error {
            None => ("True", good, String::new()),
            Some(mut error) => {
                error.truncate(error.floor_char_boundary(MESSAGE_BYTES_MAX));
                ("False", bad, error)
            }
        };
        let before = (known.iter()).find(|known| known.r#type == name && known.status == status);
        let time = before.map(|known| known.last_transition_time.clone());
        Condition {
            r#type: name.to_owned(),
            status: status.to_owned(),
            observed_generation: seen.generation,
            last_transition_time: time.unwrap_or_else(|| format!("{now:.0}")),
            reason: reason.to_owned(),
            message,
        }
    };
    let others = (!others.is_empty()).then(|| others.join("\n"));
    vec![
        condition("Accepted", ("Invalid", "InForce"), own),
        condition("OthersAccepted", ("Invalid", "InForce"), others),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::ConfigurationLayer;
    use super::*;

    #[test]
    fn a_condition_keeps_its_time_for_as_long_as_its_status() {
        let status = |own: Option<&str>, file: Option<&str>| {
            let layer = |layer: Layer, error: Option<&str>| ConfigurationLayer {
                layer: layer.as_str().to_owned(),
                source: "somewhere".to_owned(),
                error: error.map(str::to_owned),
                ..ConfigurationLayer::default()
            };
            let layers = vec![layer(Layer::Options, file), layer(Layer::Discovery, own)];
            ConfigurationStatus::of(layers)
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        let seen = Seen {
            generation: 3,
            ..Seen::default()
        };
        let first = conditions(&seen, &status(None, None), &[], at(1));
        let statuses = |of: &[Condition]| -> Vec<String> {
            let texts = of.iter().map(|it| format!("{} {}", it.r#type, it.status));
            texts.collect()
        };
        assert_eq!(statuses(&first), ["Accepted True", "OthersAccepted True"]);
        assert_eq!(first[0].observed_generation, 3);
        let later = conditions(&seen, &status(None, None), &first, at(2));
        assert_eq!(later, first);
        let bad = conditions(&seen, &status(Some("no"), Some("neither")), &first, at(3));
        assert_eq!(statuses(&bad), ["Accepted False", "OthersAccepted False"]);
        assert_eq!(bad[0].message, "no");
        assert_eq!(bad[1].message, "somewhere: neither");
        assert_eq!(bad[0].last_transition_time, "1970-01-01T00:00:03Z");
    }
}
