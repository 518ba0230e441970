//! One check: what a list shows against what is known. Pure.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use meshsync_model::{Object, ResourceVersion, Uid};

use super::super::ask::Found;
use crate::Deliver;
use crate::ledger::{Digest, OwnedRef};
use crate::picture::Picture;

/// At most this many differences are looked into after one list. If any of them
/// lasts, the list that follows repairs the others, too.
pub(super) const SUSPECTS_MAX: usize = 1_000;

/// A state of an object.
pub(super) type State = (Uid, ResourceVersion);

/// What a list is read for.
#[derive(Debug)]
pub(super) enum Look {
    /// Whether anything differs.
    Sum(Digest),
    /// What differs.
    Explain(Explain),
}

#[derive(Debug, Default)]
pub(super) struct Explain {
    key: RandomState,
    /// Hashes of the names that were shown: eight bytes for each object, while
    /// the list is read.
    shown: HashSet<u64>,
    objects: u64,
    suspects: Vec<Suspect>,
}

/// An object that the list shows otherwise than it is known. It may have changed
/// in the meantime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Suspect {
    pub(super) object: OwnedRef,
    pub(super) known: Option<State>,
    pub(super) listed: Option<State>,
}

/// How an object that did not change in the meantime differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    /// The server has it, and it is not known.
    Missing,
    /// It is known, and the server does not have it.
    Extra,
    /// It is known in another state.
    Other,
}

impl Look {
    /// One item of the list.
    pub(super) fn item<D: Deliver>(&mut self, object: &Object<'_>, picture: &Picture<D>) {
        if !picture.admits(object) {
            return;
        }
        let state = (
            Uid::new(object.uid()),
            ResourceVersion::new(object.resource_version()),
        );
        match self {
            Self::Sum(digest) => {
                digest.add(object.namespace(), object.name(), &state.0, &state.1);
            }
            Self::Explain(explain) => explain.item(object, state, picture),
        }
    }
}

impl Explain {
    fn item<D: Deliver>(&mut self, object: &Object<'_>, state: State, picture: &Picture<D>) {
        let r#ref = object.object_ref();
        self.shown
            .insert(self.key.hash_one((object.namespace(), object.name())));
        self.objects += 1;
        let known = picture.state(r#ref);
        if known.as_ref() != Some(&state) {
            self.suspect(Suspect {
                object: OwnedRef {
                    namespace: object.namespace().map(Into::into),
                    name: object.name().into(),
                    uid: object.uid().to_owned(),
                },
                known,
                listed: Some(state),
            });
        }
    }

    fn suspect(&mut self, suspect: Suspect) {
        if self.suspects.len() < SUSPECTS_MAX {
            self.suspects.push(suspect);
        }
    }

    /// The list is complete: who is suspect, and how many objects it showed.
    pub(super) fn finish<D: Deliver>(mut self, picture: &Picture<D>) -> (Vec<Suspect>, u64) {
        for object in picture.objects() {
            let name = (object.namespace.as_deref(), &*object.name);
            if !self.shown.contains(&self.key.hash_one(name)) {
                let known = picture.state(object.as_ref());
                self.suspect(Suspect {
                    object,
                    known,
                    listed: None,
                });
            }
        }
        (self.suspects, self.objects)
    }
}

impl Suspect {
    /// Whether it still differs: `known` is what is known by now, `found` what
    /// the server says by now. An object that changed since the list is no
    /// difference; its event came, or is on its way.
    pub(super) fn verdict(&self, known: Option<&State>, found: &Found) -> Option<Difference> {
        let found = match found {
            Found::Unknown => return None,
            Found::Nothing => None,
            Found::Object { uid, version } => Some((uid, version)),
        };
        let listed = self.listed.as_ref().map(|(uid, version)| (uid, version));
        if known != self.known.as_ref() || found != listed {
            return None;
        }
        match (known, found) {
            (None, None) => None,
            (None, Some(_)) => Some(Difference::Missing),
            (Some(_), None) => Some(Difference::Extra),
            (Some((own, at)), Some((uid, version))) => {
                (own != uid || at != version).then_some(Difference::Other)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(uid: &str, version: &str) -> State {
        (Uid::new(uid), ResourceVersion::new(version))
    }

    fn found((uid, version): State) -> Found {
        Found::Object { uid, version }
    }

    #[test]
    fn only_a_difference_that_lasts_is_one() {
        let check = |known: Option<&State>,
                     listed: Option<&State>,
                     by_now: Option<&State>,
                     says: &Found,
                     expected: Option<Difference>| {
            let suspect = Suspect {
                object: OwnedRef {
                    namespace: None,
                    name: "a".into(),
                    uid: String::new(),
                },
                known: known.cloned(),
                listed: listed.cloned(),
            };
            assert_eq!(suspect.verdict(by_now, says), expected, "{suspect:?}");
        };
        let (one, two) = (state("u", "1"), state("u", "2"));
        let says_two = found(two.clone());
        let (first, second) = (Some(&one), Some(&two));
        check(first, second, first, &says_two, Some(Difference::Other));
        check(None, second, None, &says_two, Some(Difference::Missing));
        check(first, None, first, &Found::Nothing, Some(Difference::Extra));
        // Its event came.
        check(first, second, second, &says_two, None);
        check(None, second, second, &says_two, None);
        check(first, None, None, &Found::Nothing, None);
        // It changed at the server since.
        check(first, second, first, &found(state("u", "3")), None);
        check(first, second, first, &Found::Nothing, None);
        check(first, None, first, &says_two, None);
        // Nobody knows.
        check(first, second, first, &Found::Unknown, None);
    }
}
