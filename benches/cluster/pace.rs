//! A slow road to a fast server: what comes back through it is held to so many bytes a second.
//!
//! The simulator sends from memory as fast as it is read; a real API server has to encode first,
//! and manages some 60 MB/s on two cores. This stands between the two, a process of its own, the
//! same for the agent and for the bare client.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::options::PaceArgs;
use crate::process::Process;

const CHUNK_BYTES: usize = 16 << 10;

/// A running road.
#[derive(Debug)]
pub(crate) struct Road {
    _process: Process,
    pub(crate) url: String,
}

impl Road {
    pub(crate) fn open(url: &str, mb_s: f64) -> anyhow::Result<Self> {
        let mut process = Process::start(
            Command::new(std::env::current_exe()?)
                .args(["pace", url, &mb_s.to_string()])
                .stdout(Stdio::piped()),
        )?;
        let url = process.first_line()?;
        Ok(Self {
            _process: process,
            url,
        })
    }
}

/// The process itself; it ends by being ended.
pub(crate) fn serve(args: &PaceArgs) -> anyhow::Result<()> {
    let host = args
        .url
        .strip_prefix("http://")
        .with_context(|| format!("{} is no plain HTTP URL", args.url))?
        .trim_end_matches('/');
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    let pace = Arc::new(Pace::new(args.mb_s));
    for client in listener.incoming() {
        let (client, server) = (client?, TcpStream::connect(host)?);
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (to_server, to_client) = (server.try_clone()?, client.try_clone()?);
        let pace = Arc::clone(&pace);
        // A connection that breaks is the business of the two at its ends.
        std::thread::spawn(move || copy(client, to_server, |_| {}).ok());
        std::thread::spawn(move || copy(server, to_client, |bytes| pace.wait(bytes)).ok());
    }
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream, wait: impl Fn(usize)) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let bytes = from.read(&mut chunk)?;
        if bytes == 0 {
            return to.shutdown(Shutdown::Write);
        }
        wait(bytes);
        to.write_all(&chunk[..bytes])?;
    }
}

/// Gives out time at a steady rate, over all connections.
struct Pace {
    seconds_per_byte: f64,
    next: Mutex<Instant>,
}

impl Pace {
    fn new(mb_s: f64) -> Self {
        Self {
            seconds_per_byte: 1e-6 / mb_s,
            next: Mutex::new(Instant::now()),
        }
    }

    fn wait(&self, bytes: usize) {
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (*next).max(now);
        *next = start + Duration::from_secs_f64(bytes as f64 * self.seconds_per_byte);
        drop(next);
        std::thread::sleep(start - now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_given_out_at_the_rate_asked_for() {
        let pace = Pace::new(1.0);
        let started = Instant::now();
        for _ in 0..11 {
            pace.wait(1_000);
        }
        assert!(started.elapsed() >= Duration::from_millis(10));
    }
}
