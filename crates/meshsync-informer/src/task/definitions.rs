//! Which changes of definitions of resources may change what is served.
//!
//! A controller that injects certificates touches every definition it knows now and
//! then. That must not cost the server a discovery each time.

use hashbrown::HashMap;
use meshsync_discovery::discovery_facts;
use meshsync_model::Object;

/// What is known of each definition: eight bytes beside its name.
#[derive(Debug, Default)]
pub(super) struct Definitions(HashMap<Box<str>, u64>);

impl Definitions {
    /// Takes a state of a definition; whether what is served may be something else
    /// now.
    pub(super) fn changed(&mut self, object: &Object<'_>) -> bool {
        let facts = discovery_facts(
            object.member("spec"),
            object.member("status"),
            object.metadata("generation"),
        );
        match self.0.get_mut(object.name()) {
            Some(known) => std::mem::replace(known, facts) != facts,
            None => {
                self.0.insert(object.name().into(), facts);
                true
            }
        }
    }

    /// A definition is gone.
    pub(super) fn gone(&mut self, object: &Object<'_>) {
        self.0.remove(object.name());
    }
}
