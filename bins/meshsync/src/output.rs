//! Printing, alike in all commands.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use jiff::Timestamp;
use serde::Serialize;

use crate::failure::Failure;

/// Ends in silence when the reader has gone, as `head` does.
pub(crate) fn finish(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(Failure::other),
    }
}

/// Columns as wide as they have to be.
pub(crate) fn table(out: &mut dyn Write, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
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

/// How a command writes what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// The same as YAML
    Yaml,
}

/// A document as JSON, on one line where `lines` of them follow each other, or as
/// YAML.
pub(crate) fn document(
    out: &mut dyn Write,
    format: Format,
    lines: bool,
    value: &impl Serialize,
) -> anyhow::Result<()> {
    match (format, lines) {
        (Format::Yaml, _) => yaml(out, &serde_json::to_vec(value)?),
        (_, true) => {
            serde_json::to_writer(&mut *out, value)?;
            Ok(writeln!(out)?)
        }
        (_, false) => {
            serde_json::to_writer_pretty(&mut *out, value)?;
            Ok(writeln!(out)?)
        }
    }
}

/// Good, bad, and what is beside the point. `anstream` leaves them out where
/// nobody looks, or `NO_COLOR` is set.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const HEAD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Seconds as people say them: `12 ms`, `3.2 s`, `5m 10s`, `2h 3m`, `4d 1h`.
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match seconds {
        s if s < 0.0005 => "0".to_owned(),
        s if s < 1.0 => format!("{:.0} ms", s * 1_000.0),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7_200.0 => format!("{}m {}s", whole / 60, whole % 60),
        s if s < 172_800.0 => format!("{}h {}m", whole / 3_600, whole / 60 % 60),
        _ => format!("{}d {}h", whole / 86_400, whole / 3_600 % 24),
    }
}

/// Bytes as people say them.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut at = 0;
    while value >= 1024.0 && at + 1 < UNITS.len() {
        value /= 1024.0;
        at += 1;
    }
    if at == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[at])
    }
}

/// One YAML document, with its `---`.
pub(crate) fn yaml(out: &mut dyn Write, json: &[u8]) -> anyhow::Result<()> {
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
pub(crate) fn age(created: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_said_as_people_say_them() {
        let check = |value: f64, expected: &str| assert_eq!(seconds(value), expected, "{value}");
        check(0.0, "0");
        check(0.012, "12 ms");
        check(3.24, "3.2 s");
        check(65.0, "65 s");
        check(310.0, "5m 10s");
        check(7_380.0, "2h 3m");
        check(349_200.0, "4d 1h");
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(1 << 20), "1.0 MiB");
    }
}
