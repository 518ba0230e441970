//! `meshsync top`: a running agent, at a glance and again and again.

mod live;
mod screen;
mod terminal;
mod view;

use std::future::pending;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use self::live::Live;
use self::screen::Screen;
use self::terminal::{Key, Terminal};
use crate::cli::TopArgs;
use crate::failure::Failure;
use crate::output;
use crate::signals;
use crate::status::fetch::Agent;

/// Where changes are not told, or no longer, they are asked for again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// How high and wide a table is where there is no terminal.
const LINES: u16 = u16::MAX;
const COLUMNS: u16 = 160;

/// Shows an agent until told to stop.
pub(crate) async fn top(args: TopArgs) -> Result<(), Failure> {
    let agent = Agent::parse(&args.agent)?;
    // A mistake in the address is told; later an agent that is away may come back.
    let mut screen = Screen::new(agent.url(), args.sort);
    screen.look(Instant::now(), agent.status().await);
    if let Some(failure) = screen.take_failure() {
        return Err(failure);
    }
    if args.once || !std::io::stdout().is_terminal() {
        // Rates need a second look.
        tokio::time::sleep(args.interval).await;
        let status = agent.status().await?;
        screen.look(Instant::now(), Ok(status));
        let text = screen.lines(COLUMNS, LINES).join("\n");
        let mut out = anstream::stdout().lock();
        return output::finish(writeln!(out, "{text}").and_then(|()| out.flush()));
    }
    watch(&agent, screen, args.interval).await
}

async fn watch(agent: &Agent, mut screen: Screen, interval: Duration) -> Result<(), Failure> {
    let stop = signals::stop_token(None)?;
    let mut terminal = Terminal::open().map_err(Failure::other)?;
    let mut live = Some(Live::open(agent).await);
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut asked_again = Instant::now();
    loop {
        let (columns, lines) = terminal.size();
        let text = screen.lines(columns, lines);
        terminal.draw(&text).map_err(Failure::other)?;
        let changes = async {
            match &mut live {
                Some(Ok(live)) => live.next().await,
                _ => pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            key = terminal.key() => match key {
                Key::Quit => return Ok(()),
                Key::Pause => screen.pause(),
                Key::Sort => screen.sort_next(),
                Key::Redraw => {}
            },
            told = changes => match told {
                Some(told) => screen.tell(told),
                None => live = None,
            },
            _ = ticks.tick() => {
                screen.look(Instant::now(), agent.status().await);
                let is_away = !matches!(live, Some(Ok(_)));
                if is_away && asked_again.elapsed() >= AGAIN {
                    asked_again = Instant::now();
                    live = Some(Live::open(agent).await);
                }
            }
        }
        screen.hears(matches!(live, Some(Ok(_))));
    }
}
