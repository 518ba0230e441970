//! What a source shows.

use meshsync_model::{Object, ObjectRef, ParseError, Resource};

use super::BoxRoom;
use super::rows::Rows;
use crate::Room;

/// Takes what a [`ListWatch`](super::ListWatch) shows.
#[derive(Debug)]
pub struct Shown<'r> {
    rows: &'r mut Rows,
    mode: Mode,
    /// Where sinks are waited for.
    room: Option<&'r mut BoxRoom>,
    problems: Vec<String>,
}

/// What it is shown for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// A pass over everything.
    Pass,
    /// What changes.
    Watch,
    /// Somebody wants to see it again: nothing changes.
    Reading,
}

impl<'r> Shown<'r> {
    pub(super) fn new(rows: &'r mut Rows, mode: Mode, room: Option<&'r mut BoxRoom>) -> Self {
        Self {
            rows,
            mode,
            room,
            problems: Vec::new(),
        }
    }

    /// A state of an object: JSON text with at least `metadata.name`. A state is
    /// told apart from the one before by `metadata.resourceVersion`, an object
    /// from the one before of its name by `metadata.uid`. `apiVersion` and `kind`
    /// in it are passed over for those of the resource.
    ///
    /// # Errors
    ///
    /// When the text is none of that. Whatever was known of the object stays.
    pub async fn state(&mut self, resource: &Resource, object: &[u8]) -> Result<(), ParseError> {
        if let Some(room) = &mut self.room {
            room.free().await;
        }
        let is_reading = self.mode == Mode::Reading;
        let mut index = self.rows.take_index();
        let parsed = index.parse(object).and_then(named);
        let result = parsed.map(|object| self.rows.state(resource, &object, is_reading));
        self.rows.put_index(index);
        if is_reading {
            self.rows.ready(resource).await;
        }
        result
    }

    /// An object is still there, in this state. Returns whether that is enough;
    /// if it is not, its [`state`](Self::state) has to be shown.
    pub fn still(&mut self, resource: &Resource, object: ObjectRef<'_>, version: &str) -> bool {
        self.mode != Mode::Reading && self.rows.still(resource, object, version)
    }

    /// An object is still there, and cannot be read at the moment: what is known
    /// of it stays.
    pub fn unreadable(&mut self, resource: &Resource, object: ObjectRef<'_>) {
        if self.mode != Mode::Reading {
            self.rows.keep(resource, object);
        }
    }

    /// An object is gone. An empty uid means whichever has the name.
    pub fn gone(&mut self, resource: &Resource, object: ObjectRef<'_>) {
        if self.mode != Mode::Reading {
            self.rows.gone(resource, object);
        }
    }

    /// Of a resource there are only these objects: what else was known is gone,
    /// before anything new is shown. For a list that knows all names at once.
    pub fn only(&mut self, resource: &Resource, mut is_there: impl FnMut(ObjectRef<'_>) -> bool) {
        if self.mode != Mode::Reading {
            self.rows.only(resource, &mut is_there);
        }
    }

    /// Something cannot be read: what, where, and what to do about it. It shows in
    /// the status until the next list; the rest goes on.
    pub fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// How many bytes of a resource were read, for the status.
    pub fn add_bytes(&mut self, resource: &Resource, bytes: usize) {
        self.rows.add_bytes(resource, bytes);
    }

    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems
    }
}

fn named(object: Object<'_>) -> Result<Object<'_>, ParseError> {
    match object.name().is_empty() {
        true => Err(ParseError::Unnamed),
        false => Ok(object),
    }
}
