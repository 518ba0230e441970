//! From a change to the bytes each sink wants, into its outbox.

use std::sync::Arc;

use bytes::Bytes;
use meshsync_broker::{Novelty, Offer, Offered, Outlet, Received, Wire};
use meshsync_informer::{Deliver, SinkSet};
use meshsync_model::wire::meshery::{Encoder, Extra, Fidelity};
use meshsync_model::wire::record;
use meshsync_model::{
    Change, ContentHash, Context, Deleted, Object, ObjectKey, ObjectRef, Resource, ResourceId,
    Secrets,
};

use crate::buffers::Buffers;
use crate::fingerprints::Watcher;
use crate::outlets::{OutletRoom, Outlets};

/// One resource task's way to the sinks. Every format is encoded at most once
/// per change, straight from the object's slices.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    outlets: Arc<Outlets>,
    secrets: Secrets,
    meshery: Encoder,
    /// The task's resource and its id, made once and shared by all that leaves.
    resource: Option<(Arc<Resource>, Arc<ResourceId>)>,
    prints: Option<Watcher>,
}

/// What has been made of one change so far.
#[derive(Default)]
struct Encoded {
    /// Hash of the object in the buffers' body; made only if some sink wants it.
    hash: Option<ContentHash>,
    /// Payloads by format and whether they say that the object is new.
    payloads: Vec<(Wire, bool, Bytes)>,
    buffers: Buffers,
}

impl Dispatcher {
    pub(crate) fn new(outlets: Arc<Outlets>, secrets: Secrets, fidelity: Fidelity) -> Self {
        Self {
            outlets,
            secrets,
            meshery: Encoder::new(fidelity, secrets),
            resource: None,
            prints: None,
        }
    }

    /// Lets what is installed be told from the objects that pass.
    pub(crate) fn watched_by(mut self, prints: Option<Watcher>) -> Self {
        self.prints = prints;
        self
    }

    /// Lets somebody add to what Meshery is told.
    pub(crate) fn with_extra(mut self, extra: Option<Arc<dyn Extra>>) -> Self {
        self.meshery = self.meshery.with_extra(extra);
        self
    }

    fn resource(&mut self, context: &Context<'_>) -> (Arc<Resource>, Arc<ResourceId>) {
        let make = || {
            let resource = Arc::new(context.resource.clone());
            let id = Arc::new(resource.id());
            (resource, id)
        };
        self.resource.get_or_insert_with(make).clone()
    }

    fn payload(
        &mut self,
        outlet: &Outlet,
        context: &Context<'_>,
        change: &Change<'_>,
        encoded: &mut Encoded,
    ) -> Bytes {
        let added = matches!(change, Change::Added(_));
        let wire = outlet.wire();
        let known = encoded
            .payloads
            .iter()
            .find(|(known, event, _)| *known == wire && *event == added);
        if let Some((_, _, payload)) = known {
            return payload.clone();
        }
        let hash = match (wire, change) {
            (Wire::Meshery, _) | (_, Change::Synced { .. }) => None,
            _ => self.emit(context, change, encoded),
        };
        let Buffers { body, payload } = &mut encoded.buffers;
        payload.clear();
        match (wire, change) {
            (Wire::Record, _) => {
                let emitted = hash.map(|hash| (body.as_slice(), hash));
                record::push_record(payload, context, change, emitted);
            }
            (Wire::Meshery, _) => {
                self.meshery.encode(payload, context, change);
            }
            (_, Change::Synced { .. }) => {}
            (_, Change::Deleted(Deleted::Partial(object))) => {
                record::push_identity(payload, context.resource, *object);
            }
            _ => payload.extend_from_slice(body),
        }
        let payload = Bytes::copy_from_slice(payload);
        encoded.payloads.push((wire, added, payload.clone()));
        payload
    }

    /// Writes the change's object into the body, once; `None` where it has none.
    fn emit(
        &self,
        context: &Context<'_>,
        change: &Change<'_>,
        encoded: &mut Encoded,
    ) -> Option<ContentHash> {
        let object = change.object()?;
        let body = &mut encoded.buffers.body;
        let hash = *encoded.hash.get_or_insert_with(|| {
            body.clear();
            record::push_object(body, context.resource, object, self.secrets)
        });
        Some(hash)
    }
}

impl Deliver for Dispatcher {
    type Room = OutletRoom;

    fn sinks(&self) -> SinkSet {
        self.outlets.set()
    }

    fn state(
        &mut self,
        context: &Context<'_>,
        object: &Object<'_>,
        to: SinkSet,
        given: SinkSet,
    ) -> SinkSet {
        if let Some(prints) = &mut self.prints {
            prints.see(context, object);
        }
        let (resource, id) = self.resource(context);
        let key = key_of(id, object.object_ref());
        let received = received(context);
        let mut encoded = Encoded::default();
        let mut taken = SinkSet::NONE;
        let outlets = Arc::clone(&self.outlets);
        for (at, outlet) in outlets.of(to) {
            let mut novelty = match (given.contains(at), outlet.waits_first(&key)) {
                (false, _) => Novelty::First,
                (true, true) => Novelty::ReplacesFirst,
                (true, false) => Novelty::Known,
            };
            loop {
                let change = match novelty {
                    Novelty::First | Novelty::ReplacesFirst => Change::Added(object),
                    Novelty::Known => Change::Modified(object),
                };
                let payload = self.payload(outlet, context, &change, &mut encoded);
                let offer = Offer::State { novelty, payload };
                match outlet.offer_received(received, &resource, &key, offer) {
                    // The sink took the first state between the two looks; only
                    // this task offers states of this key, so it stays taken.
                    Offered::TooLate => novelty = Novelty::Known,
                    Offered::Taken => {
                        taken = taken.with(SinkSet::one(at));
                        break;
                    }
                    Offered::Full | Offered::Annihilated => break,
                }
            }
        }
        taken
    }

    fn gone(&mut self, context: &Context<'_>, object: ObjectRef<'_>) {
        if let Some(prints) = &mut self.prints {
            prints.gone(context, object);
        }
    }

    fn delete(&mut self, context: &Context<'_>, deleted: Deleted<'_>, to: SinkSet) -> SinkSet {
        if to.is_empty() {
            return SinkSet::NONE;
        }
        let object = match &deleted {
            Deleted::Partial(object) => *object,
            Deleted::Last(object) => object.object_ref(),
        };
        let (resource, id) = self.resource(context);
        let key = key_of(id, object);
        let change = Change::Deleted(deleted);
        let received = received(context);
        let mut encoded = Encoded::default();
        let mut told = SinkSet::NONE;
        let outlets = Arc::clone(&self.outlets);
        for (at, outlet) in outlets.of(to) {
            let payload = self.payload(outlet, context, &change, &mut encoded);
            let offer = Offer::Delete { payload };
            match outlet.offer_received(received, &resource, &key, offer) {
                Offered::Taken | Offered::Annihilated => told = told.with(SinkSet::one(at)),
                Offered::Full | Offered::TooLate => {}
            }
        }
        told
    }

    fn synced(&mut self, context: &Context<'_>, change: &Change<'_>, to: SinkSet) {
        let (resource, id) = self.resource(context);
        let mut encoded = Encoded::default();
        let outlets = Arc::clone(&self.outlets);
        for (_, outlet) in outlets.of(to) {
            let payload = self.payload(outlet, context, change, &mut encoded);
            outlet.synced(Some(Arc::clone(&resource)), payload);
        }
        self.outlets.note_synced(&id, to);
    }

    fn room(&self) -> OutletRoom {
        OutletRoom::new(Arc::clone(&self.outlets))
    }
}

/// Every change says when it was observed: no other clock is looked at.
fn received(context: &Context<'_>) -> Received {
    Received::from_micros(context.observed.as_microsecond())
}

fn key_of(resource: Arc<ResourceId>, object: ObjectRef<'_>) -> Arc<ObjectKey> {
    Arc::new(ObjectKey {
        resource,
        namespace: object.namespace.map(Into::into),
        name: object.name.into(),
    })
}
