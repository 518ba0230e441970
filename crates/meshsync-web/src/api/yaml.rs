//! From JSON to YAML, without a tree in between.

use serde_json::Deserializer;
use serde_transcode::Transcoder;

pub(super) fn of(json: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(json).map_err(|error| error.to_string())?;
    let options = serde_saphyr::ser_options! {
        folded_wrap_chars: usize::MAX,
    };
    let mut out = String::new();
    let mut reader = Deserializer::from_str(text);
    serde_saphyr::to_fmt_writer_with_options(&mut out, &Transcoder::new(&mut reader), options)
        .map_err(|error| error.to_string())?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn members_keep_their_order() {
        let yaml = of(br#"{"b":{"c":[1,"two",null,true]},"a":"x: y"}"#).unwrap();
        let b = yaml.find("b:").unwrap();
        assert!(b < yaml.find("\na:").unwrap(), "{yaml}");
        assert!(yaml.contains("- two"), "{yaml}");
    }
}
