//! The proof is itself tested: with any of these defects it fails.

use super::case::{Checks, Way};
use super::prove;
use crate::mutation::{self, Mutation};

/// At most so many cases until a defect is noticed.
const CASES: u32 = 4_000;

fn check(mutation: Mutation) {
    let noticed = |way| {
        let proved = mutation::with(mutation, || {
            prove("proof::mutants", way, Checks::Never, CASES)
        });
        proved.is_err()
    };
    assert!(
        noticed(Way::WatchList) || noticed(Way::Pages),
        "{mutation:?} goes unnoticed"
    );
}

/// One test for each, so that they run beside each other and fail by name.
macro_rules! mutants {
    ($($name:ident: $mutation:ident,)*) => {$(
        #[test]
        fn $name() {
            check(Mutation::$mutation);
        }
    )*};
}

mutants! {
    delete_on_a_partial_list_is_noticed: DeleteOnPartialList,
    delete_of_what_could_not_be_read_is_noticed: DeleteUnreadable,
    a_skipped_rebirth_is_noticed: SkipRebirth,
    a_lost_tombstone_is_noticed: LoseTombstone,
    an_expired_version_used_again_is_noticed: ReuseExpiredVersion,
    publishing_out_of_order_is_noticed: PublishOutOfOrder,
    a_dropped_dirty_mark_is_noticed: DropDirtyMark,
    believing_an_old_list_is_noticed: BelieveOldLists,
    a_skipped_probe_is_noticed: SkipProbe,
    following_a_watch_back_is_noticed: FollowBack,
    trusting_equal_versions_of_another_history_is_noticed: TrustEqualVersions,
}
