//! From families to what a collector takes.

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
    metric::Data, number_data_point::Value,
};

use super::exposition::{Family, Sample};
use super::spans::text;

/// When counting began, and now: in nanoseconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) began: u64,
    pub(super) now: u64,
}

pub(super) fn metrics(families: Vec<Family>, times: Times) -> Vec<Metric> {
    families
        .into_iter()
        .map(|family| metric(family, times))
        .collect()
}

fn metric(family: Family, times: Times) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let samples = &family.samples;
    let data = match family.kind.as_str() {
        "counter" => Data::Sum(Sum {
            data_points: points(samples, "_total", times),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        "histogram" => Data::Histogram(Histogram {
            data_points: histograms(samples, times),
            aggregation_temporality: cumulative,
        }),
        _ => Data::Gauge(Gauge {
            data_points: points(samples, "", times),
        }),
    };
    Metric {
        name: family.name,
        description: family.help,
        unit: family.unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn points(samples: &[Sample], suffix: &str, times: Times) -> Vec<NumberDataPoint> {
    let of = samples.iter().filter(|sample| sample.suffix == suffix);
    of.map(|sample| NumberDataPoint {
        attributes: sample.labels.iter().map(|(k, v)| text(k, v)).collect(),
        start_time_unix_nano: times.began,
        time_unix_nano: times.now,
        value: Some(Value::AsDouble(sample.value)),
        ..NumberDataPoint::default()
    })
    .collect()
}

/// Series of one histogram come one after the other, and the buckets of each in
/// order; a bucket counts all below it, and OpenTelemetry's those in it alone.
fn histograms(samples: &[Sample], times: Times) -> Vec<HistogramDataPoint> {
    /// Labels, the point, and what all its buckets so far have counted.
    type Series = (Vec<(String, String)>, HistogramDataPoint, u64);
    let mut found: Vec<Series> = Vec::new();
    for sample in samples {
        let mut labels = sample.labels.clone();
        let bound = labels.iter().position(|(name, _)| name == "le");
        let bound = bound.map(|at| labels.remove(at).1);
        if found.last().is_none_or(|(known, ..)| *known != labels) {
            let point = HistogramDataPoint {
                attributes: labels.iter().map(|(k, v)| text(k, v)).collect(),
                start_time_unix_nano: times.began,
                time_unix_nano: times.now,
                ..HistogramDataPoint::default()
            };
            found.push((labels, point, 0));
        }
        let Some((_, point, below)) = found.last_mut() else {
            continue;
        };
        let count = sample.value as u64;
        match (sample.suffix.as_str(), bound) {
            ("_sum", _) => point.sum = Some(sample.value),
            ("_count", _) => point.count = count,
            ("_bucket", Some(bound)) => {
                point.bucket_counts.push(count.saturating_sub(*below));
                *below = count;
                // The last one has no bound.
                let bound = bound.parse().ok().filter(|bound: &f64| bound.is_finite());
                point.explicit_bounds.extend(bound);
            }
            _ => {}
        }
    }
    found.into_iter().map(|(_, point, _)| point).collect()
}

#[cfg(test)]
mod tests {
    use super::super::exposition::parse;
    use super::*;

    #[test]
    fn buckets_count_what_is_in_them_alone() {
        let text = concat!(
            "# HELP a_seconds A.\n# TYPE a_seconds histogram\n# UNIT a_seconds seconds\n",
            "a_seconds_sum{s=\"x\"} 9.5\na_seconds_count{s=\"x\"} 6\n",
            "a_seconds_bucket{le=\"1.0\",s=\"x\"} 1\na_seconds_bucket{le=\"2.0\",s=\"x\"} 4\n",
            "a_seconds_bucket{le=\"+Inf\",s=\"x\"} 6\n",
            "a_seconds_sum{s=\"y\"} 0\na_seconds_count{s=\"y\"} 0\n",
            "a_seconds_bucket{le=\"1.0\",s=\"y\"} 0\na_seconds_bucket{le=\"+Inf\",s=\"y\"} 0\n",
        );
        let times = Times { began: 1, now: 2 };
        let all = metrics(parse(text), times);
        let Some(Data::Histogram(histogram)) = &all[0].data else {
            panic!("{all:?}");
        };
        let [x, y] = histogram.data_points.as_slice() else {
            panic!("{histogram:?}");
        };
        assert_eq!((x.count, x.sum), (6, Some(9.5)));
        assert_eq!(x.bucket_counts, [1, 3, 2]);
        assert_eq!(x.explicit_bounds, [1.0, 2.0]);
        assert_eq!((y.count, y.bucket_counts.len()), (0, 2));
        assert_eq!(all[0].unit, "s");
    }
}
