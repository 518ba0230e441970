//! Ages, as short as kubectl prints them.

use jiff::Timestamp;

/// The time from `created` to `now`: one or two units, fewer the older.
pub(super) fn age(created: &str, now: Timestamp) -> String {
    let Ok(created) = created.parse::<Timestamp>() else {
        return "<unknown>".to_owned();
    };
    duration(now.duration_since(created).as_secs())
}

/// A duration in seconds, in the same form.
pub(super) fn duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const YEAR: i64 = 365 * DAY;
    let seconds = seconds.max(0);
    let two = |large: (i64, &str), small: (i64, &str)| {
        let rest = seconds % large.0 / small.0;
        let first = format!("{}{}", seconds / large.0, large.1);
        if rest == 0 {
            first
        } else {
            format!("{first}{rest}{}", small.1)
        }
    };
    match seconds {
        _ if seconds < 2 * MINUTE => format!("{seconds}s"),
        _ if seconds < 10 * MINUTE => two((MINUTE, "m"), (1, "s")),
        _ if seconds < 3 * HOUR => format!("{}m", seconds / MINUTE),
        _ if seconds < 8 * HOUR => two((HOUR, "h"), (MINUTE, "m")),
        _ if seconds < 2 * DAY => format!("{}h", seconds / HOUR),
        _ if seconds < 8 * DAY => two((DAY, "d"), (HOUR, "h")),
        _ if seconds < 2 * YEAR => format!("{}d", seconds / DAY),
        _ if seconds < 8 * YEAR => two((YEAR, "y"), (DAY, "d")),
        _ => format!("{}y", seconds / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_the_coarser() {
        let check = |seconds, expected: &str| assert_eq!(duration(seconds), expected);
        check(-5, "0s");
        check(119, "119s");
        check(300, "5m");
        check(299, "4m59s");
        check(3_600, "60m");
        check(4 * 3_600 + 65, "4h1m");
        check(86_400, "24h");
        check(3 * 86_400 + 7_200, "3d2h");
        check(400 * 86_400, "400d");
        check(3 * 365 * 86_400, "3y");
        assert_eq!(age("never", Timestamp::UNIX_EPOCH), "<unknown>");
    }
}
