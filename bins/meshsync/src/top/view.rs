//! How it is drawn.

use anstyle::Style;
use meshsync::StatusDocument;
use meshsync::status::{Health, ResourceStatus};

use super::screen::Screen;
use crate::cli::SortArg;
use crate::output::{BAD, DIM, GOOD, HEAD, WARN, bytes, seconds, styled};

/// So many problems are shown, with what to do.
const PROBLEMS_MAX: usize = 3;

/// So many changes are shown, where there is room.
const CHANGES_MAX: usize = 10;

/// So many lines of resources are shown before there is room for changes.
const RESOURCES_MIN: usize = 5;

const PLAIN: Style = Style::new();

/// A line of pieces, each in a style; what is too wide is cut.
struct Line(Vec<(Style, String)>);

impl Line {
    fn of(style: Style, text: impl Into<String>) -> Self {
        Self(vec![(style, text.into())])
    }

    fn then(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    fn text(&self, columns: usize) -> String {
        let mut left = columns;
        let mut text = String::new();
        for (style, piece) in &self.0 {
            // Nothing that an agent says moves the cursor.
            let shown: String = (piece.chars())
                .map(|c| if c.is_control() { ' ' } else { c })
                .take(left)
                .collect();
            left -= shown.chars().count();
            text.push_str(&match *style == PLAIN {
                true => shown,
                false => styled(*style, shown),
            });
        }
        text.trim_end().to_owned()
    }
}

pub(super) fn lines(
    screen: &Screen,
    failure: Option<&str>,
    columns: usize,
    lines: usize,
) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(failure) = failure {
        all.extend(failure.lines().map(|line| Line::of(BAD, line)));
    }
    if let Some(status) = &screen.status {
        head(&mut all, screen, status);
        problems(&mut all, status);
        sinks(&mut all, screen, status);
        let room = lines.saturating_sub(all.len() + 2);
        let told = screen.changes.len().min(CHANGES_MAX);
        let told = told.min(room.saturating_sub(RESOURCES_MIN + 2));
        let rows = room.saturating_sub(if told > 0 { told + 2 } else { 0 });
        resources(&mut all, screen, status, rows);
        changes(&mut all, screen, told);
    }
    let shown = all.iter().take(lines);
    shown.map(|line| line.text(columns)).collect()
}

fn head(all: &mut Vec<Line>, screen: &Screen, status: &StatusDocument) {
    let style = match status.health {
        Health::Ok => GOOD,
        Health::Starting => WARN,
        Health::Degraded => BAD,
    };
    let cluster = status
        .cluster
        .as_ref()
        .map_or("not reached yet", |it| it.url.as_str());
    let role = match status.leadership.role.as_str() {
        "alone" => String::new(),
        role => format!(", {role}"),
    };
    let line = Line::of(style, status.health.as_str()).then(
        PLAIN,
        format!(
            "  {cluster}, by {} ({}{role}, up {})",
            screen.url,
            status.version,
            seconds(status.uptime_seconds as f64)
        ),
    );
    all.push(match screen.is_paused {
        true => line.then(WARN, "  paused"),
        false => line,
    });
    let products = status
        .fingerprints
        .as_ref()
        .map_or_else(String::new, |found| {
            format!(", {} products", found.products.len())
        });
    all.push(Line::of(
        PLAIN,
        format!(
            "{} objects of {} resources, {} live{products}; {:.1} changes/s, {}/s read",
            status.objects,
            status.plan.resources,
            status.plan.live,
            screen.rates.changes,
            bytes(screen.rates.bytes as u64),
        ),
    ));
    if screen.history.len() > 1 {
        let most = screen.history.iter().fold(0.0, |a: f64, b| a.max(*b));
        let bars = screen.history.iter().map(|rate| bar(*rate, most));
        let line = Line::of(DIM, "changes/s ").then(GOOD, bars.collect::<String>());
        all.push(line.then(DIM, format!(" {most:.1} at most")));
    }
    let keys = format!(
        "q quit   p pause   s sort ({})   {}",
        match screen.sort {
            SortArg::Changes => "changes",
            SortArg::Objects => "objects",
            SortArg::Lag => "lag",
            SortArg::Name => "name",
        },
        match screen.hears {
            true => "",
            false => "changes are told by an agent that runs with --web",
        }
    );
    all.push(Line::of(DIM, keys));
}

/// Eight heights, and none where nothing happened.
fn bar(value: f64, most: f64) -> char {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let part = if most > 0.0 { value / most } else { 0.0 };
    BARS[((part * 8.0).ceil() as usize).min(8)]
}

fn problems(all: &mut Vec<Line>, status: &StatusDocument) {
    for problem in status.problems.iter().take(PROBLEMS_MAX) {
        let what = format!("{} {}: {}", problem.area, problem.subject, problem.message);
        all.push(Line::of(BAD, "! ").then(PLAIN, what));
        all.push(Line::of(DIM, "  do: ").then(PLAIN, problem.remedy.as_str()));
    }
    let more = status.problems.len().saturating_sub(PROBLEMS_MAX);
    if more > 0 {
        all.push(Line::of(DIM, format!("  and {more} more: meshsync status")));
    }
}

fn sinks(all: &mut Vec<Line>, screen: &Screen, status: &StatusDocument) {
    all.push(Line::of(PLAIN, ""));
    all.push(Line::of(
        HEAD,
        format!(
            "{:40} {:>9} {:>9} {:>9} {:>9} {:>10} {:>9}",
            "SINK", "STATE", "OUT/S", "PENDING", "OLDEST", "OUTBOX", "P99"
        ),
    ));
    for (at, sink) in status.sinks.iter().enumerate() {
        let style = match sink.state.as_str() {
            "up" => GOOD,
            "starting" => WARN,
            _ => BAD,
        };
        let outbox = (sink.outbox.queued_bytes + sink.outbox.in_flight_bytes) as u64;
        let name = Line::of(PLAIN, format!("{:40} ", cut(&sink.sink, 40)));
        all.push(name.then(style, format!("{:>9}", sink.state)).then(
            PLAIN,
            format!(
                " {:>9.1} {:>9} {:>9} {:>10} {:>9}",
                screen.rates.sinks.get(at).copied().unwrap_or_default(),
                sink.pending,
                dash(sink.oldest_pending_age_seconds),
                bytes(outbox),
                dash(sink.latency.p99_seconds),
            ),
        ));
    }
    if status.sinks.is_empty() {
        all.push(Line::of(DIM, "none"));
    }
}

fn resources(all: &mut Vec<Line>, screen: &Screen, status: &StatusDocument, rows: usize) {
    all.push(Line::of(PLAIN, ""));
    all.push(Line::of(
        HEAD,
        format!(
            "{:48} {:>11} {:>8} {:>9} {:>9} {:>9} {:>9} {:>6}",
            "RESOURCE", "STATE", "TIER", "OBJECTS", "CHANGES/S", "LAG", "LAST", "OWED"
        ),
    ));
    let rate = |one: &ResourceStatus| screen.rates.resources.get(&one.resource).copied();
    let rate = |one: &ResourceStatus| rate(one).unwrap_or_default();
    let mut sorted: Vec<&ResourceStatus> = status.resources.iter().collect();
    // What is wrong is above what is not, whatever else counts.
    sorted.sort_by(|a, b| {
        let by = match screen.sort {
            SortArg::Changes => rate(b).total_cmp(&rate(a)),
            SortArg::Objects => b.objects.cmp(&a.objects),
            SortArg::Lag => b.lag_seconds.total_cmp(&a.lag_seconds),
            SortArg::Name => a.resource.cmp(&b.resource),
        };
        let is_well = |one: &ResourceStatus| matches!(one.state.as_str(), "live" | "listing");
        is_well(a)
            .cmp(&is_well(b))
            .then(by)
            .then_with(|| b.objects.cmp(&a.objects))
            .then_with(|| a.resource.cmp(&b.resource))
    });
    let fits = if sorted.len() > rows {
        rows.saturating_sub(1)
    } else {
        rows
    };
    for one in sorted.iter().take(fits) {
        let style = match one.state.as_str() {
            "live" => GOOD,
            "listing" => WARN,
            _ => BAD,
        };
        let name = Line::of(PLAIN, format!("{:48} ", cut(&one.resource, 48)));
        all.push(name.then(style, format!("{:>11}", one.state)).then(
            PLAIN,
            format!(
                " {:>8} {:>9} {:>9.1} {:>9} {:>9} {:>6}",
                one.tier,
                one.objects,
                rate(one),
                seconds(one.lag_seconds),
                dash(one.last_event_age_seconds),
                one.owed,
            ),
        ));
    }
    let more = sorted.len().saturating_sub(fits);
    if more > 0 {
        all.push(Line::of(DIM, format!("and {more} more: meshsync status")));
    }
}

fn changes(all: &mut Vec<Line>, screen: &Screen, count: usize) {
    if count == 0 {
        return;
    }
    all.push(Line::of(PLAIN, ""));
    all.push(Line::of(HEAD, "CHANGES"));
    for told in screen.changes.iter().rev().take(count) {
        let style = match told.event.as_str() {
            "ADDED" => GOOD,
            "DELETED" => BAD,
            _ => PLAIN,
        };
        let name = match told.namespace.as_str() {
            "" => told.name.clone(),
            namespace => format!("{namespace}/{}", told.name),
        };
        let line = Line::of(style, format!("{:9}", told.event));
        all.push(line.then(PLAIN, format!("{:40} {name}", cut(&told.resource, 40))));
    }
}

/// No wider than this; the end says more of a name than its middle.
fn cut(text: &str, columns: usize) -> String {
    let count = text.chars().count();
    if count <= columns {
        return text.to_owned();
    }
    let end: String = text.chars().skip(count - columns + 1).collect();
    format!("…{end}")
}

fn dash(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_never_wider_than_the_terminal_and_moves_no_cursor() {
        let line = Line::of(BAD, "ab\x1b[2J").then(PLAIN, "cdefgh");
        let check = |columns, expected: &str| {
            let text = line.text(columns);
            assert_eq!(anstream::adapter::strip_str(&text).to_string(), expected);
        };
        check(80, "ab [2Jcdefgh");
        check(8, "ab [2Jcd");
        check(2, "ab");
        check(0, "");
        assert_eq!(cut("deployments.apps", 8), "…ts.apps");
    }

    #[test]
    fn bars_are_as_high_as_what_they_show() {
        let bars: String = [0.0, 0.1, 50.0, 100.0]
            .map(|value| bar(value, 100.0))
            .iter()
            .collect();
        assert_eq!(bars, " ▁▄█");
        assert_eq!(bar(0.0, 0.0), ' ');
    }
}
