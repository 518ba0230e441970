//! What can be asked.

use serde_json::{Map, Value};

/// Targets of one request at most.
const TARGETS_MAX: usize = 64;

/// The most a request with rules may have, in bytes.
const RULES_BYTES_MAX: usize = 4 << 20;

/// Files of one request with rules at most.
const RULES_MAX: usize = 1024;

/// Of a text that cannot be used this much is repeated.
const TEXT_CHARS_MAX: usize = 80;

/// A request of Meshery Server or one of its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// `informer-store`: every object, in batches, on that subject.
    Store {
        /// Where to.
        reply: String,
    },
    /// `resync-discovery`: every object once more on the usual subject.
    Resync,
    /// `meshsync-meta`: which version runs.
    Meta,
    /// `log-stream`: begin or end following containers' logs.
    Logs(Vec<LogRequest>),
    /// `exec-request`: begin or end shells in containers.
    Exec(Vec<ExecRequest>),
    /// `active-exec`: which sessions there are.
    ActiveSessions,
    /// `fingerprint-rules`: rules that products are told by, on top of those there
    /// are. The original does not know it.
    Rules {
        /// Their texts, by the name to report problems under.
        files: Vec<(String, String)>,
        /// Where to say what became of them; empty for the usual subject.
        reply: String,
    },
}

/// The container of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionTarget {
    /// Chosen by who asks.
    pub id: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// The pod.
    pub name: String,
    /// The container; empty for the only one.
    pub container: String,
}

/// Begin or end following a container's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRequest {
    /// The container.
    pub target: SessionTarget,
    /// Whether to go on when the end is reached.
    pub follow: bool,
    /// Of the container's run before this one.
    pub previous: bool,
    /// How many lines of what was written before.
    pub tail_lines: i64,
    /// End it.
    pub stop: bool,
}

/// Begin or end a shell in a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecRequest {
    /// The container.
    pub target: SessionTarget,
    /// End it.
    pub stop: bool,
}

/// Why a message is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to understand a request: {0}")]
pub struct RequestProblem(String);

impl Request {
    /// Reads a message. Member names may be in any case, as the original's
    /// decoder takes them.
    ///
    /// # Errors
    ///
    /// When it is no request, or one that is not known.
    pub fn parse(message: &[u8]) -> Result<Self, RequestProblem> {
        let bytes = message.len();
        let message: Value = serde_json::from_slice(message)
            .map_err(|error| RequestProblem(format!("it is no JSON: {error}")))?;
        let request = member(&message, "request").filter(|request| request.is_object());
        let request = request.ok_or_else(|| RequestProblem("it has no Request".to_owned()))?;
        let entity = text(request, "entity");
        let payload = member(request, "payload").unwrap_or(&Value::Null);
        match entity.as_str() {
            "informer-store" => match text(payload, "reply") {
                reply if reply.is_empty() => Err(RequestProblem(
                    "informer-store has no Payload.Reply to answer to".to_owned(),
                )),
                reply => Ok(Self::Store { reply }),
            },
            "resync-discovery" => Ok(Self::Resync),
            "meshsync-meta" => Ok(Self::Meta),
            "active-exec" => Ok(Self::ActiveSessions),
            "fingerprint-rules" => rules(payload, bytes),
            "log-stream" => Ok(Self::Logs(targets(payload)?.map(log_request).collect())),
            "exec-request" => Ok(Self::Exec(targets(payload)?.map(exec_request).collect())),
            other => {
                let other: String = other.chars().take(TEXT_CHARS_MAX).collect();
                Err(RequestProblem(format!("its Entity {other:?} is not known")))
            }
        }
    }
}

impl SessionTarget {
    fn of(request: &Value) -> Self {
        Self {
            id: text(request, "id"),
            namespace: text(request, "namespace"),
            name: text(request, "name"),
            container: text(request, "container"),
        }
    }

    /// Whether its parts can stand in a subject and in a path.
    ///
    /// # Errors
    ///
    /// Says which part cannot.
    pub fn check(&self) -> Result<(), RequestProblem> {
        let parts = [
            ("namespace", &self.namespace, false),
            ("name", &self.name, false),
            ("container", &self.container, true),
            ("id", &self.id, true),
        ];
        for (what, part, may_be_empty) in parts {
            let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
            let dots = part.starts_with('.') || part.ends_with('.') || part.contains("..");
            if (part.is_empty() && !may_be_empty) || !part.chars().all(is_safe) || dots {
                let part: String = part.chars().take(TEXT_CHARS_MAX).collect();
                return Err(RequestProblem(format!("its {what} {part:?} names nothing")));
            }
        }
        Ok(())
    }
}

fn log_request(request: &Value) -> LogRequest {
    let lines = member(request, "taillines").and_then(Value::as_i64);
    LogRequest {
        target: SessionTarget::of(request),
        follow: flag(request, "follow"),
        previous: flag(request, "previous"),
        tail_lines: lines.unwrap_or_default().max(0),
        stop: flag(request, "stop"),
    }
}

fn exec_request(request: &Value) -> ExecRequest {
    ExecRequest {
        target: SessionTarget::of(request),
        stop: flag(request, "stop"),
    }
}

fn rules(payload: &Value, bytes: usize) -> Result<Request, RequestProblem> {
    if bytes > RULES_BYTES_MAX {
        return Err(RequestProblem(format!(
            "its rules have {bytes} bytes, more than {RULES_BYTES_MAX}"
        )));
    }
    let files = member(payload, "rules").and_then(Value::as_object);
    let files = files.ok_or_else(|| {
        RequestProblem("its Payload.Rules is no map of file names to rules".to_owned())
    })?;
    if files.len() > RULES_MAX {
        let many = files.len();
        return Err(RequestProblem(format!(
            "it has {many} rules, more than {RULES_MAX}"
        )));
    }
    let files = files.iter().map(|(name, rule)| match rule.as_str() {
        Some(rule) => Ok((name.clone(), rule.to_owned())),
        None => {
            let name: String = name.chars().take(TEXT_CHARS_MAX).collect();
            Err(RequestProblem(format!(
                "its Payload.Rules.{name} is no text: rules are YAML in a string"
            )))
        }
    });
    Ok(Request::Rules {
        files: files.collect::<Result<_, _>>()?,
        reply: text(payload, "reply"),
    })
}

/// The values of a map whose keys mean nothing.
fn targets(payload: &Value) -> Result<impl Iterator<Item = &Value>, RequestProblem> {
    let targets: Option<&Map<String, Value>> = payload.as_object();
    match targets {
        Some(targets) if targets.len() <= TARGETS_MAX => Ok(targets.values()),
        Some(targets) => Err(RequestProblem(format!(
            "it has {} targets, more than {TARGETS_MAX}",
            targets.len()
        ))),
        None => Err(RequestProblem(
            "its Payload is no map of targets".to_owned(),
        )),
    }
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = value.as_object()?.iter();
    let found = members.find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

fn text(value: &Value, name: &str) -> String {
    let text = member(value, name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

fn flag(value: &Value, name: &str) -> bool {
    member(value, name).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: Result<Request, &str>) {
        match (Request::parse(message.as_bytes()), expected) {
            (Ok(request), Ok(expected)) => assert_eq!(request, expected, "{message}"),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (result, _) => panic!("{message}: {result:?}"),
        }
    }

    #[test]
    fn rules_come_as_texts_by_name_and_within_limits() {
        let files = vec![("acme.yaml".to_owned(), "id: acme".to_owned())];
        let ask = |payload: &str| {
            format!(r#"{{"Request":{{"Entity":"fingerprint-rules","Payload":{payload}}}}}"#)
        };
        check(
            &ask(r#"{"Rules":{"acme.yaml":"id: acme"},"Reply":"meshery-server.x"}"#),
            Ok(Request::Rules {
                files,
                reply: "meshery-server.x".to_owned(),
            }),
        );
        let nothing = Request::Rules {
            files: Vec::new(),
            reply: String::new(),
        };
        check(&ask(r#"{"rules":{}}"#), Ok(nothing));
        check(&ask("{}"), Err("no map of file names"));
        check(&ask(r#"{"rules":{"a":{}}}"#), Err("Rules.a is no text"));
        let many: Vec<String> = (0..=RULES_MAX).map(|n| format!(r#""{n}":"""#)).collect();
        let many = format!(r#"{{"rules":{{{}}}}}"#, many.join(","));
        check(&ask(&many), Err("more than 1024"));
        let long = format!(r#"{{"rules":{{"a":"{}"}}}}"#, "x".repeat(RULES_BYTES_MAX));
        check(&ask(&long), Err("more than 4194304"));
    }

    #[test]
    fn the_requests_of_the_contract_are_read() {
        let target = SessionTarget {
            id: "42".into(),
            namespace: "default".into(),
            name: "nginx-abc".into(),
            container: "nginx".into(),
        };
        check(
            r#"{"Request":{"Entity":"informer-store","Payload":{"Reply":"meshery-server.meshsync.store"}}}"#,
            Ok(Request::Store {
                reply: "meshery-server.meshsync.store".into(),
            }),
        );
        check(
            r#"{"ObjectType":"","EventType":"","Request":{"Entity":"resync-discovery","Payload":null},"Object":null}"#,
            Ok(Request::Resync),
        );
        check(
            r#"{"request":{"entity":"meshsync-meta"}}"#,
            Ok(Request::Meta),
        );
        check(
            r#"{"Request":{"Entity":"active-exec"}}"#,
            Ok(Request::ActiveSessions),
        );
        check(
            r#"{"Request":{"Entity":"log-stream","Payload":{"x":{"id":"42","name":"nginx-abc","namespace":"default","container":"nginx","follow":true,"previous":false,"taillines":100,"stop":false}}}}"#,
            Ok(Request::Logs(vec![LogRequest {
                target: target.clone(),
                follow: true,
                tail_lines: 100,
                ..LogRequest::default()
            }])),
        );
        check(
            r#"{"Request":{"Entity":"exec-request","Payload":{"x":{"id":"42","name":"nginx-abc","namespace":"default","container":"nginx","stop":true}}}}"#,
            Ok(Request::Exec(vec![ExecRequest { target, stop: true }])),
        );
    }

    #[test]
    fn what_is_no_request_says_why() {
        check("nonsense", Err("no JSON"));
        check(r#"{"Request":null}"#, Err("no Request"));
        check(r#"{"Request":{"Entity":"other"}}"#, Err("not known"));
        check(r#"{"Request":{"Entity":"informer-store"}}"#, Err("Reply"));
        check(
            r#"{"Request":{"Entity":"log-stream","Payload":[]}}"#,
            Err("no map"),
        );
    }

    #[test]
    fn targets_that_reach_elsewhere_are_refused() {
        let target = |name: &str, container: &str| SessionTarget {
            namespace: "default".into(),
            name: name.into(),
            container: container.into(),
            ..SessionTarget::default()
        };
        assert!(target("nginx-abc.1", "").check().is_ok());
        for (name, container) in [
            ("", "c"),
            ("a/b", "c"),
            ("a", "c>"),
            ("a..b", ""),
            ("a", "*"),
        ] {
            assert!(
                target(name, container).check().is_err(),
                "{name} {container}"
            );
        }
    }
}
