//! What is cut from a message that a broker does not take because of its size.

use serde_json::{Map, Value, json};

/// The annotation that says what was cut.
pub const CUT_ANNOTATION: &str = "meshsync.io/cut";

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The marker names no more than this many bytes of parts.
const MARKER_BYTES_MAX: usize = 1024;

/// A message that fits, and what was cut from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The message.
    pub payload: Vec<u8>,
    /// The parts that were cut, such as `data/blob`; never their content.
    pub parts: Vec<String>,
}

/// Cuts a message down to `bytes_max`: kubectl's copy of the object first, then
/// values of `data`, `binaryData` and `stringData` from the largest on, then
/// `spec`, `status`, and every other annotation. The annotation
/// [`CUT_ANNOTATION`] says what is missing.
///
/// `None` when it is no message about one object, or even its identity does not
/// fit.
pub fn shrink(message: &[u8], bytes_max: usize) -> Option<Shrunk> {
    let mut cutting = Cutting {
        message: serde_json::from_slice(message).ok()?,
        bytes_max,
        parts: Vec::new(),
    };
    cutting.object()?;
    let steps: [fn(&mut Cutting); 5] = [
        |cutting| cutting.annotations(|key| key == LAST_APPLIED),
        Cutting::data,
        |cutting| cutting.attribute("spec"),
        |cutting| cutting.attribute("status"),
        |cutting| cutting.annotations(|_| true),
    ];
    for step in steps {
        step(&mut cutting);
        if let Some(payload) = cutting.finished() {
            let parts = cutting.parts;
            return Some(Shrunk { payload, parts });
        }
    }
    None
}

struct Cutting {
    message: Value,
    bytes_max: usize,
    parts: Vec<String>,
}

impl Cutting {
    /// The object of the message; the only one where there is a list.
    fn object(&mut self) -> Option<&mut Map<String, Value>> {
        match self.message.get_mut("Object")? {
            Value::Object(object) => Some(object),
            Value::Array(objects) if objects.len() == 1 => objects[0].as_object_mut(),
            _ => None,
        }
    }

    /// The message with its marker, if it fits.
    fn finished(&self) -> Option<Vec<u8>> {
        let mut finished = Self {
            message: self.message.clone(),
            bytes_max: self.bytes_max,
            parts: Vec::new(),
        };
        let metadata = finished.object()?.get_mut("metadata")?.as_object_mut()?;
        let annotations = metadata.entry("annotations").or_insert_with(|| json!([]));
        let mut marker = self.parts.join(",");
        if let Some((end, _)) = marker.char_indices().nth(MARKER_BYTES_MAX / 4) {
            marker.truncate(end);
            marker.push('…');
        }
        let escaped = Value::from(marker).to_string();
        let pair = json!({
            "id": "", "unique_id": "", "kind": "annotation", "key": CUT_ANNOTATION,
            "value": escaped.trim_matches('"'),
        });
        match annotations.as_array_mut() {
            Some(pairs) => pairs.push(pair),
            None => *annotations = json!([pair]),
        }
        let payload = serde_json::to_vec(&finished.message).ok()?;
        (payload.len() <= self.bytes_max).then_some(payload)
    }

    fn excess(&self) -> usize {
        // Without the marker: finding out that it does not fit costs one more part.
        serde_json::to_vec(&self.message)
            .map_or(0, |payload| payload.len())
            .saturating_sub(self.bytes_max)
    }

    fn annotations(&mut self, is_cut: impl Fn(&str) -> bool) {
        let mut cut = Vec::new();
        if let Some(Value::Object(metadata)) = self.object().and_then(|o| o.get_mut("metadata"))
            && let Some(Value::Array(pairs)) = metadata.get_mut("annotations")
        {
            pairs.retain(|pair| {
                let key = pair["key"].as_str().unwrap_or_default();
                let keep = !is_cut(key);
                if !keep {
                    cut.push(format!("annotations/{key}"));
                }
                keep
            });
        }
        self.parts.append(&mut cut);
    }

    fn data(&mut self) {
        let mut excess = self.excess();
        let mut cut = Vec::new();
        let Some(object) = self.object() else { return };
        let mut fields: Vec<(&str, Map<String, Value>)> = Vec::new();
        for field in ["data", "binaryData", "stringData"] {
            let text = object.get(field).and_then(Value::as_str);
            if let Some(Ok(Value::Object(values))) = text.map(serde_json::from_str) {
                fields.push((field, values));
            }
        }
        // A value stands in a string in a string: each round measures anew what
        // cutting by its plain length has saved.
        while excess > 0 {
            let largest = fields
                .iter_mut()
                .flat_map(|(field, values)| values.iter_mut().map(move |entry| (*field, entry)))
                .filter(|(_, (_, value))| !is_empty(value))
                .max_by_key(|(_, (_, value))| value.as_str().map_or(0, str::len));
            let Some((field, (key, value))) = largest else {
                break;
            };
            excess = excess.saturating_sub(value.to_string().len());
            *value = Value::from("");
            cut.push(format!("{field}/{key}"));
            if excess == 0 {
                break;
            }
        }
        for (field, values) in fields {
            object.insert(field.to_owned(), Value::Object(values).to_string().into());
        }
        self.parts.append(&mut cut);
        if self.finished().is_none() {
            self.all_data();
        }
    }

    /// The estimate was short, or a field is no object: all values go.
    fn all_data(&mut self) {
        let mut cut = Vec::new();
        let Some(object) = self.object() else { return };
        for field in ["data", "binaryData", "stringData"] {
            if object.get(field).is_some_and(|text| *text != "{}") {
                object.insert(field.to_owned(), "{}".into());
                cut.push(field.to_owned());
            }
        }
        self.parts.append(&mut cut);
    }

    fn attribute(&mut self, field: &str) {
        let Some(nested) = self.object().and_then(|object| object.get_mut(field)) else {
            return;
        };
        nested["attribute"] = "{}".into();
        self.parts.push(field.to_owned());
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(object: Value) -> Vec<u8> {
        let message = json!({
            "ObjectType": "meshsync-data", "EventType": "ADDED", "Request": null, "Object": object,
        });
        serde_json::to_vec(&message).unwrap()
    }

    fn check(object: Value, bytes_max: usize, parts: &[&str]) -> Value {
        let shrunk = shrink(&message(object), bytes_max).unwrap();
        assert!(shrunk.payload.len() <= bytes_max);
        assert_eq!(shrunk.parts, parts);
        let message: Value = serde_json::from_slice(&shrunk.payload).unwrap();
        let annotations = message["Object"]["metadata"]["annotations"].as_array();
        let marker = annotations.unwrap().last().unwrap();
        assert_eq!(marker["key"], CUT_ANNOTATION);
        assert_eq!(marker["value"], parts.join(","));
        message["Object"].clone()
    }

    fn config_map(copy: usize, small: usize, large: usize) -> Value {
        json!({
            "kind": "ConfigMap",
            "metadata": {"name": "a", "annotations": [
                {"kind": "annotation", "key": LAST_APPLIED, "value": "c".repeat(copy)},
                {"kind": "annotation", "key": "kept", "value": "1"},
            ]},
            "data": json!({"small": "s".repeat(small), "large": "l".repeat(large)}).to_string(),
        })
    }

    #[test]
    fn the_copy_goes_first_and_then_values_from_the_largest_on() {
        let copy = "annotations/kubectl.kubernetes.io/last-applied-configuration";
        let kept = check(config_map(2000, 10, 10), 1000, &[copy]);
        assert_eq!(kept["metadata"]["annotations"][0]["key"], "kept");
        let cut = check(config_map(10, 100, 2000), 1000, &[copy, "data/large"]);
        let data: Value = serde_json::from_str(cut["data"].as_str().unwrap()).unwrap();
        assert_eq!(data["large"], "");
        assert_eq!(data["small"].as_str().unwrap().len(), 100);
    }

    #[test]
    fn values_full_of_escapes_are_found_to_be_larger_than_they_look() {
        let data = json!({"a": "\"".repeat(600), "b": "\u{1}".repeat(600)}).to_string();
        let object = json!({"metadata": {"name": "a"}, "data": data});
        let shrunk = shrink(&message(object), 900).unwrap();
        assert!(shrunk.payload.len() <= 900);
    }

    #[test]
    fn spec_and_status_become_empty_documents() {
        let nested = json!({"id": "", "attribute": "x".repeat(900)});
        let object = json!({"metadata": {"name": "a"}, "spec": nested, "status": nested});
        let cut = check(object, 600, &["spec", "status"]);
        assert_eq!(cut["spec"]["attribute"], "{}");
    }

    #[test]
    fn what_has_no_identity_to_send_does_not_fit() {
        let object = json!({"metadata": {"name": "n".repeat(2000)}});
        assert_eq!(shrink(&message(object), 1000), None);
        assert_eq!(shrink(b"no message", 1000), None);
    }
}
