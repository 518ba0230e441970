//! Durations as Go writes them.

/// Nanoseconds of `1h15m30.5s`, `300ms`, `-1ns` or `0`; the error is Go's.
pub(super) fn parse(text: &str) -> Result<i64, &'static str> {
    const PROBLEM: &str = "parse error";
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(PROBLEM);
    }
    let mut total: f64 = 0.0;
    while !rest.is_empty() {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let end = rest.find(|c| !is_number(c)).ok_or(PROBLEM)?;
        let (number, after) = rest.split_at(end);
        if !number.contains(|c: char| c.is_ascii_digit()) {
            return Err(PROBLEM);
        }
        let number: f64 = number.parse().map_err(|_| PROBLEM)?;
        let end = after.find(is_number).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        total += number
            * match unit {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return Err(PROBLEM),
            };
        rest = after;
    }
    if total >= i64::MAX as f64 {
        return Err(PROBLEM);
    }
    let nanos = total as i64;
    Ok(if negative { -nanos } else { nanos })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let check = |text: &str, expected| assert_eq!(parse(text), expected, "{text}");
        check("8s", Ok(8_000_000_000));
        check("1m30s", Ok(90_000_000_000));
        check("1.5h", Ok(5_400_000_000_000));
        check("300ms", Ok(300_000_000));
        check("-1ns", Ok(-1));
        check("0", Ok(0));
        for text in ["", "8", "s", "1x", "1s2", ".s", "9999999999h"] {
            check(text, Err("parse error"));
        }
    }
}
