//! The envelope and the resource in it.

use std::sync::Arc;

use super::canonical::{self, Scratch, Values};
use super::{Extra, design, extra, service, string};
use crate::redact::PLACEHOLDER;
use crate::text::{JsonStr, MemberIter};
use crate::{
    Change, ClusterId, Context, Deleted, EventType, Gvk, Member, Object, ObjectRef, Secrets,
};

/// Which dialect is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Fidelity {
    /// What the Go original writes, its quirks included.
    Exact,
    /// The same with the corrections `docs/WIRE.md` lists.
    #[default]
    Corrected,
    /// As [`Fidelity::Corrected`], and values of labels and annotations are what they
    /// say, not how they are escaped. Not beside agents that do otherwise: values are
    /// part of the server's key.
    Decoded,
}

/// Writes changes as Meshery messages. Keep one and reuse it: its scratch memory
/// grows to what the largest object needs and is then allocated no more.
#[derive(Debug)]
pub struct Encoder {
    pub(super) fidelity: Fidelity,
    pub(super) scratch: Scratch,
    secrets: Secrets,
    extra: Option<Arc<dyn Extra>>,
}

/// How the original copies a field into one of its strings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A string by what it says, as written between its quotes.
    Plain,
    /// JSON text.
    Document,
}

impl Encoder {
    /// An encoder with cold scratch memory.
    pub fn new(fidelity: Fidelity, secrets: Secrets) -> Self {
        Self {
            fidelity,
            scratch: Scratch::default(),
            secrets,
            extra: None,
        }
    }

    /// Lets somebody add to `component_metadata` of objects that are there.
    #[must_use]
    pub fn with_extra(mut self, extra: Option<Arc<dyn Extra>>) -> Self {
        self.extra = extra;
        self
    }

    /// Appends one message, without a line end. Returns false and appends
    /// nothing for a change Meshery has no message for ([`Change::Synced`]).
    pub fn encode(
        &mut self,
        out: &mut Vec<u8>,
        context: &Context<'_>,
        change: &Change<'_>,
    ) -> bool {
        let event = change.event();
        let (gvk, cluster) = (&context.resource.gvk, context.scope);
        match *change {
            Change::Synced { .. } => return false,
            Change::Added(object)
            | Change::Modified(object)
            | Change::Deleted(Deleted::Last(object)) => {
                push_envelope(out, event);
                self.push_object(out, gvk, cluster, object, event);
            }
            Change::Deleted(Deleted::Partial(object)) => {
                push_envelope(out, event);
                push_identity(out, gvk, cluster, object);
            }
        }
        out.extend_from_slice(b"}}");
        true
    }

    /// Appends the resource alone, as a message of an object that is there has it.
    pub fn encode_resource(
        &mut self,
        out: &mut Vec<u8>,
        context: &Context<'_>,
        object: &Object<'_>,
    ) {
        let (gvk, cluster) = (&context.resource.gvk, context.scope);
        self.push_object(out, gvk, cluster, object, EventType::Added);
        out.push(b'}');
    }

    /// Whether this is the original's way, where it and the corrected one differ.
    pub(super) fn is_exact(&self) -> bool {
        self.fidelity == Fidelity::Exact
    }

    fn push_object(
        &mut self,
        out: &mut Vec<u8>,
        gvk: &Gvk,
        cluster: &ClusterId,
        object: &Object<'_>,
        event: EventType,
    ) {
        // By kind alone, as the original does: rather a field too many redacted.
        let redact = self.secrets == Secrets::Redacted && gvk.kind == "Secret";
        let body = Body::of(object);
        self.push_own(out, "{\"id\":", object.members(), "id");
        push_type(out, gvk);
        self.push_own(out, ",\"model\":", object.members(), "model");
        let label = self.push_metadata(out, object, redact);
        self.push_nested(out, ",\"spec\":{", body.spec);
        self.push_nested(out, ",\"status\":{", body.status);
        push_cluster(out, cluster);
        out.extend_from_slice(b",\"pattern_resource\":");
        design::push(out, self.fidelity, label);
        out.extend_from_slice(b",\"component_metadata\":");
        let component = out.len();
        if event != EventType::Deleted && self.is_service(gvk) {
            service::push(out, self.fidelity, body.spec, body.status);
        } else {
            out.extend_from_slice(b"null");
        }
        if event != EventType::Deleted
            && let Some(more) = &self.extra
            && let Some(members) = more.of(object)
        {
            extra::add(out, component, &members);
        }
        self.push_field(out, ",\"immutable\":\"", body.immutable, Form::Plain);
        for (name, raw) in [
            (",\"data\":\"", body.data),
            (",\"binaryData\":\"", body.binary_data),
            (",\"stringData\":\"", body.string_data),
        ] {
            if redact {
                self.push_redacted(out, name, raw);
            } else {
                self.push_field(out, name, raw, Form::Document);
            }
        }
        self.push_field(out, ",\"type\":\"", body.r#type, Form::Plain);
    }

    /// The original looks at the kind alone and so takes a Knative Service for
    /// one of the core.
    fn is_service(&self, gvk: &Gvk) -> bool {
        gvk.kind == "Service" && (self.is_exact() || gvk.group.is_empty())
    }

    /// Appends a field that is ours. The original lets a member of the object
    /// with its name, in whatever case, fill it (Q6).
    pub(super) fn push_own<'a>(
        &self,
        out: &mut Vec<u8>,
        lead: &str,
        members: impl Iterator<Item = Member<'a>>,
        name: &str,
    ) {
        out.extend_from_slice(lead.as_bytes());
        let leaked = self.is_exact().then(|| leaked(members, name)).flatten();
        push_string(out, leaked.unwrap_or("\"\""));
    }

    /// Appends `spec` or `status`.
    fn push_nested(&mut self, out: &mut Vec<u8>, lead: &str, raw: Option<&str>) {
        // The original crashes on null (Q5).
        let Some(raw) = raw.filter(|raw| *raw != "null") else {
            return;
        };
        let members = MemberIter::of_object(raw);
        out.extend_from_slice(lead.as_bytes());
        self.push_own(out, "\"id\":", members.into_iter().flatten(), "id");
        self.push_field(out, ",\"attribute\":\"", Some(raw), Form::Document);
        out.push(b'}');
    }

    /// Appends a field the contract types as a string; nothing when it would be
    /// empty. `lead` ends with the opening quote.
    pub(super) fn push_field(
        &mut self,
        out: &mut Vec<u8>,
        lead: &str,
        raw: Option<&str>,
        form: Form,
    ) {
        let Some(raw) = raw.filter(|raw| self.is_exact() || *raw != "null") else {
            return;
        };
        let start = out.len();
        out.extend_from_slice(lead.as_bytes());
        let body = out.len();
        if raw.starts_with('"') && (self.is_exact() || form == Form::Plain) {
            string::push_raw::<true>(out, raw.as_bytes(), 1);
        } else {
            self.scratch.push_value(out, raw);
        }
        if out.len() == body {
            out.truncate(start);
        } else {
            out.push(b'"');
        }
    }

    /// Appends a field of a Secret with its keys kept and its values replaced.
    fn push_redacted(&mut self, out: &mut Vec<u8>, lead: &str, raw: Option<&str>) {
        let Some(raw) = raw.filter(|raw| self.is_exact() || *raw != "null") else {
            return;
        };
        out.extend_from_slice(lead.as_bytes());
        if raw.starts_with('{') {
            self.scratch
                .push_object(out, raw, Values::Replaced(PLACEHOLDER));
        } else if raw == "null" {
            out.extend_from_slice(b"{}");
        } else {
            // The original passes on what is no object.
            canonical::push_quoted(out, PLACEHOLDER);
        }
        out.push(b'"');
    }
}

/// The members a message is made of, `metadata` excepted; the last of equals.
#[derive(Default)]
struct Body<'a> {
    spec: Option<&'a str>,
    status: Option<&'a str>,
    immutable: Option<&'a str>,
    data: Option<&'a str>,
    binary_data: Option<&'a str>,
    string_data: Option<&'a str>,
    r#type: Option<&'a str>,
}

impl<'a> Body<'a> {
    fn of(object: &Object<'a>) -> Self {
        let mut body = Self::default();
        for member in object.members() {
            let field = match &*member.name() {
                "spec" => &mut body.spec,
                "status" => &mut body.status,
                "immutable" => &mut body.immutable,
                "data" => &mut body.data,
                "binaryData" => &mut body.binary_data,
                "stringData" => &mut body.string_data,
                "type" => &mut body.r#type,
                _ => continue,
            };
            *field = Some(member.value);
        }
        body
    }
}

fn push_envelope(out: &mut Vec<u8>, event: EventType) {
    out.extend_from_slice(b"{\"ObjectType\":\"meshsync-data\",\"EventType\":\"");
    out.extend_from_slice(event.as_str().as_bytes());
    out.extend_from_slice(b"\",\"Request\":null,\"Object\":");
}

/// Appends the resource of a delete of which only the identity is known: the
/// five fields the server's key is made of.
fn push_identity(out: &mut Vec<u8>, gvk: &Gvk, cluster: &ClusterId, object: ObjectRef<'_>) {
    out.extend_from_slice(b"{\"id\":\"\"");
    push_type(out, gvk);
    out.extend_from_slice(b",\"model\":\"\",\"metadata\":{\"id\":\"\"");
    if !object.name.is_empty() {
        out.extend_from_slice(b",\"name\":");
        string::push_quoted(out, object.name);
    }
    if let Some(namespace) = object.namespace {
        out.extend_from_slice(b",\"namespace\":");
        string::push_quoted(out, namespace);
    }
    out.extend_from_slice(b",\"uid\":");
    string::push_quoted(out, object.uid);
    out.extend_from_slice(b",\"cluster_id\":\"\"}");
    push_cluster(out, cluster);
    out.extend_from_slice(b",\"pattern_resource\":null,\"component_metadata\":null");
}

fn push_type(out: &mut Vec<u8>, gvk: &Gvk) {
    out.extend_from_slice(b",\"apiVersion\":\"");
    if !gvk.group.is_empty() {
        string::push_text::<false>(out, &gvk.group);
        out.push(b'/');
    }
    string::push_text::<false>(out, &gvk.version);
    out.extend_from_slice(b"\",\"kind\":");
    string::push_quoted(out, &gvk.kind);
}

fn push_cluster(out: &mut Vec<u8>, cluster: &ClusterId) {
    out.extend_from_slice(b",\"cluster_id\":");
    string::push_quoted(out, cluster.as_str());
}

/// Appends a raw JSON string in canonical form.
pub(super) fn push_string(out: &mut Vec<u8>, raw: &str) {
    out.push(b'"');
    string::push_raw::<false>(out, raw.as_bytes(), 1);
    out.push(b'"');
}

/// What Go's decoder puts in a field: the string under the name in any case; of
/// several, the one whose key sorts last.
fn leaked<'a>(members: impl Iterator<Item = Member<'a>>, name: &str) -> Option<&'a str> {
    let mut found: Option<Member<'a>> = None;
    for member in members {
        let key = JsonStr::new(member.key).map_or("", JsonStr::escaped);
        if key.eq_ignore_ascii_case(name)
            && member.value.starts_with('"')
            && found.is_none_or(|found| found.key <= member.key)
        {
            found = Some(member);
        }
    }
    found.map(|member| member.value)
}
