//! A terminal that belongs to us for a while.

use std::io::{self, Write};

use anstream::ColorChoice;
use crossterm::event::{Event, EventStream, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::{cursor, execute, terminal};
use futures::StreamExt;

/// What somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    Pause,
    Sort,
    /// Something else was pressed, or the window has another size.
    Redraw,
}

/// Given back when it is dropped.
pub(super) struct Terminal {
    events: EventStream,
    has_colours: bool,
}

impl Terminal {
    /// Takes the terminal of standard output: another screen, without a cursor, and keys as they are
    /// pressed.
    pub(super) fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        // From here on it is given back.
        let this = Self {
            events: EventStream::new(),
            has_colours: anstream::AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        };
        execute!(io::stdout(), terminal::EnterAlternateScreen, cursor::Hide)?;
        Ok(this)
    }

    /// Columns and lines.
    pub(super) fn size(&self) -> (u16, u16) {
        terminal::size().unwrap_or((80, 24))
    }

    /// Draws over what was there, so that nothing flickers.
    pub(super) fn draw(&self, lines: &[String]) -> io::Result<()> {
        let mut text = String::from("\x1b[H");
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                text.push_str("\r\n");
            }
            if self.has_colours {
                text.push_str(line);
            } else {
                text.push_str(&anstream::adapter::strip_str(line).to_string());
            }
            text.push_str("\x1b[K");
        }
        text.push_str("\x1b[J");
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Waits for a key. In this mode no signal comes of Ctrl-C.
    pub(super) async fn key(&mut self) -> Key {
        match self.events.next().await {
            Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
                match key.code {
                    KeyCode::Char('c') if is_control => Key::Quit,
                    KeyCode::Char('q') | KeyCode::Esc => Key::Quit,
                    KeyCode::Char('p' | ' ') => Key::Pause,
                    KeyCode::Char('s') => Key::Sort,
                    _ => Key::Redraw,
                }
            }
            Some(Ok(_)) => Key::Redraw,
            // Nobody is there any more.
            Some(Err(_)) | None => Key::Quit,
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let back = execute!(io::stdout(), cursor::Show, terminal::LeaveAlternateScreen);
        // Where the terminal has gone there is nothing to give back.
        drop(back.and_then(|()| terminal::disable_raw_mode()));
    }
}
