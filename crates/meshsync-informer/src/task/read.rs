//! Reading the answer to one request.

use std::time::Duration;

use http_body_util::BodyExt;
use kube::client::Body;
use meshsync_discovery::Catalog;
use meshsync_model::{Index, Object, ResourceVersion, WatchEventType};
use tokio::time::Instant;

use super::chores::Next;
use super::{Interrupted, Task};
use crate::api::parse_error_event;
use crate::frame::{Frame, FrameError, LineFramer, ListFramer, OBJECT_BYTES_MAX};
use crate::machine::Answer;
use crate::mutation::{Mutation, mutated};
use crate::pace::Pass;
use crate::traffic::{CloseReason, WatchLife};
use crate::{Deliver, Room};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    WatchList,
    Watch,
    Page,
}

/// One response body on its way.
pub(super) struct Exchange {
    body: Body,
    framing: Framing,
    index: Index,
    /// Initial events or a page: objects of a pass.
    listing: bool,
    /// The initial events do not go on: bookmarks came instead of them.
    marking_time: bool,
    unbookmarked_silence_max: Duration,
    permit: Option<Pass>,
    /// Of a watch.
    life: Option<WatchLife>,
    version: Option<String>,
    /// Bytes that were read and not yet held to a rate.
    unpaced_bytes: usize,
}

enum Framing {
    Lines(LineFramer),
    List(ListFramer),
}

/// What a line or chunk led to, beyond objects in the picture.
enum Turn {
    Go,
    /// The machine was told something that ends this exchange.
    Over,
}

impl Exchange {
    pub(super) fn new(
        kind: Kind,
        body: Body,
        unbookmarked_silence_max: Duration,
        permit: Option<Pass>,
        life: Option<WatchLife>,
    ) -> Self {
        Self {
            body,
            framing: match kind {
                Kind::Page => Framing::List(ListFramer::new()),
                Kind::WatchList | Kind::Watch => Framing::Lines(LineFramer::new()),
            },
            index: Index::new(),
            listing: kind != Kind::Watch,
            marking_time: false,
            unbookmarked_silence_max,
            permit,
            life,
            version: None,
            unpaced_bytes: 0,
        }
    }

    /// Reads to the end, and tells the task's machine of it.
    pub(super) async fn run<D: Deliver>(mut self, task: &mut Task<D>) -> Result<(), Interrupted> {
        let (stop, retire) = (task.stop.clone(), task.retire.clone());
        let opened = Instant::now();
        // Over all turns: chores do not keep a silent stream alive.
        let silence = tokio::time::sleep(self.idle(task));
        tokio::pin!(silence);
        loop {
            let frame = tokio::select! {
                () = stop.cancelled() => return Err(Interrupted),
                () = retire.cancelled() => return Err(Interrupted),
                frame = self.body.frame() => Some(frame),
                () = &mut silence => None,
                // Watches are always read; sinks that were full are repaid beside.
                chore = task.chores.next(&task.server), if !self.listing => {
                    let next = task.chores.handle(chore, &mut task.server, &mut task.picture);
                    if next == Next::Relist {
                        self.closes(CloseReason::Changed);
                        task.machine.relist();
                        return Ok(());
                    }
                    if task.server.parked {
                        self.closes(CloseReason::Changed);
                        return Ok(());
                    }
                    continue;
                }
            };
            let turn = match frame {
                Some(Some(Ok(frame))) => match frame.into_data() {
                    Ok(chunk) => self.chunk(&chunk, task),
                    Err(_trailers) => Turn::Go,
                },
                Some(Some(Err(error))) => {
                    task.status.set_error(format!(
                        "the stream broke: {error}; tried again with back-off"
                    ));
                    self.closes(CloseReason::Broken);
                    self.progress(task);
                    task.answer(Answer::Broken);
                    Turn::Over
                }
                Some(None) => self.end(task, opened.elapsed()),
                None => {
                    task.status.set_error(format!(
                        "the server was silent for {:?}; the connection is given up",
                        self.idle(task)
                    ));
                    self.closes(CloseReason::Silent);
                    self.progress(task);
                    task.answer(Answer::Broken);
                    Turn::Over
                }
            };
            if matches!(turn, Turn::Over) {
                return Ok(());
            }
            if self.listing && !task.listed {
                // Only initial lists are ever paused.
                tokio::select! {
                    () = stop.cancelled() => return Err(Interrupted),
                    () = retire.cancelled() => return Err(Interrupted),
                    () = task.room.free() => {}
                }
                // And held to a rate, where there is one.
                let read = std::mem::take(&mut self.unpaced_bytes);
                tokio::select! {
                    () = stop.cancelled() => return Err(Interrupted),
                    () = retire.cancelled() => return Err(Interrupted),
                    () = task.pacer.bytes(read) => {}
                }
            }
            // A list that is never said to be complete is none, however often the
            // server says that it is there.
            if !self.marking_time {
                silence.as_mut().reset(Instant::now() + self.idle(task));
            }
        }
    }

    /// Why this will have been the end, where it is a watch.
    fn closes(&mut self, reason: CloseReason) {
        if let Some(life) = &mut self.life {
            life.reason = reason;
        }
    }

    /// How long the stream may be silent.
    fn idle<D: Deliver>(&self, task: &Task<D>) -> Duration {
        let timing = &task.timing;
        if self.listing {
            timing.list_silence_max
        } else if task.bookmarked {
            timing.watch_silence_max
        } else {
            self.unbookmarked_silence_max
        }
    }

    fn chunk<D: Deliver>(&mut self, chunk: &[u8], task: &mut Task<D>) -> Turn {
        task.status.add_bytes(chunk.len());
        self.unpaced_bytes += chunk.len();
        match &mut self.framing {
            Framing::List(framer) => {
                let index = &mut self.index;
                let result = framer.push(chunk, |frame| task.item(index, frame));
                result.map_or_else(|error| task.broken_list(&error), |()| Turn::Go)
            }
            Framing::Lines(_) => self.lines(chunk, task),
        }
    }

    fn lines<D: Deliver>(&mut self, chunk: &[u8], task: &mut Task<D>) -> Turn {
        let Framing::Lines(framer) = &mut self.framing else {
            return Turn::Go;
        };
        let mut framer = std::mem::take(framer);
        let listing = self.listing;
        let mut turn = Turn::Go;
        framer.push(chunk, |frame| {
            if matches!(turn, Turn::Go) {
                turn = self.line(frame, task);
            }
        });
        if listing && !self.listing {
            // A watch may say nothing for hours; there is one for every resource.
            framer.trim();
        }
        self.framing = Framing::Lines(framer);
        if matches!(turn, Turn::Go) {
            self.progress(task);
        }
        turn
    }

    fn line<D: Deliver>(&mut self, frame: Frame<'_>, task: &mut Task<D>) -> Turn {
        let line = match frame {
            Frame::Whole(line) => line,
            Frame::TooLarge { head, bytes } => {
                task.too_large(head, bytes);
                return Turn::Go;
            }
        };
        let event = match self.index.parse_event(line) {
            Ok(event) => event,
            Err(error) => {
                task.unreadable(line, &error);
                return Turn::Go;
            }
        };
        let object = &event.object;
        match event.r#type {
            WatchEventType::Error => {
                let refusal = parse_error_event(line).unwrap_or_default();
                task.status.set_error(format!(
                    "the watch ended with {} {}: {}",
                    refusal.code, refusal.reason, refusal.message
                ));
                self.closes(match refusal.code {
                    410 => CloseReason::Expired,
                    _ => CloseReason::Refused,
                });
                self.progress(task);
                task.answer(Answer::Refused(refusal));
                return Turn::Over;
            }
            WatchEventType::Bookmark => {
                let complete = object
                    .annotations()
                    .any(|(key, value)| key == "k8s.io/initial-events-end" && value == "true");
                task.bookmarked |= complete || !self.listing;
                let version = object.resource_version().to_owned();
                if complete && self.listing {
                    self.listing = false;
                    self.marking_time = false;
                    self.permit = None;
                    self.version = None;
                    task.answer(Answer::InitialEventsEnd {
                        version,
                        contradicted: task.picture.is_contradicted(),
                    });
                    return if task.machine.has_position() {
                        Turn::Go
                    } else {
                        self.closes(CloseReason::Changed);
                        Turn::Over
                    };
                }
                if !self.listing && task.is_back(self.version.as_deref(), &version) {
                    return self.went_back(task);
                }
                self.marking_time = self.listing;
                self.version = Some(version);
            }
            WatchEventType::Added | WatchEventType::Modified | WatchEventType::Deleted => {
                self.marking_time = false;
                if object.name().is_empty() {
                    task.nameless(line);
                    return Turn::Go;
                }
                if !self.listing && task.is_back(self.version.as_deref(), object.resource_version())
                {
                    let deleted = event.r#type == WatchEventType::Deleted;
                    if deleted && task.deleted_as_it_was(object) {
                        return Turn::Go;
                    }
                    return self.went_back(task);
                }
                if mutated(Mutation::LoseEvents) && !self.listing {
                    // As if it had never come.
                } else if event.r#type == WatchEventType::Deleted {
                    task.chores
                        .shown_no_more(object, &task.server, &mut task.picture);
                } else {
                    task.picture.apply(object);
                }
                if !self.listing {
                    let version = self.version.get_or_insert_default();
                    version.clear();
                    version.push_str(object.resource_version());
                }
                let deleted = event.r#type == WatchEventType::Deleted;
                task.changed(object, deleted, self.listing);
            }
        }
        Turn::Go
    }

    fn went_back<D: Deliver>(&mut self, task: &mut Task<D>) -> Turn {
        task.status.set_error(
            "the watch went back to what it had told before; everything is listed again",
        );
        self.closes(CloseReason::WentBack);
        self.progress(task);
        task.answer(Answer::WentBack);
        Turn::Over
    }

    /// Tells the machine how far the watch has come.
    fn progress<D: Deliver>(&mut self, task: &mut Task<D>) {
        if let Some(version) = self.version.take().filter(|version| !version.is_empty()) {
            task.answer(Answer::Progress { version });
        }
    }

    fn end<D: Deliver>(&mut self, task: &mut Task<D>, after: Duration) -> Turn {
        self.closes(CloseReason::Ended);
        match &mut self.framing {
            Framing::List(framer) => match std::mem::take(framer).finish() {
                Ok(end) if end.resource_version.is_empty() && task.server.resource.watchable => {
                    return task.broken_list(&FrameError::NoVersion);
                }
                Ok(end) => task.answer(Answer::PageEnd {
                    version: end.resource_version,
                    continue_token: end.continue_token,
                    contradicted: task.picture.is_contradicted(),
                }),
                Err(error) => return task.broken_list(&error),
            },
            Framing::Lines(_) => {
                self.progress(task);
                if self.listing {
                    task.status.set_error(
                        "the stream ended before the initial events were complete; tried again",
                    );
                }
                task.answer(Answer::Ended {
                    lived: after >= task.timing.watch_lived,
                });
            }
        }
        Turn::Over
    }
}

impl<D: Deliver> Task<D> {
    /// One item of a list.
    fn item(&mut self, index: &mut Index, frame: Frame<'_>) {
        match frame {
            Frame::TooLarge { head, bytes } => self.too_large(head, bytes),
            Frame::Whole(item) => match index.parse(item) {
                Ok(object) if object.name().is_empty() => self.nameless(item),
                Ok(object) => {
                    self.picture.apply(&object);
                    self.changed(&object, false, true);
                }
                Err(error) => self.unreadable(item, &error),
            },
        }
    }

    /// Whether this is from before what the watch has told so far: `here` in this
    /// chunk, else the machine's position.
    fn is_back(&self, here: Option<&str>, version: &str) -> bool {
        let here = here.map(ResourceVersion::new);
        here.is_some_and(|here| here.is_newer_than(version)) || self.machine.is_back(version)
    }

    /// Takes a delete from before what the watch has told so far; whether it
    /// carries the object just as it was known. Some servers send that, and not
    /// the version of its end.
    fn deleted_as_it_was(&mut self, object: &Object<'_>) -> bool {
        let as_it_was = self.picture.knows(object);
        // Whatever the history, this uid is no more.
        self.chores
            .shown_no_more(object, &self.server, &mut self.picture);
        if as_it_was {
            self.changed(object, true, false);
        }
        as_it_was
    }

    /// A state of an object was seen, or its end.
    fn changed(&mut self, object: &Object<'_>, deleted: bool, listing: bool) {
        if let Some(definitions) = &mut self.definitions {
            let changed = definitions.changed(object) || deleted;
            if deleted {
                definitions.gone(object);
            }
            // What a list shows has been asked for, or is when it is complete.
            if changed && !listing {
                self.ring();
            }
        }
        if !listing
            && let Some(refused) = &self.refused
            && Catalog::is_permission_relevant(&self.server.resource.id())
        {
            refused.ring.notify_one();
        }
    }

    fn broken_list(&mut self, error: &FrameError) -> Turn {
        self.status
            .malformed(format!("{error}; tried again with back-off"));
        tracing::warn!(resource = %self.server.resource, %error, "a list could not be read");
        self.answer(Answer::Broken);
        Turn::Over
    }

    fn too_large(&mut self, head: &[u8], bytes: usize) {
        self.report(
            head,
            &format!(
                "an object of {bytes} bytes is larger than {OBJECT_BYTES_MAX} and was skipped"
            ),
        );
    }

    fn nameless(&mut self, text: &[u8]) {
        self.report(text, "an object without metadata.name was skipped");
    }

    fn unreadable(&mut self, text: &[u8], error: &meshsync_model::ParseError) {
        self.report(
            text,
            &format!("an object could not be read and was skipped: {error}"),
        );
    }

    fn report(&mut self, text: &[u8], problem: &str) {
        // Its identity is not known for certain, so that no object can be said
        // to be missing from this pass.
        self.unreadable = true;
        let name = likely_name(text).unwrap_or("unknown");
        tracing::warn!(resource = %self.server.resource, name, "{problem}");
        self.status.malformed(format!("{problem} (name: {name})"));
    }
}

/// The name an object that cannot be read most likely has. The text itself is
/// never repeated: it may be a Secret's.
fn likely_name(text: &[u8]) -> Option<&str> {
    const BEFORE: &[u8] = br#""metadata":{"name":""#;
    let start = memchr::memmem::find(text, BEFORE)? + BEFORE.len();
    let name = &text[start..];
    let end = memchr::memchr(b'"', name).filter(|end| *end <= 253)?;
    std::str::from_utf8(&name[..end]).ok()
}
