//! Numbers the way Kubernetes' Go libraries decode and Go encodes them: an
//! integer that fits 64 bits stays as it is, everything else becomes a float64.

use std::io::Write;

/// So many digits fit an `i64` whatever they are.
const SAFE_DIGITS: usize = 18;

/// Appends a JSON number in canonical form.
pub(super) fn push(out: &mut Vec<u8>, raw: &str) {
    if is_short_integer(raw) {
        out.extend_from_slice(raw.as_bytes());
    } else if let Ok(integer) = raw.parse::<i64>() {
        out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
    } else {
        match raw.parse::<f64>() {
            Ok(float) if float.is_finite() => push_float(out, float),
            // Go refuses the whole object; keep the text, it is valid JSON.
            _ => out.extend_from_slice(raw.as_bytes()),
        }
    }
}

/// The number as an integer, when its canonical form is one.
pub(super) fn integer(raw: &str) -> Option<i64> {
    raw.parse::<i64>().ok().or_else(|| {
        let mut canonical = Vec::new();
        push(&mut canonical, raw);
        std::str::from_utf8(&canonical).ok()?.parse().ok()
    })
}

fn is_short_integer(raw: &str) -> bool {
    let digits = raw.strip_prefix('-').unwrap_or(raw).as_bytes();
    digits.len() <= SAFE_DIGITS && raw != "-0" && digits.iter().all(u8::is_ascii_digit)
}

fn push_float(out: &mut Vec<u8>, float: f64) {
    let size = float.abs();
    let written = if size != 0.0 && size < 1e-6 {
        write!(out, "{float:e}")
    } else if size >= 1e21 {
        let start = out.len();
        write!(out, "{float:e}").map(|()| {
            // Go writes the sign of the exponent.
            if let Some(e) = memchr::memchr(b'e', &out[start..]) {
                out.insert(start + e + 1, b'+');
            }
        })
    } else {
        write!(out, "{float}")
    };
    written.expect("a Vec takes every byte");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (raw, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "-0"),
            ("7", "7"),
            ("-12", "-12"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "9223372036854776000"),
            ("12345678901234567890", "12345678901234567000"),
            ("1.0", "1"),
            ("1.50", "1.5"),
            ("0.0000001", "1e-7"),
            ("0.000001", "0.000001"),
            ("1.5e-10", "1.5e-10"),
            ("1e5", "100000"),
            ("1E20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("-1.25e300", "-1.25e+300"),
            ("5e-324", "5e-324"),
            ("1e999", "1e999"),
        ] {
            let mut out = Vec::new();
            push(&mut out, raw);
            assert_eq!(std::str::from_utf8(&out).unwrap(), expected, "{raw}");
        }
    }

    #[test]
    fn only_integers_are_integers() {
        assert_eq!(integer("5"), Some(5));
        assert_eq!(integer("1e3"), Some(1000));
        assert_eq!(integer("2.0"), Some(2));
        for raw in ["1.5", "\"5\"", "null", "[1]", "true", "1e999"] {
            assert_eq!(integer(raw), None, "{raw}");
        }
    }
}
