//! A model of an API server with one resource: its history, and everything that
//! may go wrong on the way. No sockets: it is the service below a client.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;

use super::answer::{Gate, Stream};

/// The objects have these names.
pub(super) const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Objects of a page; the `limit` of requests is larger than any case here.
const PAGE: usize = 2;

/// How many old lists in a row a task doubts at most.
const DOUBTS_MAX: u32 = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) uid: u64,
    pub(super) version: u64,
    /// Another one for every write, in whatever history.
    pub(super) content: u64,
}

pub(super) type Objects = BTreeMap<&'static str, Stored>;

#[derive(Clone, Debug)]
struct Event {
    r#type: &'static str,
    name: &'static str,
    object: Stored,
}

/// What the next request meets.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// Refused.
    Status { code: u16, retry_after: Option<u64> },
    /// No answer at all.
    Broken,
    /// The body breaks after this share of its bytes, in percent.
    CutAt(usize),
    /// A list is answered from this many versions back.
    Lag(u64),
}

/// How streams that are open end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    Clean,
    Broken,
    /// In the middle of a letter in the middle of a line.
    MidLine,
    /// With a status in the stream.
    Status(u16),
}

#[derive(Clone, Default)]
pub(super) struct Server(Arc<Mutex<Inner>>);

#[derive(Default)]
pub(super) struct Inner {
    pub(super) version: u64,
    pub(super) objects: Objects,
    /// Every state of the store in this history, by version.
    past: BTreeMap<u64, Objects>,
    events: Vec<Event>,
    /// Versions before this one are forgotten.
    oldest: u64,
    backup: Option<(u64, Objects)>,
    counter: u64,
    /// Counts the histories.
    pub(super) history: u32,
    /// uids that were at some time not there, after they had been.
    pub(super) once_gone: BTreeSet<u64>,
    /// What is told of these cannot be read, but for their end.
    garbled: BTreeSet<&'static str>,
    pub(super) troubles: Vec<Trouble>,
    pub(super) streams: Vec<Stream>,
    pub(super) no_watch_list: bool,
    pub(super) no_bookmarks: bool,
    pub(super) silent: bool,
    /// A watch from the future is refused, or else just waits.
    pub(super) refuses_future: bool,
    old_lists: u32,
    /// The server insisted on something old: what follows from it is its own.
    pub(super) insisted: bool,
    log: Vec<String>,
}

impl Server {
    pub(super) fn new() -> Self {
        let server = Self::default();
        {
            let mut inner = server.lock();
            // Numbers of different length are to be told apart.
            inner.version = 95;
            inner.oldest = 95;
            inner.past.insert(95, Objects::new());
        }
        server
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(super) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let answer = server.lock().answer(request.uri());
            async move { answer.ok_or("no answer") }
        });
        Client::new(service, "default")
    }
}

impl Inner {
    pub(super) fn write(&mut self, name: &'static str) {
        self.counter += 1;
        self.version += 1;
        let before = self.objects.get(name);
        let uid = before.map_or(self.counter, |before| before.uid);
        let r#type = if before.is_some() {
            "MODIFIED"
        } else {
            "ADDED"
        };
        let object = Stored {
            uid,
            version: self.version,
            content: self.counter,
        };
        self.garbled.remove(name);
        self.objects.insert(name, object.clone());
        self.happen(r#type, name, object);
    }

    pub(super) fn delete(&mut self, name: &'static str) {
        if let Some(mut object) = self.objects.remove(name) {
            self.version += 1;
            object.version = self.version;
            self.once_gone.insert(object.uid);
            self.garbled.remove(name);
            self.happen("DELETED", name, object);
        }
    }

    fn happen(&mut self, r#type: &'static str, name: &'static str, object: Stored) {
        self.past.insert(self.version, self.objects.clone());
        self.events.push(Event {
            r#type,
            name,
            object,
        });
        let line = self.line(self.events.len() - 1);
        self.tell(&line);
    }

    /// An object that can no longer be read where it is told of.
    pub(super) fn garble(&mut self, name: &'static str) {
        self.write(name);
        self.garbled.insert(name);
        // The event of the write is told before; lists are what this is about.
    }

    pub(super) fn compact(&mut self) {
        self.oldest = self.version;
    }

    pub(super) fn replay(&mut self, count: usize) {
        // Not among the initial events: those are in no order, so that a replay
        // of a whole life could not be told from one.
        for at in self.events.len().saturating_sub(count)..self.events.len() {
            let line = self.line(at);
            for stream in self.streams.iter().filter(|stream| stream.is_live()) {
                stream.push(line.clone());
            }
        }
    }

    pub(super) fn bookmark(&mut self) {
        if !self.no_bookmarks {
            let line = bookmark(self.version, false);
            self.tell(&line);
        }
    }

    pub(super) fn back_up(&mut self) {
        self.mend();
        self.backup = Some((self.version, self.objects.clone()));
    }

    /// The store as it was at the backup, behind a server that starts anew.
    pub(super) fn restore(&mut self) {
        let Some((version, objects)) = self.backup.clone() else {
            return;
        };
        for object in self.objects.values() {
            if objects.values().all(|kept| kept.uid != object.uid) {
                self.once_gone.insert(object.uid);
            }
        }
        self.version = version;
        self.objects = objects;
        self.garbled.clear();
        self.history += 1;
        self.past = BTreeMap::from([(version, self.objects.clone())]);
        self.events.clear();
        self.restart();
    }

    /// Connections break, and what a server keeps in memory is gone.
    pub(super) fn restart(&mut self) {
        self.cut(Cut::Broken, true);
        self.compact();
    }

    pub(super) fn cut(&mut self, cut: Cut, at_once: bool) {
        self.streams.retain(Stream::is_read);
        for stream in &self.streams {
            stream.end(cut, at_once);
        }
    }

    pub(super) fn set_silent(&mut self, silent: bool) {
        self.silent = silent;
        for stream in &self.streams {
            stream.hold(silent);
        }
    }

    /// Everything works again.
    pub(super) fn heal(&mut self) {
        self.troubles.clear();
        self.no_bookmarks = false;
        self.set_silent(false);
        self.mend();
    }

    /// What could not be read is written once more.
    fn mend(&mut self) {
        for name in std::mem::take(&mut self.garbled) {
            self.write(name);
        }
    }

    pub(super) fn log(&self) -> &[String] {
        &self.log
    }

    fn tell(&mut self, line: &Bytes) {
        self.streams.retain(Stream::is_read);
        for stream in &self.streams {
            if stream.is_watch() && stream.tells_at(self.version) {
                stream.push(line.clone());
            }
        }
    }

    fn line(&self, at: usize) -> Bytes {
        let Event {
            r#type,
            name,
            object,
        } = &self.events[at];
        let object = json(name, object);
        // Keys come in any order.
        let line = if at.is_multiple_of(2) {
            format!("{{\"type\":\"{type}\",\"object\":{object}}}\n")
        } else {
            format!("{{\"object\":{object},\"type\":\"{type}\"}}\n")
        };
        line.into()
    }

    fn item(&self, name: &str, object: &Stored) -> String {
        if self.garbled.contains(name) {
            "{\"metadata\":{\"name\":5}}".to_owned()
        } else {
            json(name, object)
        }
    }

    fn answer(&mut self, uri: &http::Uri) -> Option<Response<Gate>> {
        let query: BTreeMap<String, String> = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.replace("%2D", "-")))
            .collect();
        let trouble = if self.troubles.is_empty() {
            None
        } else {
            Some(self.troubles.remove(0))
        };
        let seen = format!(
            "{} {:?} {trouble:?} at {}",
            uri.path(),
            uri.query(),
            self.version
        );
        self.log.push(seen);
        let mut cut = None;
        let mut lag = None;
        match trouble {
            Some(Trouble::Broken) => return None,
            Some(Trouble::Status { code, retry_after }) => return Some(status(code, retry_after)),
            Some(Trouble::CutAt(percent)) => cut = Some(percent),
            Some(Trouble::Lag(back)) => lag = Some(back),
            None => {}
        }
        if let Some(name) = uri.path().split("/configmaps/").nth(1) {
            return Some(match self.objects.get_key_value(name) {
                Some((name, object)) => whole(StatusCode::OK, json(name, object)),
                None => status(404, None),
            });
        }
        let stream = Stream::new(self.silent, query.contains_key("watch"));
        let body = stream.body();
        if query.contains_key("watch") {
            if let Some(refused) = self.watch(&query, lag, &stream) {
                return Some(refused);
            }
            self.streams.push(stream.clone());
        } else {
            match self.page(&query, lag) {
                Some(text) => stream.push(text),
                None => return Some(status(410, None)),
            }
            stream.end(Cut::Clean, false);
        }
        if let Some(percent) = cut {
            stream.cut_at(percent);
        }
        Some(Response::new(body))
    }

    fn watch(
        &mut self,
        query: &BTreeMap<String, String>,
        lag: Option<u64>,
        stream: &Stream,
    ) -> Option<Response<Gate>> {
        if query.contains_key("sendInitialEvents") {
            if self.no_watch_list {
                return Some(status(422, None));
            }
            let (version, objects) = self.at(lag);
            for (name, object) in &objects {
                let item = self.item(name, object);
                stream.push(format!("{{\"type\":\"ADDED\",\"object\":{item}}}\n").into());
            }
            if !self.no_bookmarks {
                stream.push(bookmark(version, true));
                stream.set_live();
            }
            self.push_events(version, stream);
            return None;
        }
        let version: u64 = query["resourceVersion"].parse().unwrap();
        if version < self.oldest {
            return Some(status(410, None));
        }
        if version > self.version {
            let message = format!(
                "Too large resource version: {version}, current: {}",
                self.version
            );
            // Nothing up to that version is told, bookmarks included.
            stream.silent_until(version);
            return self.refuses_future.then(|| refusal(504, &message, None));
        }
        stream.set_live();
        self.push_events(version, stream);
        None
    }

    fn push_events(&self, after: u64, stream: &Stream) {
        for (at, event) in self.events.iter().enumerate() {
            if event.object.version > after {
                stream.push(self.line(at));
            }
        }
    }

    fn page(&mut self, query: &BTreeMap<String, String>, lag: Option<u64>) -> Option<Bytes> {
        let ((version, objects), skip) = match query.get("continue") {
            Some(token) => {
                let (version, skip) = token.split_once('-')?;
                let version: u64 = version.parse().ok()?;
                if version < self.oldest {
                    return None;
                }
                let objects = self.past.get(&version)?.clone();
                ((version, objects), skip.parse().ok()?)
            }
            None => (self.at(lag), 0),
        };
        let limit = if query.contains_key("limit") {
            PAGE
        } else {
            usize::MAX
        };
        let items: Vec<String> = objects
            .iter()
            .skip(skip)
            .take(limit)
            .map(|(name, object)| self.item(name, object))
            .collect();
        let next = skip + items.len();
        let token = if next < objects.len() {
            format!(",\"continue\":\"{version}-{next}\"")
        } else {
            String::new()
        };
        let text = format!(
            "{{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{{\"resourceVersion\":\"{version}\"{token}}},\"items\":[{}]}}",
            items.join(",")
        );
        Some(text.into())
    }

    /// The state a list shows: now, or some versions back in this history.
    fn at(&mut self, lag: Option<u64>) -> (u64, Objects) {
        let version = self.version.saturating_sub(lag.unwrap_or(0));
        let (version, objects) = self
            .past
            .range(..=version)
            .next_back()
            .or_else(|| self.past.iter().next())
            .map(|(version, objects)| (*version, objects.clone()))
            .unwrap();
        if version < self.version {
            self.old_lists += 1;
            self.insisted |= self.old_lists >= DOUBTS_MAX;
        } else {
            self.old_lists = 0;
        }
        (version, objects)
    }
}

fn json(name: &str, object: &Stored) -> String {
    let Stored {
        uid,
        version,
        content,
    } = object;
    format!(
        r#"{{"metadata":{{"name":"{name}","namespace":"n","uid":"u{uid}","resourceVersion":"{version}"}},"data":{{"é":"{content}"}}}}"#
    )
}

fn bookmark(version: u64, end: bool) -> Bytes {
    let annotations = if end {
        r#","annotations":{"k8s.io/initial-events-end":"true"}"#
    } else {
        ""
    };
    format!("{{\"type\":\"BOOKMARK\",\"object\":{{\"kind\":\"ConfigMap\",\"metadata\":{{\"resourceVersion\":\"{version}\"{annotations}}}}}}}\n").into()
}

fn status(code: u16, retry_after: Option<u64>) -> Response<Gate> {
    refusal(code, "as told", retry_after)
}

fn refusal(code: u16, message: &str, retry_after: Option<u64>) -> Response<Gate> {
    let text = format!(r#"{{"kind":"Status","code":{code},"message":"{message}"}}"#);
    let mut response = whole(StatusCode::from_u16(code).unwrap(), text);
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn whole(status: StatusCode, text: String) -> Response<Gate> {
    let stream = Stream::new(false, false);
    let body = stream.body();
    stream.push(text.into());
    stream.end(Cut::Clean, false);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
