//! Redaction of Secret values.

use std::borrow::Cow;

use crate::Member;
use crate::text::{JsonStr, MemberIter, push_json_string, push_on_one_line};

/// What happens to the values of Secrets on their way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Secrets {
    /// Keys are kept, values are replaced. The default.
    #[default]
    Redacted,
    /// Values leave as the server sent them.
    Plain,
}

/// What stands in the place of a value.
pub(crate) const PLACEHOLDER: &str = "[REDACTED]";

/// [`PLACEHOLDER`] in base64, for `data` that must still decode.
pub(crate) const PLACEHOLDER_BASE64: &str = "W1JFREFDVEVEXQ==";

/// The annotation in which `kubectl apply` keeps a copy of the object.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// A copy inside a copy inside a copy is nobody's honest work: below this depth
/// the text is replaced as a whole.
const DEPTH_MAX: usize = 4;

/// Appends `raw`, the `data`, `binaryData` or `stringData` of a Secret, with its
/// keys kept and every value replaced by `placeholder`.
pub(crate) fn push_redacted_map(out: &mut Vec<u8>, raw: &str, placeholder: &str) {
    push_members(out, raw, |out, _| push_json_string(out, placeholder));
}

/// The value to put for the values of a top-level field of a Secret, by its
/// name, or `None` when the field carries no secret.
pub(crate) fn placeholder_for(name: &str) -> Option<&'static str> {
    match name {
        "data" | "binaryData" => Some(PLACEHOLDER_BASE64),
        "stringData" => Some(PLACEHOLDER),
        _ => None,
    }
}

/// Appends a Secret's annotations with [`LAST_APPLIED`] redacted.
pub(crate) fn push_redacted_annotations(out: &mut Vec<u8>, raw: &str) {
    push_annotations(out, raw, 0);
}

fn push_annotations(out: &mut Vec<u8>, raw: &str, depth: usize) {
    push_members(out, raw, |out, member| {
        if is_last_applied(member) {
            let text = JsonStr::new(member.value).map_or(Cow::Borrowed(""), JsonStr::decode);
            push_json_string(out, &redacted_copy(&text, depth));
        } else {
            push_on_one_line(out, member.value);
        }
    });
}

/// Whether a member of a Secret's annotations is the copy kubectl keeps.
pub(crate) fn is_last_applied(member: Member<'_>) -> bool {
    member.name() == LAST_APPLIED
}

/// The copy of a Secret that an annotation holds, values replaced; the
/// placeholder alone when it is not a JSON object.
pub(crate) fn redacted_last_applied(text: &str) -> String {
    redacted_copy(text, 0)
}

fn redacted_copy(text: &str, depth: usize) -> String {
    let text = text.trim();
    let valid = depth < DEPTH_MAX
        && text.starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if !valid {
        return PLACEHOLDER.to_owned();
    }
    let mut out = Vec::with_capacity(text.len());
    push_members(&mut out, text, |out, member| {
        if let Some(placeholder) = placeholder_for(&member.name()) {
            push_redacted_map(out, member.value, placeholder);
        } else if member.name() == "metadata" {
            push_members(out, member.value, |out, member| {
                if member.name() == "annotations" {
                    push_annotations(out, member.value, depth + 1);
                } else {
                    push_on_one_line(out, member.value);
                }
            });
        } else {
            push_on_one_line(out, member.value);
        }
    });
    String::from_utf8(out).unwrap_or_else(|_| PLACEHOLDER.to_owned())
}

/// Appends the members of an object with what `push_value` makes of each value.
/// What is no object holds nothing that may leave and becomes `null`.
fn push_members(
    out: &mut Vec<u8>,
    raw: &str,
    mut push_value: impl FnMut(&mut Vec<u8>, Member<'_>),
) {
    let Some(members) = MemberIter::of_object(raw) else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'{');
    for (at, member) in members.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(member.key.as_bytes());
        out.push(b':');
        push_value(out, member);
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(raw: &str) -> serde_json::Value {
        let mut out = Vec::new();
        push_redacted_annotations(&mut out, raw);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn keys_stay_and_values_go() {
        let mut out = Vec::new();
        push_redacted_map(&mut out, r#"{"a":"c2VjcmV0","b":{"x":"y"}}"#, "P");
        assert_eq!(out, br#"{"a":"P","b":"P"}"#);
        out.clear();
        push_redacted_map(&mut out, r#""c2VjcmV0""#, "P");
        assert_eq!(out, b"null");
    }

    #[test]
    fn what_is_kept_stays_on_one_line() {
        let mut out = Vec::new();
        push_redacted_annotations(&mut out, "{\n\"a\": {\n\"b\": \"c d\" } }");
        assert_eq!(out, br#"{"a":{"b":"c d"}}"#);
    }

    #[test]
    fn the_copy_kubectl_keeps_is_redacted_too() {
        let copy = r#"{"kind":"Secret","data":{"p":"c2VjcmV0"},"stringData":{"q":"secret"},"metadata":{"name":"n"}}"#;
        let raw = serde_json::json!({ LAST_APPLIED: copy, "other": "kept" }).to_string();
        let redacted = annotations(&raw);
        assert_eq!(redacted["other"], "kept");
        let copy: serde_json::Value =
            serde_json::from_str(redacted[LAST_APPLIED].as_str().unwrap()).unwrap();
        assert_eq!(copy["data"]["p"], PLACEHOLDER_BASE64);
        assert_eq!(copy["stringData"]["q"], PLACEHOLDER);
        assert_eq!(copy["metadata"]["name"], "n");
    }

    #[test]
    fn a_copy_that_is_no_object_is_replaced_as_a_whole() {
        for copy in ["secret", "{\"data\":", "[\"secret\"]", ""] {
            let raw = serde_json::json!({ LAST_APPLIED: copy }).to_string();
            assert_eq!(annotations(&raw)[LAST_APPLIED], PLACEHOLDER, "{copy}");
        }
    }

    #[test]
    fn a_copy_within_a_copy_does_not_leak() {
        let mut copy = r#"{"data":{"p":"c2VjcmV0"}}"#.to_owned();
        for _ in 0..8 {
            copy = serde_json::json!({"metadata":{"annotations":{LAST_APPLIED: copy}}}).to_string();
        }
        let raw = serde_json::json!({ LAST_APPLIED: copy }).to_string();
        assert!(!annotations(&raw).to_string().contains("c2VjcmV0"));
    }
}
