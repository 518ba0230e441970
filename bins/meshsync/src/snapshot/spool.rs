//! A sink that keeps each object's last state in a file.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use meshsync::model::{ObjectKey, ResourceId};
use meshsync::{Batch, BoxFuture, Delivery, EventType, Published, Sink, SinkError, Wire};

use crate::failure::Failure;

const NAME: &str = "snapshot:";

/// Where a payload lies in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) len: usize,
}

/// What has arrived, while it arrives.
#[derive(Debug)]
pub(super) struct Spool {
    file: BufWriter<File>,
    len: u64,
    objects: HashMap<Arc<ObjectKey>, Extent>,
    /// The records that say that a resource, and in the end all, is complete.
    synced: Vec<Extent>,
    /// Resources whose list is complete: later changes are not of it.
    listed: HashSet<ResourceId>,
    complete: bool,
    error: Option<io::Error>,
}

/// A complete snapshot, unordered.
#[derive(Debug)]
pub(super) struct Spooled {
    pub(super) file: File,
    pub(super) objects: HashMap<Arc<ObjectKey>, Extent>,
    pub(super) synced: Vec<Extent>,
    pub(super) resources: usize,
}

/// The end of the spool that is left when the sink is gone.
#[derive(Debug)]
pub(super) struct SpoolHandle(Arc<Mutex<Spool>>);

/// The sink.
#[derive(Debug)]
pub(super) struct SpoolSink {
    wire: Wire,
    spool: Arc<Mutex<Spool>>,
}

impl Spool {
    /// A sink and what it leaves behind. The file has no name and is in `dir`, or
    /// where temporary files go.
    pub(super) fn create(wire: Wire, dir: Option<&Path>) -> io::Result<(SpoolSink, SpoolHandle)> {
        let file = match dir {
            Some(dir) => tempfile::tempfile_in(dir),
            None => tempfile::tempfile(),
        }?;
        let spool = Arc::new(Mutex::new(Self {
            file: BufWriter::new(file),
            len: 0,
            objects: HashMap::new(),
            synced: Vec::new(),
            listed: HashSet::new(),
            complete: false,
            error: None,
        }));
        let sink = SpoolSink {
            wire,
            spool: Arc::clone(&spool),
        };
        Ok((sink, SpoolHandle(spool)))
    }

    fn take(&mut self, delivery: &Delivery) -> io::Result<()> {
        let resource = delivery.resource.as_ref().map(|resource| resource.id());
        if self.complete || resource.as_ref().is_some_and(|id| self.listed.contains(id)) {
            return Ok(());
        }
        match (delivery.event, &delivery.key) {
            (EventType::Synced, _) => {
                if !delivery.payload.is_empty() {
                    let extent = self.append(&delivery.payload)?;
                    self.synced.push(extent);
                }
                self.listed.extend(resource);
                self.complete = delivery.is_full_sync();
            }
            (EventType::Deleted, Some(key)) => {
                self.objects.remove(key);
            }
            (_, Some(key)) => {
                let extent = self.append(&delivery.payload)?;
                self.objects.insert(Arc::clone(key), extent);
            }
            (_, None) => {}
        }
        Ok(())
    }

    fn append(&mut self, payload: &[u8]) -> io::Result<Extent> {
        self.file.write_all(payload)?;
        let offset = self.len;
        self.len += payload.len() as u64;
        Ok(Extent {
            offset,
            len: payload.len(),
        })
    }
}

impl SpoolHandle {
    /// What was spooled.
    ///
    /// # Errors
    ///
    /// When not everything was.
    pub(super) fn finish(self) -> Result<Spooled, Failure> {
        let mut spool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = spool.error.take() {
            let error = anyhow::Error::new(error);
            return Err(Failure::other(error.context(
                "failed to write a temporary file: check the free space where it lies (beside -o \
                 FILE, else in $TMPDIR)",
            )));
        }
        if !spool.complete {
            return Err(Failure::interrupted(
                "stopped before the snapshot was complete; nothing was written",
            ));
        }
        let file = (|| {
            spool.file.flush()?;
            let mut file = spool.file.get_ref().try_clone()?;
            file.seek(SeekFrom::Start(0))?;
            Ok::<_, io::Error>(file)
        })();
        Ok(Spooled {
            file: file.map_err(Failure::other)?,
            objects: std::mem::take(&mut spool.objects),
            synced: std::mem::take(&mut spool.synced),
            resources: spool.listed.len(),
        })
    }
}

impl Sink for SpoolSink {
    fn name(&self) -> String {
        NAME.to_owned()
    }

    fn wire(&self) -> Wire {
        self.wire
    }

    fn publish<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<Published, SinkError>> {
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = batch
            .deliveries
            .iter()
            .try_for_each(|delivery| spool.take(delivery));
        let result = taken.map(|()| Published::default()).map_err(|error| {
            // Not one to wait for: the pipeline ends, and the command says why.
            spool.error = Some(error);
            SinkError::Closed {
                sink: NAME.to_owned(),
            }
        });
        Box::pin(std::future::ready(result))
    }
}

#[cfg(test)]
mod tests {
    use meshsync::model::{Gvk, Resource};

    use super::*;

    fn delivery(event: EventType, plural: &str, name: &str) -> Delivery {
        let resource = Resource::new(Gvk::new("", "v1", plural), plural, false);
        let key = ObjectKey {
            resource: resource.id().into(),
            namespace: None,
            name: name.into(),
        };
        Delivery {
            event,
            key: (event != EventType::Synced).then(|| Arc::new(key)),
            resource: (!plural.is_empty()).then(|| Arc::new(resource)),
            payload: format!("{event} {name}").into(),
            subject: None,
        }
    }

    #[test]
    fn a_resource_is_as_it_was_when_its_list_was_complete() {
        use EventType::{Added, Deleted, Modified, Synced};
        let (sink, handle) = Spool::create(Wire::Record, None).unwrap();
        {
            let mut spool = sink.spool.lock().unwrap();
            for (event, plural, name) in [
                (Added, "nodes", "a"),
                (Added, "nodes", "gone"),
                (Modified, "nodes", "a"),
                (Deleted, "nodes", "gone"),
                (Synced, "nodes", ""),
                (Added, "nodes", "late"),
                (Deleted, "nodes", "a"),
                (Added, "pods", "b"),
                (Synced, "", ""),
                (Added, "pods", "late"),
            ] {
                spool.take(&delivery(event, plural, name)).unwrap();
            }
        }
        let spooled = handle.finish().unwrap();
        let mut names: Vec<&str> = spooled.objects.keys().map(|key| &*key.name).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(spooled.synced.len(), 2);
    }

    #[test]
    fn what_is_not_complete_is_no_snapshot() {
        let (_sink, handle) = Spool::create(Wire::Record, None).unwrap();
        assert!(handle.finish().is_err());
    }
}
