//! Reading the head of a record without what comes behind it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::head::{ObjectHead, RecordHead};

/// The head of a record whose members are in the order in which
/// [`push_record`](super::record::push_record) writes them: the object last, and
/// its metadata behind its type.
pub(super) fn peek(record: &[u8]) -> Option<RecordHead<'_>> {
    let mut head = RecordHead {
        event: Cow::default(),
        platform: Cow::default(),
        scope: Cow::default(),
        tier: Cow::default(),
        observed: Cow::default(),
        partial: false,
        reason: Cow::default(),
        cut: Vec::new(),
        hash: Cow::default(),
        object: None,
    };
    let mut reader = serde_json::Deserializer::from_slice(record);
    // It ends with an error where it stops: the rest is missing.
    let _stopped = Record(&mut head).deserialize(&mut reader);
    let object = head.object.as_ref()?;
    let found = [
        &head.event,
        &head.scope,
        &head.observed,
        &object.api_version,
        &object.kind,
    ];
    found.iter().all(|text| !text.is_empty()).then_some(head)
}

/// A text that is borrowed where it holds no escape.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads the members of a record up to the metadata of its object.
struct Record<'h, 'a>(&'h mut RecordHead<'a>);

impl<'a> DeserializeSeed<'a> for Record<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Record<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let head = self.0;
        while let Some(Text(name)) = members.next_key()? {
            let text = match &*name {
                "object" => return members.next_value_seed(Object(head)),
                "event" => &mut head.event,
                "platform" => &mut head.platform,
                "scope" => &mut head.scope,
                "tier" => &mut head.tier,
                "observed" => &mut head.observed,
                "reason" => &mut head.reason,
                "hash" => &mut head.hash,
                "partial" => {
                    head.partial = members.next_value()?;
                    continue;
                }
                "cut" => {
                    let cut: Vec<Text<'a>> = members.next_value()?;
                    head.cut = cut.into_iter().map(|Text(part)| part).collect();
                    continue;
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *text = members.next_value::<Text<'a>>()?.0;
        }
        Ok(())
    }
}

/// Reads the members of an object up to its metadata.
struct Object<'h, 'a>(&'h mut RecordHead<'a>);

impl<'a> DeserializeSeed<'a> for Object<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'a>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut members: A) -> Result<(), A::Error> {
        let (mut api_version, mut kind) = (Cow::default(), Cow::default());
        while let Some(Text(name)) = members.next_key()? {
            match &*name {
                "apiVersion" => api_version = members.next_value::<Text<'a>>()?.0,
                "kind" => kind = members.next_value::<Text<'a>>()?.0,
                "metadata" => {
                    self.0.object = Some(ObjectHead {
                        api_version,
                        kind,
                        metadata: members.next_value()?,
                    });
                    return Ok(());
                }
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}
