use proptest::prelude::*;

use super::*;

fn frame(chunks: &[&[u8]]) -> Result<(Vec<String>, ListEnd), FrameError> {
    let mut framer = ListFramer::new();
    let mut items = Vec::new();
    for chunk in chunks {
        framer.push(chunk, |frame| match frame {
            Frame::Whole(item) => items.push(String::from_utf8_lossy(item).into_owned()),
            Frame::TooLarge { bytes, .. } => items.push(format!("too large: {bytes}")),
        })?;
    }
    Ok((items, framer.finish()?))
}

const LIST: &str = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"abc","remainingItemCount":3},"items":[{"metadata":{"name":"a]\"}"},"spec":{"x":[1,{}]}}, {"b":"é\\"} ,{}], "extra":[1,"]"],"n":5}"#;

#[test]
fn items_and_metadata_are_found_wherever_they_stand() {
    let expected = ListEnd {
        resource_version: "7".into(),
        continue_token: Some("abc".into()),
    };
    let (items, end) = frame(&[LIST.as_bytes()]).unwrap();
    assert_eq!(
        items,
        [
            r#"{"metadata":{"name":"a]\"}"},"spec":{"x":[1,{}]}}"#,
            r#"{"b":"é\\"}"#,
            "{}"
        ]
    );
    assert_eq!(end, expected);
    let (items, end) =
        frame(&[br#" {"items": [ ],"metadata":{"resourceVersion":"9","continue":""}} "#]).unwrap();
    assert!(items.is_empty());
    assert_eq!(
        end,
        ListEnd {
            resource_version: "9".into(),
            continue_token: None
        }
    );
    assert!(
        frame(&[br#"{"items":null,"metadata":null}"#])
            .unwrap()
            .0
            .is_empty()
    );
}

#[test]
fn what_is_no_whole_list_is_an_error() {
    let check = |text: &str, message: &str| {
        let error = frame(&[text.as_bytes()]).unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    };
    check(&LIST[..LIST.len() - 1], "in the middle of the list");
    check("", "in the middle of the list");
    check("{}", "no items");
    check(r#"{"kind":"Status","status":"Failure"}"#, "no items");
    check("<html>", "an unexpected byte at byte 0");
    check(r#"{"items":[5]}"#, "an unexpected byte");
    check(r#"{"items":,}"#, "a missing value");
    check(
        r#"{"metadata":{"resourceVersion":5},"items":[]}"#,
        "metadata that cannot be read",
    );
}

#[test]
fn an_oversized_item_is_reported_and_the_next_one_read() {
    let big = format!(r#"{{"x":"{}"}}"#, "y".repeat(OBJECT_BYTES_MAX));
    let text = format!(r#"{{"items":[{big},{{"next":1}}]}}"#);
    let (items, _) = frame(&text.as_bytes().chunks(60_000).collect::<Vec<_>>()).unwrap();
    assert_eq!(
        items,
        [
            format!("too large: {}", big.len()),
            r#"{"next":1}"#.to_owned()
        ]
    );
}

#[test]
fn memory_is_that_of_the_largest_item_whatever_the_page_holds() {
    let item = format!(r#"{{"x":"{}"}}"#, "y".repeat(200_000));
    let page = format!(
        r#"{{"items":[{}],"metadata":{{}}}}"#,
        vec![item.as_str(); 200].join(",")
    );
    let mut framer = ListFramer::new();
    let (mut items, mut held) = (0, 0);
    for chunk in page.as_bytes().chunks(16 << 10) {
        framer.push(chunk, |_| items += 1).unwrap();
        held = held.max(framer.held_bytes());
    }
    assert_eq!(items, 200);
    assert!(
        held <= item.len() + (256 << 10),
        "{held} bytes of {}",
        page.len()
    );
}

proptest! {
    #[test]
    fn chunk_borders_do_not_matter(mut cuts in prop::collection::vec(0..LIST.len(), 0..8)) {
        cuts.push(0);
        cuts.push(LIST.len());
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &LIST.as_bytes()[w[0]..w[1]]).collect();
        prop_assert_eq!(frame(&chunks).unwrap(), frame(&[LIST.as_bytes()]).unwrap());
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(frame(&[&bytes]));
    }
}
