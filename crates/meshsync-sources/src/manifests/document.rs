//! From a text to its documents.

use serde_json::Value;

/// Why a text cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TextProblem {
    /// From 1.
    pub(super) line: u64,
    /// From 1.
    pub(super) column: u64,
    pub(super) message: String,
}

/// How deep lists may lie in lists.
const LIST_DEPTH_MAX: usize = 8;

/// The documents of a text, the items of lists each for itself.
pub(super) fn documents(text: &str, is_json: bool) -> Result<Vec<Value>, TextProblem> {
    let roots = match is_json {
        true => json(text)?,
        false => yaml(text)?,
    };
    let mut documents = Vec::with_capacity(roots.len());
    for root in roots {
        flatten(root, LIST_DEPTH_MAX, &mut documents);
    }
    Ok(documents)
}

/// One JSON document, or several in a row.
fn json(text: &str) -> Result<Vec<Value>, TextProblem> {
    let stream = serde_json::Deserializer::from_str(text).into_iter();
    stream
        .collect::<Result<_, serde_json::Error>>()
        .map_err(|error| TextProblem {
            line: error.line() as u64,
            column: error.column() as u64,
            // The reader's own words may quote a Secret.
            message: match error.classify() {
                serde_json::error::Category::Eof => "the text ends too early".to_owned(),
                _ => "invalid JSON".to_owned(),
            },
        })
}

fn yaml(text: &str) -> Result<Vec<Value>, TextProblem> {
    let options = serde_saphyr::options! {
        // The size of the file is bounded.
        budget: None,
        with_snippet: false,
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        let place = error.location();
        let (line, column) = place.map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
        let mut message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        if let Some(end) = message.rfind(" at line ") {
            message.truncate(end);
        }
        if text.contains("{{") {
            message.push_str("; it looks like a template: point at what is rendered of it");
        }
        TextProblem {
            line,
            column,
            message,
        }
    })
}

fn flatten(document: Value, depth: usize, documents: &mut Vec<Value>) {
    match document {
        Value::Array(items) if depth > 0 => {
            for item in items {
                flatten(item, depth - 1, documents);
            }
        }
        Value::Object(mut members) => {
            let kind = members.get("kind").and_then(Value::as_str);
            let is_list = kind.is_some_and(|kind| kind.ends_with("List"));
            if is_list && depth > 0 && members.get("items").is_some_and(Value::is_array) {
                let items = members.remove("items").unwrap_or_default();
                flatten(items, depth - 1, documents);
            } else {
                documents.push(Value::Object(members));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_lists_and_comments_are_told_apart() {
        let text =
            "# nothing\n---\nkind: A\n---\nkind: BList\nitems: [{kind: B}, {kind: C}]\n---\n";
        let kinds: Vec<_> = documents(text, false)
            .unwrap()
            .iter()
            .map(|document| document["kind"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(kinds, ["A", "B", "C"]);
        assert_eq!(
            documents("{\"kind\":\"A\"}\n{\"kind\":\"B\"}", true)
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn a_problem_has_its_place_and_never_repeats_the_text() {
        let problem =
            documents("kind: Secret\nmetadata:\n  name: a\n b: hunter2\n", false).unwrap_err();
        assert_eq!(problem.line, 4, "{problem:?}");
        assert!(!problem.message.contains("hunter2"), "{problem:?}");
        let problem = documents("{\"kind\":\n \"hunter2\" x}", true).unwrap_err();
        assert_eq!(problem.line, 2, "{problem:?}");
        assert!(!problem.message.contains("hunter2"), "{problem:?}");
        let template = documents("kind: A\nname: {{ .Values.name }}\n  x: [\n", false).unwrap_err();
        assert!(template.message.contains("rendered"), "{template:?}");
    }
}
