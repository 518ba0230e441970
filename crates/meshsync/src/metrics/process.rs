//! What the process takes, by the names that everybody uses for it.

use std::fmt;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Of a Linux process; elsewhere there is nothing but its start.
#[derive(Debug)]
pub(super) struct ProcessCollector {
    pub(super) started: SystemTime,
}

/// Ticks of a processor's time in `/proc`: the same on all of Linux' platforms.
const TICKS_A_SECOND: f64 = 100.0;

struct Process {
    cpu_seconds: f64,
    resident_bytes: u64,
    threads: u64,
    open_fds: u64,
}

impl Process {
    fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        // What stands before the last `)` is its name, whatever is in that.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let field = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = resident.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(Self {
            cpu_seconds: (field(11)? + field(12)?) as f64 / TICKS_A_SECOND,
            resident_bytes: kib << 10,
            threads: field(17)?,
            open_fds: std::fs::read_dir("/proc/self/fd").ok()?.count() as u64,
        })
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let since = self.started.duration_since(SystemTime::UNIX_EPOCH);
        let started = since.map_or(0.0, |since| since.as_secs_f64());
        let name = (
            "process_start_time",
            "When the pipeline was built",
            Unit::Seconds,
        );
        gauge(&mut encoder, name, started)?;
        let Some(process) = Process::read() else {
            return Ok(());
        };
        let help = "Time of processors used";
        let cpu = ConstCounter::new(process.cpu_seconds);
        let unit = Some(&Unit::Seconds);
        let family = encoder.encode_descriptor("process_cpu", help, unit, MetricType::Counter)?;
        cpu.encode(family)?;
        let name = (
            "process_resident_memory",
            "Memory that is in use",
            Unit::Bytes,
        );
        gauge(&mut encoder, name, process.resident_bytes as f64)?;
        for (name, help, value) in [
            ("process_threads", "Threads", process.threads),
            (
                "process_open_fds",
                "Open files and connections",
                process.open_fds,
            ),
        ] {
            let value = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            value.encode(family)?;
        }
        Ok(())
    }
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help, unit): (&str, &str, Unit),
    value: f64,
) -> Result<(), fmt::Error> {
    let family = encoder.encode_descriptor(name, help, Some(&unit), MetricType::Gauge)?;
    ConstGauge::new(value).encode(family)
}
