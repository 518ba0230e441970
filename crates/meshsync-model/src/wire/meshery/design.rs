//! `pattern_resource`: the design an object belongs to, by its label.

use super::Fidelity;
use crate::text::JsonStr;

/// The label by which Meshery knows what design an object belongs to.
pub(super) const LABEL: &str = "design.meshery.io/id";

/// Appends `pattern_resource`, given the raw value of the label.
pub(super) fn push(out: &mut Vec<u8>, fidelity: Fidelity, label: Option<&str>) {
    let id = match fidelity {
        Fidelity::Exact => label.map(bytes_as_uuid),
        Fidelity::Corrected | Fidelity::Decoded => label.and_then(parse_uuid),
    };
    match id {
        Some(id) => push_uuid(out, id),
        None => out.extend_from_slice(b"null"),
    }
}

/// What the original makes of a design label (Q1): it takes the text for the
/// sixteen bytes of an id, and zeros for what has another length.
fn bytes_as_uuid(raw: &str) -> [u8; 16] {
    JsonStr::new(raw)
        .and_then(|label| label.escaped().as_bytes().try_into().ok())
        .unwrap_or_default()
}

/// The id a design label holds, in its hyphenated form; `None` for zeros, which
/// identify nothing.
fn parse_uuid(raw: &str) -> Option<[u8; 16]> {
    let text = JsonStr::new(raw)?.escaped().as_bytes();
    let hyphens = [8, 13, 18, 23];
    if text.len() != 36 || hyphens.iter().any(|&at| text[at] != b'-') {
        return None;
    }
    let mut digits = text
        .iter()
        .enumerate()
        .filter(|(at, _)| !hyphens.contains(at));
    let mut id = [0; 16];
    for byte in &mut id {
        for _ in 0..2 {
            let (_, &digit) = digits.next()?;
            *byte = *byte << 4 | u8::try_from(char::from(digit).to_digit(16)?).ok()?;
        }
    }
    (id != [0; 16]).then_some(id)
}

fn push_uuid(out: &mut Vec<u8>, id: [u8; 16]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for (at, byte) in id.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
    out.push(b'"');
}
