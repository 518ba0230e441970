//! Reading what [`Metrics::text`](crate::metrics::Metrics::text) has written.

/// A metric with all its series.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Family {
    pub(super) name: String,
    /// `counter`, `gauge`, `histogram` or `info`.
    pub(super) kind: String,
    pub(super) help: String,
    /// As OpenTelemetry writes it; empty for none.
    pub(super) unit: &'static str,
    pub(super) samples: Vec<Sample>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// What its name has more than the family's: empty, `_total`, `_bucket`, `_sum`
    /// or `_count`.
    pub(super) suffix: String,
    pub(super) labels: Vec<(String, String)>,
    pub(super) value: f64,
}

/// What cannot be read is left out.
pub(super) fn parse(text: &str) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (Some(what), Some(name)) = (words.next(), words.next()) else {
                continue;
            };
            let rest = words.next().unwrap_or_default();
            if !matches!(what, "HELP" | "TYPE" | "UNIT") {
                continue;
            }
            if families.last().is_none_or(|family| family.name != name) {
                families.push(Family {
                    name: name.to_owned(),
                    ..Family::default()
                });
            }
            let Some(family) = families.last_mut() else {
                continue;
            };
            match what {
                "HELP" => family.help = rest.trim_end_matches('.').to_owned(),
                "TYPE" => family.kind = rest.to_owned(),
                _ => family.unit = unit(rest),
            }
        } else if let Some(family) = families.last_mut()
            && let Some(sample) = sample(line, &family.name)
        {
            family.samples.push(sample);
        }
    }
    families
}

/// As in <https://ucum.org>.
fn unit(name: &str) -> &'static str {
    match name {
        "seconds" => "s",
        "bytes" => "By",
        _ => "",
    }
}

fn sample(line: &str, family: &str) -> Option<Sample> {
    let rest = line.strip_prefix(family)?;
    let end = rest.find(['{', ' '])?;
    let (suffix, rest) = rest.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    Some(Sample {
        suffix: suffix.to_owned(),
        labels,
        value: value.split_whitespace().next()?.parse().ok()?,
    })
}

/// Labels to their closing brace, and what follows it.
fn labels(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.strip_prefix(',').unwrap_or(rest);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((found, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, other) => value.push(other),
            }
        };
        found.push((name.to_owned(), value));
        rest = &quoted[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_read_with_all_that_labels_may_contain() {
        let text = concat!(
            "# HELP a_seconds How long.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n",
            "a_seconds_sum{sink=\"x\"} 1.5\na_seconds_count{sink=\"x\"} 2\n",
            "a_seconds_bucket{le=\"0.5\",sink=\"x\"} 1\na_seconds_bucket{le=\"+Inf\",sink=\"x\"} 2\n",
            "# HELP b Many.\n# TYPE b counter\n",
            "b_total{url=\"file:a b,c}\\\"\\\\\\n\",i=\"0\"} 7\nb_total 1\n# EOF\n",
        );
        let families = parse(text);
        assert_eq!(families.len(), 2, "{families:?}");
        let (a, b) = (&families[0], &families[1]);
        assert_eq!(
            (a.name.as_str(), a.unit, a.kind.as_str()),
            ("a_seconds", "s", "histogram")
        );
        assert_eq!(a.help, "How long");
        assert_eq!(a.samples.len(), 4);
        assert_eq!(a.samples[3].labels[0], ("le".to_owned(), "+Inf".to_owned()));
        assert_eq!(b.samples[0].suffix, "_total");
        let url = ("url".to_owned(), "file:a b,c}\"\\\n".to_owned());
        assert_eq!(b.samples[0].labels[0], url);
        assert_eq!((b.samples[0].value, b.samples[1].value), (7.0, 1.0));
    }
}
