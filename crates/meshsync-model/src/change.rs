//! What happened to an object.

use std::fmt;

use jiff::Timestamp;

use crate::{ClusterId, Object, ObjectRef, Resource};

/// How much of an object is observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tier {
    /// Metadata only: identity, labels, annotations, owners.
    Presence,
    /// The whole object.
    Detail,
    /// The whole object, since it belongs to a product that is installed.
    Deep,
}

impl Tier {
    /// The name used in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Detail => "detail",
            Self::Deep => "deep",
        }
    }

    /// The tier of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Presence, Self::Detail, Self::Deep]
            .into_iter()
            .find(|tier| tier.as_str() == name)
    }
}

/// The four events of a record, in the words of a Kubernetes watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// Seen for the first time.
    Added,
    /// Another resourceVersion of a known object.
    Modified,
    /// No longer there.
    Deleted,
    /// All objects of a resource have been sent.
    Synced,
}

impl EventType {
    /// `ADDED`, `MODIFIED`, `DELETED` or `SYNCED`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Synced => "SYNCED",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an object is told as deleted although the cluster may still have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It is observed no more: another selection is in force, or the object has
    /// changed into one that the selection does not want.
    Unselected,
    /// It was not there any more when somebody looked again: it was deleted, or
    /// is observed no more, and nobody saw which.
    Missed,
}

impl Reason {
    /// The name used in records and headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unselected => "unselected",
            Self::Missed => "missed",
        }
    }
}

/// What is known of an object that is gone.
#[derive(Clone, Copy, Debug)]
pub enum Deleted<'a> {
    /// Its last state, as a watch sends it.
    Last(&'a Object<'a>),
    /// Identity alone: a relist found it missing, or its last state had to be
    /// dropped while a sink was away.
    Partial(ObjectRef<'a>),
}

/// One change to one object of one resource, or the news that all of a
/// resource's objects have been sent.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Seen for the first time.
    Added(&'a Object<'a>),
    /// Another resourceVersion of a known object.
    Modified(&'a Object<'a>),
    /// Gone.
    Deleted(Deleted<'a>),
    /// Every object of the resource was sent before this.
    Synced {
        /// How many objects the resource has.
        objects: u64,
        /// The resourceVersion this picture is of; empty where it is of none,
        /// such as after the resource itself vanished.
        resource_version: &'a str,
    },
}

impl<'a> Change<'a> {
    /// Which of the four events this is.
    pub fn event(&self) -> EventType {
        match self {
            Self::Added(_) => EventType::Added,
            Self::Modified(_) => EventType::Modified,
            Self::Deleted(_) => EventType::Deleted,
            Self::Synced { .. } => EventType::Synced,
        }
    }

    /// The object's state, where the change carries one.
    pub fn object(&self) -> Option<&'a Object<'a>> {
        match *self {
            Self::Added(object) | Self::Modified(object) | Self::Deleted(Deleted::Last(object)) => {
                Some(object)
            }
            Self::Deleted(Deleted::Partial(_)) | Self::Synced { .. } => None,
        }
    }

    /// The object's identity; `None` for [`Change::Synced`].
    pub fn object_ref(&self) -> Option<ObjectRef<'a>> {
        match *self {
            Self::Deleted(Deleted::Partial(object)) => Some(object),
            _ => self.object().map(Object::object_ref),
        }
    }
}

/// What a change is a change of, and when it was seen.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The cluster.
    pub scope: &'a ClusterId,
    /// The resource.
    pub resource: &'a Resource,
    /// How much of its objects is observed.
    pub tier: Tier,
    /// When this process read the change.
    pub observed: Timestamp,
    /// Why the object of a [`Change::Deleted`] leaves, where it is not that the
    /// cluster has it no more; `None` for all other changes.
    pub reason: Option<Reason>,
}
