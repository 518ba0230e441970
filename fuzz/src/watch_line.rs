//! Lines of a watch.

use meshsync_informer::frame::{Frame, LineFramer};
use meshsync_model::Index;

/// The body of a watch: lines, whole or not, with events or not.
pub fn watch_line(data: &[u8]) {
    let whole = lines(data, data.len().max(1));
    for chunk in [1, 7] {
        assert_eq!(lines(data, chunk), whole, "in chunks of {chunk}");
    }
    let mut index = Index::new();
    for line in whole {
        let Ok(event) = index.parse_event(&line) else {
            continue;
        };
        let object = &event.object;
        assert!(line.len() >= object.raw().len());
        assert_eq!(object.object_ref().name, object.name());
        // The object alone says the same.
        let raw = object.raw().to_owned();
        let name = object.name().to_owned();
        let mut alone = Index::new();
        if let Ok(object) = alone.parse(raw.as_bytes())
            && raw.len() < line.len()
        {
            assert_eq!(object.name(), name);
        }
    }
}

fn lines(data: &[u8], chunk: usize) -> Vec<Vec<u8>> {
    let mut framer = LineFramer::new();
    let mut lines = Vec::new();
    for chunk in data.chunks(chunk) {
        framer.push(chunk, |frame| match frame {
            Frame::Whole(line) => lines.push(line.to_vec()),
            Frame::TooLarge { head, .. } => lines.push(head.to_vec()),
        });
    }
    lines
}
