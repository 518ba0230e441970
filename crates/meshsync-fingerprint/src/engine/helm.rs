//! Releases that Helm keeps a record of: Secrets of type `helm.sh/release.v1`.
//!
//! Read of one is the chart it installed, and nothing else: not its values, not its
//! manifest, both of which come later in the text.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use meshsync_model::Object;
use meshsync_model::text::{JsonStr, member_of};

use super::json::Walk;

/// The record as it is kept: a Secret holds 1 MiB, and this is what is in it.
const ENCODED_BYTES_MAX: usize = 2 << 20;
/// How much of the record is looked at: the chart's description comes behind the
/// release's notes, and before its templates.
const RECORD_BYTES_MAX: u64 = 256 << 10;

/// What a release says of its chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Release {
    pub(crate) name: String,
    pub(crate) chart: String,
    pub(crate) version: String,
    pub(crate) app_version: String,
}

impl Release {
    /// Reads the record of a release that is deployed. A record of an older revision
    /// says nothing: Helm labels it `superseded`.
    pub(crate) fn read(object: &Object<'_>) -> Option<Self> {
        let kind = object.member("type").and_then(JsonStr::new)?;
        if kind.decode() != "helm.sh/release.v1" {
            return None;
        }
        let label = |wanted: &str| {
            let mut labels = object.labels();
            labels.find_map(|(key, value)| (key == wanted).then_some(value))
        };
        if label("status")? != "deployed" {
            return None;
        }
        let encoded = member_of(object.member("data")?, "release").and_then(JsonStr::new)?;
        let record = decoded(&encoded.decode())?;
        let mut release = described(&record)?;
        if let Some(name) = label("name") {
            release.name = name.into_owned();
        }
        Some(release)
    }
}

/// The beginning of the record. Helm writes base64 of gzip, and the Secret base64 of that.
fn decoded(encoded: &str) -> Option<String> {
    if encoded.len() > ENCODED_BYTES_MAX {
        return None;
    }
    let inner = STANDARD.decode(encoded.trim()).ok()?;
    let packed = STANDARD.decode(inner.trim_ascii()).ok()?;
    let mut record = Vec::new();
    let mut reader = GzDecoder::new(packed.as_slice()).take(RECORD_BYTES_MAX);
    // What is broken further on does not matter.
    drop(reader.read_to_end(&mut record));
    let end = match std::str::from_utf8(&record) {
        Ok(text) => text.len(),
        Err(error) => error.valid_up_to(),
    };
    record.truncate(end);
    String::from_utf8(record).ok()
}

/// The description of the chart, in a record that may be cut off behind it.
fn described(record: &str) -> Option<Release> {
    let mut walk = Walk::new(record);
    let mut release = Release::default();
    if !walk.enter(b'{') {
        return None;
    }
    while let Some(key) = walk.key() {
        match &*key {
            "name" => release.name = walk.text().into_owned(),
            "chart" => {
                chart(&mut walk, &mut release);
                break;
            }
            _ => walk.skip(),
        }
    }
    (!release.chart.is_empty()).then_some(release)
}

fn chart(walk: &mut Walk<'_>, release: &mut Release) {
    if !walk.enter(b'{') {
        return;
    }
    while let Some(key) = walk.key() {
        if key != "metadata" {
            walk.skip();
            continue;
        }
        if walk.enter(b'{') {
            while let Some(key) = walk.key() {
                match &*key {
                    "name" => release.chart = walk.text().into_owned(),
                    "version" => release.version = walk.text().into_owned(),
                    "appVersion" => release.app_version = walk.text().into_owned(),
                    _ => walk.skip(),
                }
            }
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_cut_off_says_what_comes_before() {
        let whole = r#"{"name":"blue","info":{"notes":"{x}"},"chart":{"metadata":{"name":"redis",
            "keywords":["a"],"version":"19.5.5","appVersion":"7.2.5"},"templates":[{"data":"#;
        let release = described(whole).unwrap();
        assert_eq!((&*release.name, &*release.chart), ("blue", "redis"));
        assert_eq!(
            (&*release.version, &*release.app_version),
            ("19.5.5", "7.2.5")
        );
        assert_eq!(described(r#"{"name":"blue","info":{"notes":"#), None);
        assert_eq!(described("[]"), None);
        assert_eq!(decoded("!"), None);
    }
}
