//! A page of a list.

use meshsync_informer::frame::{Frame, FrameError, ListEnd, ListFramer};
use meshsync_model::Index;
use serde_json::Value;

/// The body of a list.
pub fn list_page(data: &[u8]) {
    let whole = items(data, data.len().max(1));
    for chunk in [1, 7] {
        let cut = items(data, chunk);
        match (&whole, &cut) {
            (Ok(whole), Ok(cut)) => assert_eq!(whole, cut, "in chunks of {chunk}"),
            (Err(_), Err(_)) => {}
            _ => panic!("in chunks of {chunk}: {whole:?} became {cut:?}"),
        }
    }
    let Ok((items, end)) = whole else { return };
    let mut index = Index::new();
    for item in &items {
        // Readable or not, nothing panics.
        drop(index.parse(item).map(|object| object.name().to_owned()));
    }
    // Where the whole of it is JSON, nothing is lost and nothing made up.
    let Ok(Value::Object(document)) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    if let Some(Value::Array(expected)) = document.get("items")
        && occurs_once(data, b"\"items\"")
    {
        assert_eq!(items.len(), expected.len());
        for (item, expected) in items.iter().zip(expected) {
            if let Ok(item) = serde_json::from_slice::<Value>(item) {
                assert_eq!(item, *expected);
            }
        }
    }
    if occurs_once(data, b"\"resourceVersion\"") && occurs_once(data, b"\"metadata\"") {
        let version = document
            .get("metadata")
            .and_then(|metadata| metadata["resourceVersion"].as_str());
        if let Some(version) = version {
            assert_eq!(end.resource_version, version);
        }
    }
}

type Page = (Vec<Vec<u8>>, ListEnd);

fn items(data: &[u8], chunk: usize) -> Result<Page, FrameError> {
    let mut framer = ListFramer::new();
    let mut items = Vec::new();
    for chunk in data.chunks(chunk) {
        framer.push(chunk, |frame| match frame {
            Frame::Whole(item) => items.push(item.to_vec()),
            Frame::TooLarge { head, .. } => items.push(head.to_vec()),
        })?;
    }
    Ok((items, framer.finish()?))
}

/// Keys that are given twice, or escaped, mean different things to different
/// readers.
fn occurs_once(data: &[u8], text: &[u8]) -> bool {
    let escaped = data.contains(&b'\\');
    !escaped && data.windows(text.len()).filter(|at| *at == text).count() == 1
}
