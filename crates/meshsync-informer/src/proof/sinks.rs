//! Sinks that refuse now and then, and notice what must not happen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use meshsync_model::{Change, Context, Deleted, Object};
use tokio::sync::watch;

use super::server::{Objects, Server};
use crate::{Deliver, Room, SinkSet};

pub(super) const SINKS: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) uid: String,
    pub(super) version: String,
    pub(super) content: String,
    /// The server's history when it was given.
    history: u32,
}

#[derive(Debug, Default)]
pub(super) struct Sink {
    pub(super) held: BTreeMap<String, Held>,
    /// So many more it takes; `None` is any number.
    room: Option<u32>,
    pub(super) synced: u32,
}

impl Sink {
    pub(super) fn equals(&self, objects: &Objects) -> bool {
        self.held.len() == objects.len()
            && objects.iter().all(|(name, object)| {
                self.held.get(*name).is_some_and(|held| {
                    held.uid == format!("u{}", object.uid)
                        && held.version == object.version.to_string()
                        && held.content == object.content.to_string()
                })
            })
    }

    fn takes(&mut self) -> bool {
        match &mut self.room {
            Some(0) => false,
            Some(room) => {
                *room -= 1;
                true
            }
            None => true,
        }
    }
}

/// All sinks of a case.
#[derive(Clone)]
pub(super) struct Sinks {
    shared: Arc<Mutex<Shared>>,
    server: Server,
    again: watch::Sender<u64>,
}

#[derive(Default)]
pub(super) struct Shared {
    pub(super) sinks: [Sink; SINKS],
    /// What must not happen and did.
    pub(super) violations: Vec<String>,
    pub(super) log: Vec<String>,
}

impl Sinks {
    pub(super) fn new(server: &Server) -> Self {
        Self {
            shared: Arc::default(),
            server: server.clone(),
            again: watch::Sender::new(0),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// Sink `at` takes so many more changes, or any number.
    pub(super) fn set_room(&self, at: usize, room: Option<u32>) {
        self.lock().sinks[at].room = room;
        self.again.send_modify(|count| *count += 1);
    }
}

impl Deliver for Sinks {
    type Room = SinkRoom;

    fn sinks(&self) -> SinkSet {
        SinkSet::first(SINKS)
    }

    fn state(
        &mut self,
        _: &Context<'_>,
        object: &Object<'_>,
        to: SinkSet,
        given: SinkSet,
    ) -> SinkSet {
        let (history, insisted) = {
            let server = self.server.lock();
            (server.history, server.insisted)
        };
        let mut shared = self.lock();
        let mut taken = SinkSet::NONE;
        let data = object.member("data").unwrap_or_default();
        let content = data.split('"').nth(3).unwrap_or_default().to_owned();
        for at in to.iter() {
            if !shared.sinks[at].takes() {
                continue;
            }
            taken = taken.with(SinkSet::one(at));
            let next = Held {
                uid: object.uid().to_owned(),
                version: object.resource_version().to_owned(),
                content: content.clone(),
                history,
            };
            let name = object.name().to_owned();
            shared.log.push(format!("{at} STATE {name} {next:?}"));
            let before = shared.sinks[at].held.insert(name.clone(), next.clone());
            let wrong = match &before {
                None if given.contains(at) => Some("modified and never added"),
                Some(_) if !given.contains(at) => Some("added over an object not deleted"),
                Some(before) if before.uid != next.uid => Some("another uid without a delete"),
                // In another history a state may be told once more.
                Some(before)
                    if before.history == history
                        && !insisted
                        && number(&before.version) + u64::from(history == 0)
                            > number(&next.version) =>
                {
                    Some("a state that is no newer")
                }
                _ => None,
            };
            if let Some(wrong) = wrong {
                let line = format!("sink {at}, {name}: {wrong}: {before:?}, then {next:?}");
                shared.violations.push(line);
            }
        }
        taken
    }

    fn delete(&mut self, _: &Context<'_>, deleted: Deleted<'_>, to: SinkSet) -> SinkSet {
        let object = match &deleted {
            Deleted::Last(object) => object.object_ref(),
            Deleted::Partial(object) => *object,
        };
        let exists = {
            let server = self.server.lock();
            let uid = object.uid.trim_start_matches('u').parse().unwrap_or(0);
            server.objects.values().any(|stored| stored.uid == uid)
                && !server.once_gone.contains(&uid)
                && !server.insisted
        };
        let mut shared = self.lock();
        let mut told = SinkSet::NONE;
        for at in to.iter() {
            if !shared.sinks[at].takes() {
                continue;
            }
            told = told.with(SinkSet::one(at));
            let (name, uid) = (object.name.to_owned(), object.uid.to_owned());
            shared.log.push(format!("{at} DELETED {name} {uid}"));
            let before = shared.sinks[at].held.remove(&name);
            let wrong = match &before {
                None => Some("deleted and never added"),
                Some(before) if before.uid != uid => Some("deleted under another uid"),
                Some(_) if exists => Some("deleted and still there"),
                Some(_) => None,
            };
            if let Some(wrong) = wrong {
                let line = format!("sink {at}, {name} {uid}: {wrong}: {before:?}");
                shared.violations.push(line);
            }
        }
        told
    }

    fn synced(&mut self, _: &Context<'_>, _: &Change<'_>, to: SinkSet) {
        let mut shared = self.lock();
        for at in to.iter() {
            shared.sinks[at].synced += 1;
            shared.log.push(format!("{at} SYNCED"));
        }
    }

    fn room(&self) -> SinkRoom {
        SinkRoom {
            sinks: self.clone(),
            again: self.again.subscribe(),
        }
    }
}

fn number(version: &str) -> u64 {
    version.parse().unwrap_or(0)
}

pub(super) struct SinkRoom {
    sinks: Sinks,
    again: watch::Receiver<u64>,
}

impl Room for SinkRoom {
    async fn free(&mut self) {}

    fn reachable(&self) -> SinkSet {
        let shared = self.sinks.lock();
        (0..SINKS)
            .filter(|at| shared.sinks[*at].room != Some(0))
            .fold(SinkSet::NONE, |set, at| set.with(SinkSet::one(at)))
    }

    async fn again(&mut self) {
        if self.again.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
