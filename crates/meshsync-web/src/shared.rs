//! Writing what is shared as if it were not.

use std::sync::Arc;

use serde::{Serialize, Serializer};

pub(crate) fn each<T: Serialize, S: Serializer>(
    items: &[Arc<T>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(|item| &**item))
}

pub(crate) fn one<T: Serialize, S: Serializer>(
    item: &Arc<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    T::serialize(item, serializer)
}
