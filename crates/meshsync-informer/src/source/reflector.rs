//! From a list and a wait for changes to a source.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use meshsync_model::{ClusterId, Platform};

use super::rows::Rows;
use super::shown::{Mode, Shown};
use super::signals::{Signal, Signals};
use super::{BoxRoom, Intake, ListWatch, Next, Source, SourceError, SourceErrorKind, SourceState};
use crate::chance;
use crate::status::StatusBoard;
use crate::timing::{Timing, exponential};

/// A [`ListWatch`] as a [`Source`].
///
/// | what happens | what it does |
/// |---|---|
/// | the start | lists; sinks without room pace it |
/// | a list is complete | what it did not show is gone; `SYNCED` |
/// | a list or a watch fails, or panics | nothing is gone; waits, longer each time, and lists |
/// | another selection | only what it changes is told; lists if there is more to see |
/// | a sink had no room and has it again | tells deletes, and lists for the states |
/// | somebody wants to see everything again | lists for them alone |
#[derive(Debug)]
pub struct Reflector<L>(L);

impl<L: ListWatch> Reflector<L> {
    /// Wraps it.
    pub fn new(list_watch: L) -> Self {
        Self(list_watch)
    }
}

impl<L: ListWatch> Source for Reflector<L> {
    fn name(&self) -> String {
        self.0.name()
    }

    fn platform(&self) -> Platform {
        self.0.platform()
    }

    fn identify(&mut self) -> BoxFuture<'_, Result<ClusterId, SourceError>> {
        Box::pin(self.0.identify())
    }

    fn observe(self: Box<Self>, intake: Intake) -> BoxFuture<'static, Result<(), SourceError>> {
        let stop = intake.stop.clone();
        let running = Running::new(self.0, intake);
        Box::pin(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => Ok(()),
                result = running.run() => result,
            }
        })
    }
}

/// One that is under way.
struct Running<L> {
    source: L,
    name: String,
    rows: Rows,
    room: BoxRoom,
    signals: Signals,
    board: Arc<StatusBoard>,
    timing: Timing,
    /// Failures in a row.
    failures: u32,
    /// A list has been complete: from now on nothing waits for sinks.
    listed: bool,
    /// Told when it is: what is observed is not known before.
    planned: Option<Box<dyn FnOnce() + Send>>,
}

/// What comes after a wait.
enum Then {
    Wait,
    List,
}

impl<L: ListWatch> Running<L> {
    fn new(source: L, intake: Intake) -> Self {
        let mut controlled = intake.controlled;
        let selection = Arc::clone(&controlled.selection.borrow_and_update());
        let mut rows = Rows::new(
            intake.scope,
            Arc::clone(&intake.board),
            selection,
            intake.deliver,
            intake.remembered,
        );
        for resource in source.resources() {
            rows.announce(&resource);
        }
        let room = rows.room();
        let signals = Signals::new(controlled, rows.room(), intake.timing.repair.clone());
        Self {
            name: source.name(),
            source,
            rows,
            room,
            signals,
            board: intake.board,
            timing: intake.timing,
            failures: 0,
            listed: false,
            planned: Some(intake.planned),
        }
    }

    async fn run(mut self) -> Result<(), SourceError> {
        loop {
            let result = match self.list().await {
                Ok(()) => self.watch().await,
                failed => failed,
            };
            if let Err(error) = result {
                self.failed(&error).await?;
            }
        }
    }

    /// Lists everything once.
    async fn list(&mut self) -> Result<(), SourceError> {
        self.rows.begin_pass();
        let room = (!self.listed).then_some(&mut self.room);
        let mut shown = Shown::new(&mut self.rows, Mode::Pass, room);
        caught(self.source.list(&mut shown)).await?;
        let problems = shown.into_problems();
        for problem in &problems {
            tracing::debug!(source = self.name, problem, "cannot be read");
        }
        let count = problems.len();
        if self.board.source().set_problems(problems) && count > 0 {
            tracing::warn!(
                source = self.name,
                count,
                "parts of a source cannot be read; the status names them"
            );
        }
        self.rows.finish_pass();
        self.listed = true;
        if let Some(planned) = self.planned.take() {
            planned();
        }
        self.failures = 0;
        if self.board.source().set(SourceState::Live) {
            tracing::info!(source = self.name, "listed in full");
        }
        self.rows.repay_deletes(self.signals.lost());
        self.signals.repaired(self.rows.owed_count());
        self.plan_repair();
        Ok(())
    }

    /// Waits for changes until there has to be a list.
    async fn watch(&mut self) -> Result<(), SourceError> {
        loop {
            let mut shown = Shown::new(&mut self.rows, Mode::Watch, None);
            let then = tokio::select! {
                biased;
                signal = self.signals.next() => {
                    drop(shown);
                    self.handle(signal).await?
                }
                next = caught(self.source.watch(&mut shown)) => match next? {
                    Next::Watch => Then::Wait,
                    Next::List => Then::List,
                },
            };
            match then {
                Then::List => return Ok(()),
                Then::Wait => self.plan_repair(),
            }
        }
    }

    async fn handle(&mut self, signal: Signal) -> Result<Then, SourceError> {
        match signal {
            Signal::Selection(selection) => {
                tracing::info!(source = self.name, "another selection is in force");
                if self.rows.select(selection) {
                    return Ok(Then::List);
                }
            }
            Signal::Reading(reading) => {
                if self.rows.begin_reading(reading) {
                    let mut shown = Shown::new(&mut self.rows, Mode::Reading, None);
                    let result = caught(self.source.list(&mut shown)).await;
                    self.rows.end_reading();
                    result?;
                }
                self.rows.end_reading();
            }
            Signal::Room => self.rows.repay_deletes(self.signals.lost()),
            Signal::Repair => return Ok(Then::List),
        }
        Ok(Then::Wait)
    }

    fn plan_repair(&mut self) {
        self.signals
            .plan_repair(self.rows.dirty_sinks(), self.rows.owed_count());
    }

    /// Says what is wrong and waits.
    async fn failed(&mut self, error: &SourceError) -> Result<(), SourceError> {
        self.failures = self.failures.saturating_add(1);
        let text = error.chain();
        let back_off = match error.kind() {
            SourceErrorKind::Refused => &self.timing.refused,
            _ => &self.timing.back_off,
        };
        let wait = exponential(back_off, self.failures, chance::unit());
        if self.board.source().fail(text.clone()) {
            tracing::warn!(
                source = self.name,
                error = text,
                ?wait,
                "a source fails; it is tried again"
            );
        }
        self.rows.fail(&text, self.failures);
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

/// A panic of a source is a failure of it like others: its picture stays, and it is
/// listed again.
async fn caught<T>(asked: impl Future<Output = Result<T, SourceError>>) -> Result<T, SourceError> {
    // Nothing of ours is left half-way: the next thing is a list, from its beginning.
    match AssertUnwindSafe(asked).catch_unwind().await {
        Ok(answer) => answer,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let text = text.unwrap_or_default();
            Err(SourceError::refused(format!(
                "the source panicked, which is a defect in it; it is listed again: {text}"
            )))
        }
    }
}
