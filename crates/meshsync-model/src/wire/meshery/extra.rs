//! What is said of an object beside what is in it.

use std::fmt;
use std::sync::Arc;

use crate::Object;

/// Says what else belongs into `component_metadata` of an object's messages. Asked for
/// every object: it has to be quick.
pub trait Extra: fmt::Debug + Send + Sync {
    /// Members of a JSON object as they are written, `"name":value`, without what
    /// surrounds them; `None` for most objects.
    fn of(&self, object: &Object<'_>) -> Option<Arc<str>>;
}

/// Adds members to the value that `out` has from `start` on: `null`, or an object.
pub(super) fn add(out: &mut Vec<u8>, start: usize, members: &str) {
    match out.get(start..) {
        Some(b"null") => {
            out.truncate(start);
            out.push(b'{');
        }
        Some([b'{', b'}']) => {
            out.pop();
        }
        Some([b'{', .., b'}']) => {
            out.pop();
            out.push(b',');
        }
        // Nothing to add to.
        _ => return,
    }
    out.extend_from_slice(members.as_bytes());
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_added_to_what_is_there() {
        let check = |value: &str, expected: &str| {
            let mut out = format!("x{value}").into_bytes();
            add(&mut out, 1, "\"a\":1");
            assert_eq!(String::from_utf8_lossy(&out), format!("x{expected}"));
        };
        check("null", "{\"a\":1}");
        check("{}", "{\"a\":1}");
        check("{\"b\":[]}", "{\"b\":[],\"a\":1}");
        check("7", "7");
    }
}
