//! Placeholder.
/// What to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generate {
    /// About how many objects.
    pub objects: usize,
    /// Seed.
    pub seed: u64,
}
impl Generate {
    /// About so many.
    pub fn objects(objects: usize) -> Self {
        Self { objects, seed: 1 }
    }
}
pub(crate) fn generate(_store: &mut crate::store::Store, _options: &Generate) {}
