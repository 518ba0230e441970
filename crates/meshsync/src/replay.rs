//! Objects that are sent again because somebody asked for them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshsync_broker::{BoxFuture, Outlet};
use meshsync_informer::Reader;
use meshsync_model::wire::meshery::{CORE_SUBJECT, Encoder, Extra, Fidelity};
use meshsync_model::{Change, Context, Object, ObjectKey, Resource, Secrets};
use tokio::sync::mpsc;

/// Objects of one batch: what the original sends, and its consumers expect.
const BATCH_OBJECTS_MAX: usize = 5;

/// A batch is sent when it has this many bytes: a broker takes 1 MiB unless told
/// otherwise.
const BATCH_BYTES_MAX: usize = 512 << 10;

/// A sink that has no room for this long has nobody behind it who still waits
/// for the answer: what follows is added regardless, as fast as pages come.
const ROOM_MAX: Duration = Duration::from_secs(300);

/// How objects are sent.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// One message each, as when they were first seen.
    Added,
    /// In batches, on a subject of their own.
    Batches(Arc<str>),
}

/// Sends one resource's objects to some outlets. Each outlet gets what does not
/// wait in its outbox already, and gets it behind what does: so no older state
/// comes after a newer one.
pub(crate) struct Replay {
    resource: Arc<Resource>,
    outlets: Vec<(Arc<Outlet>, Pending)>,
    form: Form,
    subject: Arc<str>,
    encoder: Encoder,
    scratch: Vec<u8>,
    _alive: mpsc::Sender<()>,
}

/// A batch in the making.
#[derive(Default)]
struct Pending {
    objects: usize,
    bytes: Vec<u8>,
}

impl Replay {
    pub(crate) fn new(
        resource: &Arc<Resource>,
        outlets: Vec<Arc<Outlet>>,
        form: &Form,
        (fidelity, secrets): (Fidelity, Secrets),
        alive: mpsc::Sender<()>,
    ) -> Self {
        Self {
            resource: Arc::clone(resource),
            outlets: outlets
                .into_iter()
                .map(|outlet| (outlet, Pending::default()))
                .collect(),
            form: form.clone(),
            subject: match form {
                Form::Added => CORE_SUBJECT.into(),
                Form::Batches(subject) => Arc::clone(subject),
            },
            encoder: Encoder::new(fidelity, secrets),
            scratch: Vec::new(),
            _alive: alive,
        }
    }

    /// Lets somebody add to what is sent.
    pub(crate) fn with_extra(mut self, extra: Option<Arc<dyn Extra>>) -> Self {
        self.encoder = self.encoder.with_extra(extra);
        self
    }
}

impl Reader for Replay {
    fn object(&mut self, context: &Context<'_>, object: &Object<'_>) {
        let key = ObjectKey {
            resource: self.resource.id().into(),
            namespace: object.namespace().map(Into::into),
            name: object.name().into(),
        };
        self.scratch.clear();
        for (outlet, pending) in &mut self.outlets {
            // It follows by itself.
            if outlet.waits(&key) {
                continue;
            }
            if self.scratch.is_empty() {
                match self.form {
                    Form::Added => {
                        let change = Change::Added(object);
                        self.encoder.encode(&mut self.scratch, context, &change);
                    }
                    Form::Batches(_) => {
                        self.encoder
                            .encode_resource(&mut self.scratch, context, object);
                    }
                }
            }
            if matches!(self.form, Form::Added) {
                let payload = Bytes::copy_from_slice(&self.scratch);
                outlet.interject(&self.resource, &self.subject, payload);
                continue;
            }
            if !pending.fits(self.scratch.len()) {
                pending.send(outlet, &self.resource, &self.subject);
            }
            pending.push(&self.scratch);
        }
    }

    fn flush(&mut self) {
        for (outlet, pending) in &mut self.outlets {
            pending.send(outlet, &self.resource, &self.subject);
        }
    }

    fn ready(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let room = async {
                for (outlet, _) in &self.outlets {
                    outlet.room().await;
                }
            };
            drop(tokio::time::timeout(ROOM_MAX, room).await);
        })
    }
}

impl Pending {
    fn fits(&self, bytes: usize) -> bool {
        self.objects == 0
            || (self.objects < BATCH_OBJECTS_MAX && self.bytes.len() + bytes < BATCH_BYTES_MAX)
    }

    fn push(&mut self, object: &[u8]) {
        if self.objects == 0 {
            let head = br#"{"ObjectType":"","EventType":"","Request":null,"Object":["#;
            self.bytes.extend_from_slice(head);
        } else {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(object);
        self.objects += 1;
    }

    /// Sends what there is; never an empty batch.
    fn send(&mut self, outlet: &Outlet, resource: &Arc<Resource>, subject: &Arc<str>) {
        if self.objects > 0 {
            self.bytes.extend_from_slice(b"]}");
            let payload = Bytes::from(std::mem::take(&mut self.bytes));
            outlet.interject(resource, subject, payload);
            self.objects = 0;
        }
    }
}
