//! Response bodies that a test fills, holds back and breaks.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hyper::body::Frame;

use super::server::Cut;

/// The writing end of a body.
#[derive(Clone)]
pub(super) struct Stream {
    shared: Arc<Mutex<Shared>>,
    watch: bool,
}

/// The reading end.
pub(super) struct Gate(Arc<Mutex<Shared>>);

#[derive(Default)]
struct Shared {
    waiting: VecDeque<Bytes>,
    /// What comes after what waits.
    end: Option<End>,
    held: bool,
    dropped: bool,
    /// What comes up to this version is not told.
    silent_until: u64,
    /// The initial events, if any, are complete.
    live: bool,
    waker: Option<Waker>,
}

#[derive(Clone, Copy)]
enum End {
    Good,
    Broken,
}

impl Stream {
    pub(super) fn new(held: bool, watch: bool) -> Self {
        let shared = Shared {
            held,
            ..Shared::default()
        };
        Self {
            shared: Arc::new(Mutex::new(shared)),
            watch,
        }
    }

    pub(super) fn body(&self) -> Gate {
        Gate(Arc::clone(&self.shared))
    }

    pub(super) fn is_watch(&self) -> bool {
        self.watch
    }

    pub(super) fn silent_until(&self, version: u64) {
        self.lock().silent_until = version;
    }

    pub(super) fn tells_at(&self, version: u64) -> bool {
        version > self.lock().silent_until
    }

    pub(super) fn is_live(&self) -> bool {
        self.lock().live
    }

    pub(super) fn set_live(&self) {
        self.lock().live = true;
    }

    /// Whether somebody still reads it.
    pub(super) fn is_read(&self) -> bool {
        !self.lock().dropped
    }

    pub(super) fn push(&self, chunk: Bytes) {
        let mut shared = self.lock();
        if shared.end.is_none() {
            shared.waiting.push_back(chunk);
        }
        wake(shared);
    }

    pub(super) fn hold(&self, held: bool) {
        let mut shared = self.lock();
        shared.held = held;
        wake(shared);
    }

    /// Ends the body behind what waits, or instead of it.
    pub(super) fn end(&self, cut: Cut, at_once: bool) {
        if at_once {
            let mut shared = self.lock();
            shared.waiting.clear();
            shared.held = false;
        }
        match cut {
            Cut::MidLine => {
                let half: &[u8] = b"{\"type\":\"MODIFIED\",\"object\":{\"data\":{\"\xc3";
                self.push(Bytes::from_static(half));
            }
            Cut::Status(code) => self.push(
                format!(
                    "{{\"type\":\"ERROR\",\"object\":{{\"kind\":\"Status\",\"code\":{code}}}}}\n"
                )
                .into(),
            ),
            Cut::Clean | Cut::Broken => {}
        }
        let mut shared = self.lock();
        shared.end.get_or_insert(match cut {
            Cut::Clean | Cut::Status(_) => End::Good,
            Cut::Broken | Cut::MidLine => End::Broken,
        });
        wake(shared);
    }

    /// Keeps this share of what waits, and breaks after it.
    pub(super) fn cut_at(&self, percent: usize) {
        let mut shared = self.lock();
        let all: Vec<u8> = shared.waiting.drain(..).flatten().collect();
        let kept = all.len() * percent / 100;
        shared
            .waiting
            .push_back(Bytes::copy_from_slice(&all[..kept]));
        shared.end = Some(End::Broken);
        wake(shared);
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }
}

fn wake(mut shared: MutexGuard<'_, Shared>) {
    let waker = shared.waker.take();
    drop(shared);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl hyper::body::Body for Gate {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let mut shared = self.0.lock().unwrap();
        if !shared.held {
            if let Some(chunk) = shared.waiting.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            match shared.end {
                Some(End::Good) => return Poll::Ready(None),
                Some(End::Broken) => {
                    shared.end = Some(End::Good);
                    return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())));
                }
                None => {}
            }
        }
        shared.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.0.lock().unwrap().dropped = true;
    }
}
