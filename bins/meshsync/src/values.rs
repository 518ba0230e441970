//! Values of the command line that have a form of their own.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads `500ms`, `8s`, `1m30s`, `2h`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const FORMS: &str = "write a duration such as 500ms, 8s, 1m30s or 2h";
    let duration: SignedDuration = text.parse().map_err(|_| FORMS.to_owned())?;
    match Duration::try_from(duration) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(format!("it must be more than nothing; {FORMS}")),
    }
}

/// Reads `NAMESPACE/NAME`.
pub(crate) fn service_account(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("write a namespace and a name, such as meshsync/meshsync".to_owned()),
    }
}

/// Reads `10`, `10/s`, `0.5/s`: so many a second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    number
        .parse::<f64>()
        .ok()
        .filter(|rate| rate.is_finite() && *rate >= 0.0)
        .ok_or_else(|| "write a number of changes a second, such as 10 or 0.5/s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_their_usual_forms() {
        let check = |text: &str, ms: u64| {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        };
        check("500ms", 500);
        check("8s", 8_000);
        check("1m30s", 90_000);
        check("2h", 7_200_000);
        for text in ["", "8", "0s", "-1s", "soon"] {
            assert!(duration(text).unwrap_err().contains("1m30s"), "{text}");
        }
    }

    #[test]
    fn rates_are_numbers_a_second() {
        assert_eq!(rate("10"), Ok(10.0));
        assert_eq!(rate("0.5/s"), Ok(0.5));
        for text in ["", "-1", "inf", "NaN", "10/m"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
