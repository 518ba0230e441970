//! Parts of a ledger change hands: what is known of a namespace's objects goes
//! from one task to another, and nobody is told anything.

use std::collections::HashSet;

use meshsync_model::ResourceVersion;

use super::{EntryAt, Grave, Ledger, OwnedRef};
use crate::SinkSet;

/// All that a ledger knows of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The object; without a uid there are only graves.
    pub object: OwnedRef,
    /// Its resourceVersion.
    pub version: ResourceVersion,
    /// The sinks that were given it.
    pub given: SinkSet,
    /// The sinks that lack its latest state.
    pub dirty: SinkSet,
    /// Deletes under this name that somebody has not been told of.
    pub graves: Vec<Grave>,
}

impl Ledger {
    /// Gives away what is known of the objects of some namespaces; of all of them
    /// where there is none.
    pub fn part(&mut self, namespaces: Option<&HashSet<String>>) -> Vec<Known> {
        let is_of = |at: EntryAt, ledger: &Self| {
            let number = ledger.entries.get(at).namespace();
            let name = ledger.namespaces.text(number);
            namespaces.is_none_or(|some| name.is_some_and(|name| some.contains(name)))
        };
        let parting: Vec<EntryAt> = self
            .entries
            .iter()
            .map(|(at, _)| at)
            .filter(|&at| is_of(at, self))
            .collect();
        parting.into_iter().map(|at| self.give(at)).collect()
    }

    fn give(&mut self, at: EntryAt) -> Known {
        let before = self.owed_of(at);
        let entry = self.entries.get(at);
        let (live, given, dirty) = (entry.is_live(), entry.given, entry.dirty);
        let uid = if live {
            self.entries.uid(at).to_string()
        } else {
            String::new()
        };
        let known = Known {
            object: self.owned(at, uid),
            version: self.entries.version(at),
            given,
            dirty,
            graves: self.graves.remove(&at).unwrap_or_default(),
        };
        self.live -= u64::from(live);
        self.entries.get_mut(at).end();
        self.debts.shift(before, (SinkSet::NONE, SinkSet::NONE));
        self.forget(at);
        known
    }

    /// Takes over what another ledger knew. What this one knows already is newer.
    pub fn adopt(&mut self, known: Known) {
        let object = known.object.as_ref();
        if !known.object.uid.is_empty() && self.find(object).is_none() {
            let namespace = self.namespaces.retain(object.namespace);
            let at = self.entries.insert(namespace, object.name);
            let version = known.version.to_string();
            // Of no pass: the next one has to show it.
            let pass = self.pass.wrapping_sub(1);
            self.entries.bear(at, object.uid, &version, pass);
            self.live += 1;
            let before = self.owed_of(at);
            let entry = self.entries.get_mut(at);
            (entry.given, entry.dirty) = (known.given, known.dirty);
            self.debts.shift(before, self.owed_of(at));
        }
        for grave in known.graves {
            self.bury(object, grave);
        }
    }
}

#[cfg(test)]
mod tests {
    use meshsync_model::{ObjectRef, Uid};

    use super::*;
    use crate::ledger::Seen;

    fn object<'a>(namespace: &'a str, name: &'a str, uid: &'a str) -> ObjectRef<'a> {
        ObjectRef {
            namespace: Some(namespace),
            name,
            uid,
        }
    }

    #[test]
    fn what_parts_arrives_as_it_was_and_nothing_is_left_of_it() {
        let sink = SinkSet::one(0);
        let mut one = Ledger::new();
        for (namespace, name, uid) in [("a", "x", "1"), ("a", "y", "2"), ("b", "x", "3")] {
            one.begin_pass();
            assert_eq!(one.apply(object(namespace, name, uid), "7"), Seen::Added);
            one.settle(object(namespace, name, uid), sink, sink);
        }
        one.apply(object("a", "y", "2"), "8");
        one.settle(object("a", "y", "2"), sink, SinkSet::NONE);
        one.remove(object("a", "x", "1"));
        let grave = Grave {
            uid: Uid::new("1"),
            pending: sink,
            reason: None,
        };
        one.bury(object("a", "x", "1"), grave);
        assert_eq!((one.len(), one.owed_count()), (2, 2));

        let parts = one.part(Some(&HashSet::from(["a".to_owned()])));
        assert_eq!((one.len(), one.owed_count()), (1, 0));
        assert!(one.is_current(object("b", "x", "3"), "7"));
        assert_eq!(parts.len(), 2);

        let mut other = Ledger::new();
        other.begin_pass();
        for known in parts {
            other.adopt(known);
        }
        assert_eq!((other.len(), other.owed_count()), (1, 2));
        assert!(other.is_current(object("a", "y", "2"), "8"));
        assert_eq!(other.given(object("a", "y", "2")), sink);
        assert_eq!(other.dirty(object("a", "y", "2"), "8"), sink);
        assert_eq!(other.mourned(object("a", "x", "")), sink);
        // Not shown by a pass of its new owner yet.
        assert_eq!(other.unseen().len(), 1);

        for known in other.part(None) {
            one.adopt(known);
        }
        assert_eq!((one.len(), one.owed_count()), (2, 2));
        assert_eq!((other.len(), other.owed_count()), (0, 0));
    }
}
