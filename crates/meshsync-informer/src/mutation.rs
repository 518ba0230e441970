//! Defects that tests put in on purpose, to see that the proofs notice them.
//!
//! Outside this crate's own unit tests [`mutated`] is the constant `false`, and
//! the compiler removes what follows from it: no build that ships, and no test of
//! another crate, has a way to switch one on.

/// A defect, at the place where [`mutated`] asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// A list that broke off counts as complete.
    DeleteOnPartialList,
    /// A list with objects that could not be read counts as read in full.
    DeleteUnreadable,
    /// Another uid under a known name is just one more state.
    SkipRebirth,
    /// A delete that a sink refused is forgotten.
    LoseTombstone,
    /// A position that the server has forgotten is asked for again.
    ReuseExpiredVersion,
    /// A state is offered before the delete of what had its name.
    PublishOutOfOrder,
    /// A state that a sink refused is forgotten.
    DropDirtyMark,
    /// A list from before what was seen is believed.
    BelieveOldLists,
    /// A watch that broke goes on without asking how new the server's state is.
    SkipProbe,
    /// A watch that goes back is followed.
    FollowBack,
    /// What a watch tells is lost. The check finds it.
    LoseEvents,
    /// In another history equal versions are equal states.
    TrustEqualVersions,
}

/// Whether this defect is switched on.
#[cfg(not(test))]
#[inline(always)]
pub(crate) const fn mutated(_: Mutation) -> bool {
    false
}

#[cfg(test)]
std::thread_local! {
    static ACTIVE: std::cell::Cell<Option<Mutation>> = const { std::cell::Cell::new(None) };
}

/// Whether this defect is switched on.
#[cfg(test)]
pub(crate) fn mutated(mutation: Mutation) -> bool {
    ACTIVE.get() == Some(mutation)
}

/// Whether any defect is switched on.
#[cfg(test)]
pub(crate) fn is_any() -> bool {
    ACTIVE.get().is_some()
}

/// Runs `f` with a defect, on this thread.
#[cfg(test)]
pub(crate) fn with<T>(mutation: Mutation, f: impl FnOnce() -> T) -> T {
    ACTIVE.set(Some(mutation));
    let result = f();
    ACTIVE.set(None);
    result
}
