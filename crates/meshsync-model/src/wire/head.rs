//! The head of a [record](super::record): what a consumer needs before it looks
//! into the object, read without building anything.

use std::borrow::Cow;

use serde::Deserialize;

use super::peek::peek;

/// The head of a record, borrowed from its text. What the object holds beside
/// its identity is skipped.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct RecordHead<'a> {
    /// `ADDED`, `MODIFIED`, `DELETED` or `SYNCED`.
    #[serde(borrow)]
    pub event: Cow<'a, str>,
    /// `kubernetes`, `docker`, …; `""` in a record of before there were others.
    #[serde(borrow, default)]
    pub platform: Cow<'a, str>,
    /// The cluster, or what else it comes from.
    #[serde(borrow)]
    pub scope: Cow<'a, str>,
    /// How much of the resource is observed; `""` in the `SYNCED` of everything.
    #[serde(borrow, default)]
    pub tier: Cow<'a, str>,
    /// When the change was read: RFC 3339.
    #[serde(borrow)]
    pub observed: Cow<'a, str>,
    /// Whether only the identity of the object is known.
    #[serde(default)]
    pub partial: bool,
    /// Why an object is told as deleted that the cluster may still have; `""` for
    /// any other change.
    #[serde(borrow, default)]
    pub reason: Cow<'a, str>,
    /// Parts of the object that are missing because the record was too large: see
    /// [`cut`](super::cut::cut).
    #[serde(borrow, default)]
    pub cut: Vec<Cow<'a, str>>,
    /// Content hash in hex; `""` where there is none.
    #[serde(borrow, default)]
    pub hash: Cow<'a, str>,
    /// The object's identity; absent in `SYNCED`.
    #[serde(borrow, default)]
    pub object: Option<ObjectHead<'a>>,
}

/// Type and identity of an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ObjectHead<'a> {
    /// `v1`, `apps/v1`.
    #[serde(borrow)]
    pub api_version: Cow<'a, str>,
    /// Kind.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// Identity.
    #[serde(borrow)]
    pub metadata: MetadataHead<'a>,
}

/// What identifies an object.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MetadataHead<'a> {
    /// Name.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Namespace, of a namespaced object.
    #[serde(borrow, default)]
    pub namespace: Option<Cow<'a, str>>,
    /// uid; `""` where it is not known.
    #[serde(borrow, default)]
    pub uid: Cow<'a, str>,
    /// resourceVersion; `""` where it is not known.
    #[serde(borrow, default)]
    pub resource_version: Cow<'a, str>,
}

/// Why a text is no record.
#[derive(Debug, thiserror::Error)]
#[error("no record: {problem:?} in column {column}")]
pub struct RecordHeadError {
    /// What kind of problem; the reader's own words would quote the record.
    problem: serde_json::error::Category,
    column: usize,
}

impl<'a> RecordHead<'a> {
    /// Reads the head of a record.
    ///
    /// # Errors
    ///
    /// When the text is no record. Nothing of it is repeated.
    pub fn parse(record: &'a [u8]) -> Result<Self, RecordHeadError> {
        serde_json::from_slice(record).map_err(|error| RecordHeadError {
            problem: error.classify(),
            column: error.column(),
        })
    }

    /// The same for a record of this process: nothing is read behind the metadata
    /// of its object, where most of it is.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), as far as it is read.
    pub fn peek(record: &'a [u8]) -> Result<Self, RecordHeadError> {
        peek(record).map_or_else(|| Self::parse(record), Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_borrowed_and_the_rest_is_skipped() {
        let record = br#"{"event":"ADDED","scope":"s","tier":"detail","observed":"2026-11-22T12:00:00Z","hash":"0f","object":{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","labels":{"uid":"x"},"uid":"u","resourceVersion":"7"},"spec":{"uid":["y"]}}}"#;
        let head = RecordHead::parse(record).unwrap();
        let object = head.object.unwrap();
        assert_eq!((&*head.event, &*head.hash), ("ADDED", "0f"));
        assert_eq!(&*object.metadata.uid, "u");
        assert_eq!(&*object.metadata.resource_version, "7");
        assert!(matches!(object.metadata.name, Cow::Borrowed("web")));
    }

    #[test]
    fn a_peek_finds_the_same_and_reads_no_further_than_it_must() {
        let object = br#""object":{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"a":"b"},"name":"w\"eb","uid":"u","resourceVersion":"7"}"#;
        let head = br#"{"event":"ADDED","platform":"kubernetes","scope":"s","tier":"detail","observed":"t","partial":true,"reason":"r","cut":["data"],"hash":"0f",""#;
        let record = [head, &object[1..], br#","spec":{"uid":["y"]}}}"#].concat();
        let [peeked, parsed] = [RecordHead::peek, RecordHead::parse].map(|read| read(&record));
        assert_eq!(
            format!("{:?}", peeked.unwrap()),
            format!("{:?}", parsed.unwrap())
        );
        let cut_off = [head, &object[1..]].concat();
        assert!(RecordHead::parse(&cut_off).is_err());
        assert!(RecordHead::peek(&cut_off).is_ok());
    }

    #[test]
    fn a_peek_at_members_in_another_order_reads_them_all() {
        for record in [
            r#"{"object":{"metadata":{"name":"a"},"kind":"Pod","apiVersion":"v1"},"hash":"0f","event":"ADDED","scope":"s","observed":"t"}"#,
            r#"{"event":"SYNCED","scope":"s","observed":"t","objects":3,"tier":"detail"}"#,
            r#"{"event":"ADDED","scope":"s","observed":"t","object":null}"#,
        ] {
            let peeked = RecordHead::peek(record.as_bytes()).unwrap();
            let parsed = RecordHead::parse(record.as_bytes()).unwrap();
            assert_eq!(format!("{peeked:?}"), format!("{parsed:?}"), "{record}");
        }
        assert!(RecordHead::peek(b"{\"event\":1").is_err());
        assert!(RecordHead::peek(b"").is_err());
    }

    #[test]
    fn a_marker_has_no_object_and_errors_repeat_nothing() {
        let synced = br#"{"event":"SYNCED","scope":"s","observed":"t","objects":3}"#;
        assert!(RecordHead::parse(synced).unwrap().object.is_none());
        let error = RecordHead::parse(br#"{"event":"hunter2"#).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
