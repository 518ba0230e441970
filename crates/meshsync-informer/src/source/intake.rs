//! What a source is given to observe with.

use std::sync::Arc;

use meshsync_model::ClusterId;
use tokio_util::sync::CancellationToken;

use super::{BoxDeliver, SourceError, SourceState};
use crate::{Controlled, Deliver, Pace, Remembered, StatusBoard, Timing};

/// Makes a way to the sinks for each of a source's tasks.
pub(crate) type MakeDeliver = Box<dyn FnMut() -> BoxDeliver + Send>;

/// What a source is given to observe with: where its objects go, where it says
/// how it is doing, and what it is told.
pub struct Intake {
    pub(crate) scope: ClusterId,
    pub(crate) board: Arc<StatusBoard>,
    pub(crate) deliver: MakeDeliver,
    pub(crate) controlled: Controlled,
    pub(crate) remembered: Vec<Remembered>,
    pub(crate) timing: Timing,
    pub(crate) pace: Pace,
    pub(crate) planned: Box<dyn FnOnce() + Send>,
    pub(crate) stop: CancellationToken,
    pub(crate) patient: bool,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

impl Intake {
    /// Everything that has to be there. `deliver` is called once per task of the
    /// source.
    pub fn new<D: Deliver + 'static>(
        scope: ClusterId,
        board: Arc<StatusBoard>,
        mut deliver: impl FnMut() -> D + Send + 'static,
        controlled: Controlled,
        stop: CancellationToken,
    ) -> Self {
        Self {
            scope,
            board,
            deliver: Box::new(move || BoxDeliver::new(deliver())),
            controlled,
            remembered: Vec::new(),
            timing: Timing::default(),
            pace: Pace::default(),
            planned: Box::new(|| {}),
            stop,
            patient: false,
        }
    }

    /// Whether the source is to go on trying where it would end with an error for
    /// what cannot be reached at the start.
    #[must_use]
    pub fn patient(mut self, patient: bool) -> Self {
        self.patient = patient;
        self
    }

    /// What sinks were given by a process before this one.
    #[must_use]
    pub fn remembered(mut self, remembered: Vec<Remembered>) -> Self {
        self.remembered = remembered;
        self
    }

    /// How long what may take.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// How much is asked of the source at once.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Called when it is known which resources are observed to begin with.
    #[must_use]
    pub fn when_planned(mut self, planned: impl FnOnce() + Send + 'static) -> Self {
        self.planned = Box::new(planned);
        self
    }

    /// Says in the status that it goes well.
    pub fn set_live(&self) {
        self.board.source().set(SourceState::Live);
    }

    /// Says in the status what is wrong.
    pub fn set_error(&self, error: &SourceError) {
        self.board.source().fail(error.chain());
    }
}
