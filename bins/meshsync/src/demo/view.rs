//! What a person sees: a bar per phase, then a live line and the last changes.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use meshsync::{Changes, EventType, Monitor, OwnedChange, SinkState};

use super::rates::{Rates, Totals};

/// Time between two drawings.
const TICK: Duration = Duration::from_millis(100);

/// How many changes are shown under one tick; nobody reads more.
const CHANGES_PER_TICK_MAX: usize = 5;

/// Shows a pipeline until it has ended.
pub(super) async fn show(bars: MultiProgress, monitor: Monitor, mut changes: Changes) {
    let mut view = View::new(bars, monitor);
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            change = changes.next() => match change {
                Some(change) => view.note(&change),
                None => break,
            },
            _ = ticks.tick() => view.tick(),
        }
    }
    view.end();
}

/// What is being waited for.
#[derive(Debug)]
enum Phase {
    Connect,
    Discover,
    InitialSync,
    Live(Rates),
}

struct View {
    bars: MultiProgress,
    bar: ProgressBar,
    monitor: Monitor,
    started: Instant,
    phase: Phase,
    changes: u64,
    shown: usize,
    hidden: usize,
}

/// Sums over all resources.
struct Sums {
    resources: usize,
    synced: usize,
    objects: u64,
    totals: Totals,
}

impl View {
    fn new(bars: MultiProgress, monitor: Monitor) -> Self {
        let bar = spinner(&bars, "connect");
        Self {
            bars,
            bar,
            monitor,
            started: Instant::now(),
            phase: Phase::Connect,
            changes: 0,
            shown: 0,
            hidden: 0,
        }
    }

    /// Notes a change; once the picture is complete, changes are shown.
    fn note(&mut self, change: &OwnedChange) {
        if !matches!(self.phase, Phase::Live(_)) || change.event() == EventType::Synced {
            return;
        }
        self.changes += 1;
        if self.shown == CHANGES_PER_TICK_MAX {
            self.hidden += 1;
            return;
        }
        self.shown += 1;
        self.line(format!("  {:<9}{change}", change.event().as_str()));
    }

    fn tick(&mut self) {
        if self.hidden > 0 {
            self.line(format!("  … and {} more", self.hidden));
        }
        (self.shown, self.hidden) = (0, 0);
        let sums = self.sums();
        match &mut self.phase {
            Phase::Connect => {
                let Some(url) = self.monitor.cluster().map(|(url, _)| url.to_owned()) else {
                    return self.bar.tick();
                };
                self.bar.finish_with_message(format!("{url}, simulated"));
                self.bar = spinner(&self.bars, "discover");
                self.phase = Phase::Discover;
            }
            Phase::Discover => {
                if sums.resources == 0 {
                    return self.bar.tick();
                }
                self.bar
                    .finish_with_message(format!("{} resources", sums.resources));
                self.bar = bar(&self.bars, "initial sync", sums.resources as u64);
                self.phase = Phase::InitialSync;
            }
            Phase::InitialSync => self.draw_initial_sync(&sums),
            Phase::Live(rates) => {
                rates.update(Instant::now(), sums.totals);
                let rates = *rates;
                self.bar.set_message(self.live_line(&sums, &rates));
            }
        }
    }

    fn draw_initial_sync(&mut self, sums: &Sums) {
        self.bar.set_length(sums.resources as u64);
        self.bar.set_position(sums.synced as u64);
        self.bar
            .set_message(format!("{} objects", HumanCount(sums.objects)));
        if self.monitor.is_synced() {
            self.bar.finish();
            self.bar = spinner(&self.bars, "live");
            self.phase = Phase::Live(Rates::new(Instant::now(), sums.totals));
        }
    }

    fn live_line(&self, sums: &Sums, rates: &Rates) -> String {
        let mut line = format!(
            "{} objects of {} resources · {:.1} changes/s · {:.2} MB/s · {} changes",
            HumanCount(sums.objects),
            sums.resources,
            rates.changes_per_s,
            rates.bytes_per_s / 1e6,
            HumanCount(self.changes),
        );
        for sink in self.monitor.sinks() {
            let (name, state) = (sink.status.name(), sink.status.state());
            // The one that feeds this view is not worth a word.
            if !name.starts_with("changes-") {
                line.push_str(&format!(" · {name} {}", describe(state, &sink)));
            }
        }
        line.push_str(" · Ctrl-C stops");
        line
    }

    fn end(&self) {
        let sums = self.sums();
        self.bar.finish_and_clear();
        self.line(format!(
            "stopped after {:.1} s: {} objects, {} changes, {} read",
            self.started.elapsed().as_secs_f64(),
            HumanCount(sums.objects),
            HumanCount(self.changes),
            HumanBytes(sums.totals.bytes),
        ));
    }

    fn line(&self, line: String) {
        // A terminal that cannot be written is nothing to stop for.
        drop(self.bars.println(line));
    }

    fn sums(&self) -> Sums {
        let resources = self.monitor.resources();
        Sums {
            resources: resources.len(),
            synced: resources.iter().filter(|resource| resource.synced).count(),
            objects: resources.iter().map(|resource| resource.objects).sum(),
            totals: Totals {
                changes: resources.iter().map(|resource| resource.events).sum(),
                bytes: resources.iter().map(|resource| resource.bytes).sum(),
            },
        }
    }
}

fn describe(state: SinkState, sink: &meshsync::SinkSnapshot) -> String {
    match sink.status.last_error() {
        Some(error) if !state.is_up() => format!("{}: {error}", state.as_str()),
        _ => state.as_str().to_owned(),
    }
}

fn spinner(bars: &MultiProgress, name: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix:<13}{wide_msg}");
    let bar = bars.add(ProgressBar::new_spinner());
    bar.set_style(style.expect("the template is valid"));
    bar.set_prefix(name);
    bar
}

fn bar(bars: &MultiProgress, name: &'static str, len: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{spinner} {prefix:<13}[{bar:32}] {pos}/{len} resources, {wide_msg}",
    );
    let bar = bars.add(ProgressBar::new(len));
    bar.set_style(style.expect("the template is valid"));
    bar.set_prefix(name);
    bar
}
