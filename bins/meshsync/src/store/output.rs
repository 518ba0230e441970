//! Printing.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;

use crate::failure::Failure;

/// Ends in silence when the reader has gone, as `head` does.
pub(super) fn finish(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Failure::other),
    }
}

/// Columns as wide as they have to be.
pub(super) fn table(out: &mut dyn Write, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(head[at].chars().count())
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            text.push_str(&format!("{cell:width$}   "));
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(&mut head.iter().copied())?;
    rows.iter()
        .try_for_each(|row| line(&mut row.iter().map(String::as_str)))
}

/// One YAML document, with its `---`.
pub(super) fn yaml(out: &mut dyn Write, json: &[u8]) -> anyhow::Result<()> {
    struct Json<'a>(&'a [u8]);
    impl Serialize for Json<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut json = serde_json::Deserializer::from_slice(self.0);
            serde_transcode::Transcoder::new(&mut json).serialize(serializer)
        }
    }
    out.write_all(b"---\n")?;
    let mut out = out;
    serde_saphyr::to_io_writer(&mut out, &Json(json))?;
    Ok(())
}

/// How long ago, as kubectl says it.
pub(super) fn age(created: &str) -> String {
    let Ok(created) = created.parse::<Timestamp>() else {
        return "<unknown>".to_owned();
    };
    let seconds = Timestamp::now().as_second() - created.as_second();
    match seconds.max(0) {
        s @ 0..120 => format!("{s}s"),
        s @ 120..7200 => format!("{}m", s / 60),
        s @ 7200..172_800 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}
