//! Discovery documents.

use meshsync_discovery::{
    Answer, Catalog, Discovered, GroupVersionDocument, RootAnswer, RootDocument, Selection,
    Unavailable, WatchPlan,
};

/// The answer of `/api`, `/apis` or of one group version.
pub fn discovery(data: &[u8]) {
    let version = GroupVersionDocument::parse(data).ok();
    if let Some(version) = &version {
        assert!(!version.group_version().path().is_empty());
    }
    let answer = match RootDocument::parse(data) {
        Ok(RootDocument::Aggregated(groups)) => RootAnswer::Complete(groups),
        Ok(RootDocument::Listed(groups)) => RootAnswer::listed(groups, |_| match &version {
            Some(version) => Answer::Served(version.resources.clone()),
            None => Answer::Unavailable(Unavailable::NotAsked),
        }),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let discovered = Discovered {
        core: RootAnswer::Unavailable(Unavailable::NotAsked),
        named: answer,
    };
    let catalog = Catalog::update(None, discovered.clone());
    let plan = WatchPlan::new(&catalog, &Selection::default());
    // The same answer changes nothing.
    let again = Catalog::update(Some(&catalog), discovered);
    let delta = plan.delta(&WatchPlan::new(&again, &Selection::default()));
    assert!(delta.start.is_empty() && delta.stop.is_empty() && delta.restart.is_empty());
    // An answer that is missing forgets nothing.
    let missing = Catalog::update(
        Some(&catalog),
        Discovered {
            core: RootAnswer::Unavailable(Unavailable::NotAsked),
            named: RootAnswer::Unavailable(Unavailable::Status(503)),
        },
    );
    let delta = plan.delta(&WatchPlan::new(&missing, &Selection::default()));
    assert!(delta.stop.is_empty());
}
