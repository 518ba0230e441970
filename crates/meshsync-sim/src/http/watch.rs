//! Watches: each reads the history of its resource at its own pace, so that a write costs the
//! same whether nobody watches or a thousand do.

use std::{io, sync::Arc, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use http::Response;
use tokio::{
    sync::watch::Receiver,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    governed::governed,
    reply::{Body, FRAME_BYTES, streamed},
    table::table,
    versions::{seen, wait_for_version},
};
use crate::{
    api::{GroupResource, ListOptions, Status},
    faults::{CutStyle, Order, Orders, WatchQuirk},
    shared::Shared,
    store::{Event, EventKind, Filter, Framing, Object, PageRequest, Pending},
};

/// How long a watch without `timeoutSeconds` lasts; a real server picks 30 to 60 minutes.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(45 * 60);

/// A watch request whose resource exists.
#[derive(Debug)]
pub(crate) struct WatchRequest {
    pub(crate) gr: GroupResource,
    pub(crate) filter: Filter,
    pub(crate) framing: Framing,
    pub(crate) options: ListOptions,
    pub(crate) as_table: bool,
}

/// Answers a watch.
pub(crate) async fn watch(
    shared: &Arc<Shared>,
    request: WatchRequest,
    stop: CancellationToken,
) -> Result<Response<Body>, Status> {
    request
        .options
        .check_watch(shared.faults.watch_list_allowed())?;
    let gr = request.gr.clone();
    if request.options.send_initial_events == Some(true) {
        // Without a version, as of now: a replica that lags has to catch up first.
        let asked = request.options.resource_version;
        let wanted = asked.unwrap_or_else(|| shared.read().rv);
        wait_for_version(shared, &gr, "watch", wanted).await?;
    }
    let watcher = Watcher::start(Arc::clone(shared), request, stop.clone())?;
    let frames = stream::unfold(watcher, |mut watcher| async move {
        let frame = watcher.gather().await?;
        Some((frame, watcher))
    });
    Ok(streamed(governed(
        Arc::clone(shared),
        &gr,
        "watch",
        stop,
        frames,
    )))
}

struct Watcher {
    shared: Arc<Shared>,
    request: WatchRequest,
    stop: CancellationToken,
    incarnation: u64,
    cursor: u64,
    /// Changes up to this version are not sent: the client asked to start after it.
    after_rv: u64,
    initial: std::vec::IntoIter<Arc<Object>>,
    end_of_initial_events: Option<u64>,
    /// A complete last word, for example the 410 of a watch that is too old.
    farewell: Option<Bytes>,
    table_started: bool,
    done: bool,
    /// Half a line has been sent; only a broken stream can follow.
    broken: bool,
    deadline: Instant,
    bookmark_at: Instant,
    changes: Receiver<u64>,
    orders: Receiver<Orders>,
    /// Orders up to this number were given before this watch began, or have been followed.
    orders_seen: u64,
    /// Sequence number of the first change this watch could send.
    began: u64,
    /// Served from a watch cache, which may lag.
    cached: bool,
    lags: Receiver<crate::faults::Lags>,
}

impl Watcher {
    fn start(
        shared: Arc<Shared>,
        request: WatchRequest,
        stop: CancellationToken,
    ) -> Result<Self, Status> {
        let options = &request.options;
        let watch_list = options.send_initial_events == Some(true);
        let rv = options.resource_version.unwrap_or(0);
        let now = Instant::now();
        let orders = shared.faults.orders();
        let orders_seen = orders.borrow().number();
        let lags = shared.faults.lag_changes();
        // Without a version a watch shows the present; any other comes from the watch cache.
        let cached = watch_list || options.resource_version.is_some();
        let lag = cached
            .then(|| shared.faults.lag(&request.gr, "watch"))
            .flatten();
        let store = shared.read();
        let table = store.table(&request.gr)?;
        let from_now = watch_list || (rv == 0 && options.send_initial_events != Some(false));
        let initial = if from_now {
            let at = lag.map(|lag| lag.max(table.oldest()));
            let page = PageRequest {
                at: at.filter(|at| *at < store.rv),
                ..PageRequest::default()
            };
            store.page(&request.gr, &request.filter, &page)?.objects
        } else {
            Vec::new()
        };
        let mut farewell = None;
        let cursor = match table.sequence_after(rv) {
            _ if from_now || rv == 0 => lag
                .and_then(|lag| table.sequence_after(lag.max(table.oldest())))
                .unwrap_or_else(|| table.next_sequence()),
            Some(cursor) => cursor,
            None => {
                farewell = Some(error_line(&Status::watch_too_old(rv, table.oldest())));
                0
            }
        };
        let (incarnation, changes) = (table.incarnation, table.subscribe());
        let current = lag.map_or(store.rv, |lag| lag.min(store.rv));
        drop(store);
        Ok(Self {
            deadline: now + options.timeout.unwrap_or(TIMEOUT_DEFAULT),
            bookmark_at: now + shared.bookmark_interval,
            end_of_initial_events: (watch_list && options.allow_bookmarks).then_some(current),
            after_rv: if from_now { 0 } else { rv },
            shared,
            request,
            stop,
            incarnation,
            cursor,
            initial: initial.into_iter(),
            farewell,
            table_started: false,
            done: false,
            broken: false,
            changes,
            orders,
            orders_seen,
            began: cursor,
            cached,
            lags,
        })
    }

    async fn gather(&mut self) -> Option<io::Result<Bytes>> {
        if self.broken {
            // Waiting once lets the half line leave before the stream breaks.
            tokio::task::yield_now().await;
            return self.break_off();
        }
        if self.done {
            return None;
        }
        if let Some(line) = self.farewell.take() {
            self.done = true;
            return Some(Ok(line));
        }
        if self.initial.len() > 0 || self.end_of_initial_events.is_some() {
            return match self.order_now() {
                Some(Order::Cut(cut)) => self.cut(cut),
                _ => Some(Ok(self.initial_frame())),
            };
        }
        loop {
            match self.order_now() {
                Some(Order::Cut(cut)) => return self.cut(cut),
                Some(Order::Replay(events)) => {
                    let frame = self.replay(events);
                    if !frame.is_empty() {
                        return Some(Ok(frame));
                    }
                }
                None => {}
            }
            self.changes.mark_unchanged();
            self.lags.mark_unchanged();
            let limit = self.limit();
            let pending = self.shared.read().pending(
                &self.request.gr,
                self.incarnation,
                self.cursor,
                self.shared.watch_lag_max,
            );
            let rv = match pending {
                Pending::Overflow => {
                    tracing::debug!(resource = %self.request.gr, "watch fell too far behind, closed");
                    return None;
                }
                Pending::Ended => return None,
                Pending::Events(events, _) if events.first().is_some_and(|e| e.rv > limit) => limit,
                Pending::Events(mut events, cursor) => {
                    let known = events.len();
                    events.retain(|event| event.rv <= limit);
                    self.cursor = cursor - (known - events.len()) as u64;
                    let frame = self.event_frame(&events);
                    if frame.is_empty() {
                        continue;
                    }
                    return Some(Ok(frame));
                }
                Pending::None(rv) => rv.min(limit),
            };
            let bookmarks = self.request.options.allow_bookmarks
                && !self.shared.faults.has_quirk(WatchQuirk::NoBookmarks);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                _ = self.orders.changed() => {}
                _ = self.lags.changed() => {}
                _ = self.changes.changed() => {}
                () = sleep_until(self.deadline) => {
                    self.done = true;
                    return if bookmarks { Some(Ok(self.bookmark(rv, false))) } else { None };
                }
                () = sleep_until(self.bookmark_at), if bookmarks => {
                    self.bookmark_at = Instant::now() + self.shared.bookmark_interval;
                    return Some(Ok(self.bookmark(rv, false)));
                }
            }
        }
    }

    /// Objects that were there at the start; after the last, the bookmark that says so.
    fn initial_frame(&mut self) -> Bytes {
        let mut out = BytesMut::with_capacity(FRAME_BYTES + 16 * 1024);
        while out.len() < FRAME_BYTES {
            let Some(object) = self.initial.next() else {
                let withheld = self.shared.faults.has_quirk(WatchQuirk::NoInitialEventsEnd);
                if let Some(rv) = self.end_of_initial_events.take()
                    && !withheld
                {
                    out.put_slice(&self.bookmark(rv, true));
                }
                break;
            };
            self.put_line(&mut out, "ADDED", &object);
        }
        out.freeze()
    }

    fn event_frame(&mut self, events: &[Event]) -> Bytes {
        let mut out = BytesMut::new();
        let after_rv = self.after_rv;
        let twice = self.shared.faults.has_quirk(WatchQuirk::DuplicatedEvents);
        let due = events.iter().filter(|event| event.rv > after_rv);
        for event in due.flat_map(|event| std::iter::repeat_n(event, 1 + usize::from(twice))) {
            let filter = &self.request.filter;
            let is = filter.matches(&event.object) && event.kind != EventKind::Deleted;
            let was = event
                .previous
                .as_ref()
                .is_some_and(|previous| filter.matches(previous));
            match (was, is) {
                (false, true) => self.put_line(&mut out, "ADDED", &event.object),
                (true, true) => self.put_line(&mut out, "MODIFIED", &event.object),
                (true, false) if event.kind == EventKind::Deleted => {
                    self.put_line(&mut out, "DELETED", &event.object);
                }
                // It left the selection: the state the client knows, at the version of the change.
                (true, false) => {
                    if let Some(previous) = &event.previous {
                        let left = previous.at_version(event.rv);
                        self.put_line(&mut out, "DELETED", &left);
                    }
                }
                (false, false) => {}
            }
        }
        out.freeze()
    }

    /// The last `events` changes this watch has seen, once more.
    fn replay(&mut self, events: usize) -> Bytes {
        let store = self.shared.read();
        let events = store
            .table(&self.request.gr)
            .ok()
            .filter(|table| table.incarnation == self.incarnation)
            .map(|table| table.before(self.cursor, self.began, events))
            .unwrap_or_default();
        drop(store);
        self.event_frame(&events)
    }

    fn put_line(&mut self, out: &mut BytesMut, kind: &str, object: &Object) {
        let reordered = self.shared.faults.has_quirk(WatchQuirk::ReorderedKeys);
        if reordered {
            out.put_slice(b"{\"object\":");
        } else {
            out.put_slice(b"{\"type\":\"");
            out.put_slice(kind.as_bytes());
            out.put_slice(b"\",\"object\":");
        }
        if self.request.as_table {
            let columns = !std::mem::replace(&mut self.table_started, true);
            let objects = [Arc::new(object.clone())];
            let mut rows = table(
                &self.request.gr,
                &self.request.framing,
                &objects,
                columns,
                self.shared.now(),
            );
            rows["metadata"]["resourceVersion"] = object.rv.to_string().into();
            out.put_slice(rows.to_string().as_bytes());
        } else {
            self.request.framing.put_object(out, object);
        }
        if reordered {
            out.put_slice(b",\"type\":\"");
            out.put_slice(kind.as_bytes());
            out.put_slice(b"\"");
        }
        out.put_slice(b"}\n");
    }

    fn bookmark(&self, rv: u64, end_of_initial_events: bool) -> Bytes {
        let mut out = BytesMut::new();
        self.request
            .framing
            .put_bookmark(&mut out, rv, end_of_initial_events);
        out.freeze()
    }

    /// The newest version this watch may show.
    fn limit(&self) -> u64 {
        if self.cached && !self.lags.borrow().is_empty() {
            seen(&self.shared, &self.request.gr, "watch")
        } else {
            u64::MAX
        }
    }

    fn order_now(&mut self) -> Option<Order> {
        let found = self
            .orders
            .borrow()
            .after(self.orders_seen, &self.request.gr);
        let (number, order) = found?;
        self.orders_seen = number;
        Some(order)
    }

    fn cut(&mut self, style: CutStyle) -> Option<io::Result<Bytes>> {
        match style {
            CutStyle::Clean => None,
            CutStyle::Broken => self.break_off(),
            CutStyle::MidLine => {
                self.broken = true;
                Some(Ok(Bytes::from_static(
                    b"{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"na",
                )))
            }
            CutStyle::MidUtf8 => {
                self.broken = true;
                Some(Ok(Bytes::from_static(
                    b"{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"caf\xc3",
                )))
            }
            CutStyle::Error(code) => {
                self.done = true;
                Some(Ok(error_line(&match code {
                    410 => {
                        Status::expired("The resourceVersion for the provided watch is too old.")
                    }
                    code => Status::forced(code),
                })))
            }
        }
    }

    fn break_off(&mut self) -> Option<io::Result<Bytes>> {
        (self.broken, self.done) = (false, true);
        Some(Err(io::Error::new(
            io::ErrorKind::ConnectionReset,
            "cut by a fault",
        )))
    }
}

pub(super) fn error_line(status: &Status) -> Bytes {
    let mut out = BytesMut::from(&b"{\"type\":\"ERROR\",\"object\":"[..]);
    out.put_slice(&status.body());
    out.put_slice(b"}\n");
    out.freeze()
}
