//! `metadata` of a message.

use super::canonical::skip;
use super::encoder::{Encoder, Form, push_string};
use super::{Fidelity, design, number, string};
use crate::redact::{PLACEHOLDER, is_last_applied, redacted_last_applied};
use crate::text::{JsonStr, string_end, value_end};
use crate::{Member, Object};

type PushRaw = fn(&mut Vec<u8>, &[u8], usize) -> usize;
type PushText = fn(&mut Vec<u8>, &str);

/// The members of `metadata` that travel; the last of equals.
#[derive(Default)]
struct Metadata<'a> {
    name: Option<&'a str>,
    generate_name: Option<&'a str>,
    namespace: Option<&'a str>,
    self_link: Option<&'a str>,
    uid: Option<&'a str>,
    resource_version: Option<&'a str>,
    generation: Option<&'a str>,
    creation_timestamp: Option<&'a str>,
    deletion_timestamp: Option<&'a str>,
    deletion_grace_period_seconds: Option<&'a str>,
    labels: Option<&'a str>,
    annotations: Option<&'a str>,
    owner_references: Option<&'a str>,
    finalizers: Option<&'a str>,
    cluster_name: Option<&'a str>,
}

impl<'a> Metadata<'a> {
    fn of(object: &Object<'a>) -> Self {
        let mut metadata = Self::default();
        for member in object.metadata_members() {
            let field = match &*member.name() {
                "name" => &mut metadata.name,
                "generateName" => &mut metadata.generate_name,
                "namespace" => &mut metadata.namespace,
                "selfLink" => &mut metadata.self_link,
                "uid" => &mut metadata.uid,
                "resourceVersion" => &mut metadata.resource_version,
                "generation" => &mut metadata.generation,
                "creationTimestamp" => &mut metadata.creation_timestamp,
                "deletionTimestamp" => &mut metadata.deletion_timestamp,
                "deletionGracePeriodSeconds" => &mut metadata.deletion_grace_period_seconds,
                "labels" => &mut metadata.labels,
                "annotations" => &mut metadata.annotations,
                "ownerReferences" => &mut metadata.owner_references,
                "finalizers" => &mut metadata.finalizers,
                "clusterName" => &mut metadata.cluster_name,
                _ => continue,
            };
            *field = Some(member.value);
        }
        metadata
    }
}

impl Encoder {
    /// Appends `metadata`; returns the raw value of the design's id.
    pub(super) fn push_metadata<'a>(
        &mut self,
        out: &mut Vec<u8>,
        object: &Object<'a>,
        redact: bool,
    ) -> Option<&'a str> {
        let metadata = Metadata::of(object);
        self.push_own(
            out,
            ",\"metadata\":{\"id\":",
            object.metadata_members(),
            "id",
        );
        push_optional(out, ",\"name\":", metadata.name);
        push_optional(out, ",\"generateName\":", metadata.generate_name);
        push_optional(out, ",\"namespace\":", metadata.namespace);
        push_optional(out, ",\"selfLink\":", metadata.self_link);
        out.extend_from_slice(b",\"uid\":");
        push_string(out, metadata.uid.filter(is_string).unwrap_or("\"\""));
        push_optional(out, ",\"resourceVersion\":", metadata.resource_version);
        // Zero is not told from absent there, but is here.
        let generation = integer(metadata.generation).filter(|&generation| generation != 0);
        push_integer(out, ",\"generation\":", generation);
        push_optional(out, ",\"creationTimestamp\":", metadata.creation_timestamp);
        push_optional(out, ",\"deletionTimestamp\":", metadata.deletion_timestamp);
        let grace = integer(metadata.deletion_grace_period_seconds);
        push_integer(out, ",\"deletionGracePeriodSeconds\":", grace);
        let label = self.push_labels(out, metadata.labels);
        let annotation = self.push_annotations(out, metadata.annotations, redact);
        let owners = metadata.owner_references;
        self.push_field(out, ",\"ownerReferences\":\"", owners, Form::Document);
        self.push_field(
            out,
            ",\"finalizers\":\"",
            metadata.finalizers,
            Form::Document,
        );
        push_optional(out, ",\"clusterName\":", metadata.cluster_name);
        let members = object.metadata_members();
        self.push_own(out, ",\"cluster_id\":", members, "cluster_id");
        out.push(b'}');
        // The original looks at labels alone.
        label.or_else(|| annotation.filter(|_| !self.is_exact()))
    }

    fn push_labels<'a>(&mut self, out: &mut Vec<u8>, raw: Option<&'a str>) -> Option<&'a str> {
        let mut label = None;
        self.push_pairs(out, ",\"labels\":[", raw, |out, pair| {
            if pair.name() == design::LABEL {
                label = Some(pair.value);
            }
            out.extend_from_slice(b"{\"id\":\"\",\"unique_id\":\"\",\"kind\":\"label\"");
            None
        });
        label
    }

    fn push_annotations<'a>(
        &mut self,
        out: &mut Vec<u8>,
        raw: Option<&'a str>,
        redact: bool,
    ) -> Option<&'a str> {
        let mut design = None;
        self.push_pairs(out, ",\"annotations\":[", raw, |out, pair| {
            if pair.name() == design::LABEL {
                design = Some(pair.value);
            }
            out.extend_from_slice(b"{\"id\":\"\",\"unique_id\":\"\",\"kind\":\"annotation\"");
            (redact && is_last_applied(pair)).then(|| {
                JsonStr::new(pair.value).map_or_else(
                    || PLACEHOLDER.to_owned(),
                    |copy| redacted_last_applied(&copy.decode()),
                )
            })
        });
        design
    }

    /// Appends the pairs of an object, sorted by key; nothing when there are
    /// none. `open` starts a pair and may give another value for it.
    fn push_pairs<'a>(
        &mut self,
        out: &mut Vec<u8>,
        lead: &str,
        raw: Option<&'a str>,
        mut open: impl FnMut(&mut Vec<u8>, Member<'a>) -> Option<String>,
    ) {
        let Some(raw) = raw.filter(|raw| raw.starts_with('{')) else {
            return;
        };
        // As they are escaped in canonical form (Q2), and so escaped twice; or once.
        let (push_raw, push_text): (PushRaw, PushText) = match self.fidelity {
            Fidelity::Exact | Fidelity::Corrected => {
                (string::push_raw::<true>, string::push_text::<true>)
            }
            Fidelity::Decoded => (string::push_raw::<false>, string::push_text::<false>),
        };
        let bytes = raw.as_bytes();
        let start = out.len();
        out.extend_from_slice(lead.as_bytes());
        let body = out.len();
        self.scratch.push_members(out, raw, 0, |scratch, out, key| {
            let key_end = string_end(bytes, key);
            let value = skip(bytes, key_end, b':');
            let end = value_end(bytes, value);
            let pair = Member {
                key: &raw[key..key_end],
                value: &raw[value..end],
            };
            let replaced = open(out, pair);
            push_optional(out, ",\"key\":", Some(pair.key));
            if let Some(text) = replaced {
                out.extend_from_slice(b",\"value\":\"");
                push_text(out, &text);
                out.push(b'"');
            } else if pair.value != "\"\"" {
                out.extend_from_slice(b",\"value\":\"");
                if is_string(&pair.value) {
                    push_raw(out, bytes, value + 1);
                } else {
                    scratch.push_value(out, pair.value);
                }
                out.push(b'"');
            }
            out.push(b'}');
            end
        });
        if out.len() == body {
            out.truncate(start);
        } else {
            out.push(b']');
        }
    }
}

/// Appends a string, unless it is empty or none.
fn push_optional(out: &mut Vec<u8>, lead: &str, raw: Option<&str>) {
    if let Some(raw) = raw.filter(|raw| is_string(raw) && *raw != "\"\"") {
        out.extend_from_slice(lead.as_bytes());
        push_string(out, raw);
    }
}

fn push_integer(out: &mut Vec<u8>, lead: &str, integer: Option<i64>) {
    if let Some(integer) = integer {
        out.extend_from_slice(lead.as_bytes());
        out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
    }
}

fn integer(raw: Option<&str>) -> Option<i64> {
    raw.and_then(number::integer)
}

fn is_string(raw: &&str) -> bool {
    raw.starts_with('"')
}
