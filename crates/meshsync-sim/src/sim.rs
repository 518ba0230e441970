//! The handle of a running simulator.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use crate::{
    api::{GroupResource, Status, split_api_version},
    auth::{User, Users},
    builder::SimBuilder,
    error::{SimError, WriteError},
    faults::{FaultScope, Faults},
    generate::{Churn, churn},
    http::{Listener, listen},
    kubeconfig::{Credential, kubeconfig},
    requests::RequestLog,
    shared::Shared,
    store::{
        DeleteOptions, Object, Store, StoreBackup, WriteOptions, decode, merge_patch, object_key,
    },
};

/// A running simulator. Dropping it ends everything at once; [`Sim::stop`] ends it in order.
#[derive(Debug)]
pub struct Sim {
    shared: Arc<Shared>,
    addr: SocketAddr,
    listener: Mutex<Option<Arc<Listener>>>,
}

/// What a write made in process left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The resource.
    pub resource: GroupResource,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: u64,
}

impl Written {
    fn of(gr: &GroupResource, object: &Object) -> Self {
        Self {
            resource: gr.clone(),
            namespace: object.namespace.to_string(),
            name: object.name.to_string(),
            uid: object.uid.to_string(),
            resource_version: object.rv,
        }
    }
}

/// A state of the cluster, taken by [`Sim::backup`]. It shares what has not changed since.
#[derive(Clone, Debug)]
pub struct Backup(StoreBackup);

/// One object of a [`Sim::snapshot`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SnapshotObject {
    /// API group; empty for core.
    pub group: String,
    /// Plural name.
    pub plural: String,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: u64,
    /// The object as a watch would send it, in the preferred version.
    pub bytes: Bytes,
}

impl Sim {
    /// Starts describing a simulator.
    pub fn builder() -> SimBuilder {
        SimBuilder::default()
    }

    pub(crate) fn new(shared: Arc<Shared>, listener: Listener) -> Self {
        let addr = listener.addr;
        Self {
            shared,
            addr,
            listener: Mutex::new(Some(Arc::new(listener))),
        }
    }

    /// The address served.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The URL served, without a trailing slash.
    pub fn url(&self) -> String {
        let scheme = match self.shared.tls {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.addr)
    }

    /// The certificate of the authority that signed the server's, as PEM; `None` without TLS.
    pub fn ca_certificate(&self) -> Option<&str> {
        self.shared.tls.as_ref().map(|tls| tls.ca_pem.as_str())
    }

    /// The tokens accepted, and whom they stand for.
    pub fn users(&self) -> &Users {
        &self.shared.users
    }

    /// A kubeconfig for this simulator: with the token it requires now, with one for an
    /// administrator where RBAC is enforced, else without.
    pub fn kubeconfig(&self) -> String {
        match self.shared.faults.token() {
            Some(token) => self.kubeconfig_with(Credential::Token(&token)),
            None if self.shared.authorizer.enforces() => self.kubeconfig_as(User::admin()),
            None => self.kubeconfig_with(Credential::None),
        }
    }

    /// A kubeconfig with a new token for a user.
    pub fn kubeconfig_as(&self, user: User) -> String {
        self.kubeconfig_with(Credential::Token(&self.users().issue(user)))
    }

    /// A kubeconfig with the given credential.
    pub fn kubeconfig_with(&self, credential: Credential<'_>) -> String {
        kubeconfig(&self.url(), self.ca_certificate(), credential)
    }

    /// Faults to switch on and off.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The requests served so far.
    pub fn requests(&self) -> &RequestLog {
        &self.shared.requests
    }

    /// The current resource version of the cluster.
    pub fn resource_version(&self) -> u64 {
        self.shared.read().rv
    }

    /// Requests that wait for a version that is not there yet.
    pub fn waiting_for_version(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Number of objects in the cluster.
    pub fn object_count(&self) -> usize {
        self.shared
            .read()
            .tables
            .values()
            .map(|table| table.objects.len())
            .sum()
    }

    /// Forgets the history, so that every version but the current one answers 410. Watches that
    /// are open go on.
    pub fn compact(&self) {
        self.shared.write().compact();
    }

    /// Creates the object, or replaces the one of its name, status included.
    ///
    /// # Errors
    ///
    /// When the cluster serves no such kind or the object has no name.
    pub fn apply(&self, object: Value) -> Result<Written, WriteError> {
        let mut store = self.shared.write();
        let (gr, namespace) = place(&store, &object)?;
        let name = object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let options = WriteOptions::default();
        let written = if store.get(&gr, &object_key(&namespace, &name)).is_some() {
            let mut object = object;
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.remove("resourceVersion");
                metadata.remove("uid");
            }
            store.update(&gr, &namespace, &name, object, options)?
        } else {
            store.create(&gr, &namespace, object, options)?
        };
        Ok(Written::of(&gr, &written))
    }

    /// Changes an object by a JSON merge patch, status included.
    ///
    /// # Errors
    ///
    /// 404 when there is no such object.
    pub fn patch(
        &self,
        group: &str,
        plural: &str,
        namespace: Option<&str>,
        name: &str,
        patch: &Value,
    ) -> Result<Written, WriteError> {
        let gr = GroupResource::new(group, plural);
        let options = WriteOptions::default();
        let written = self.shared.write().change(
            &gr,
            namespace.unwrap_or_default(),
            name,
            options,
            |mut object| {
                merge_patch(&mut object, patch);
                Ok(object)
            },
        )?;
        Ok(Written::of(&gr, &written))
    }

    /// Deletes an object; one with finalizers is only marked.
    ///
    /// # Errors
    ///
    /// 404 when there is no such object.
    pub fn delete(
        &self,
        group: &str,
        plural: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Written, WriteError> {
        let gr = GroupResource::new(group, plural);
        let options = DeleteOptions::default();
        let (object, _) =
            self.shared
                .write()
                .delete(&gr, namespace.unwrap_or_default(), name, &options)?;
        Ok(Written::of(&gr, &object))
    }

    /// Repeats a line of a recorded watch: the object as it was, at the version it carries. A
    /// bookmark lets versions pass.
    ///
    /// # Errors
    ///
    /// 400 when the line is no watch event, 404 when the cluster serves no such kind.
    pub fn replay(&self, line: &[u8]) -> Result<(), WriteError> {
        let event: Value = serde_json::from_slice(line)
            .map_err(|error| Status::bad_request(format!("not a watch event: {error}")))?;
        self.shared.write().replay(&event)?;
        Ok(())
    }

    /// Stores bytes under a name, to be served exactly as they are, however malformed.
    ///
    /// # Errors
    ///
    /// 404 when the cluster has no such resource.
    pub fn put_raw(
        &self,
        group: &str,
        plural: &str,
        namespace: Option<&str>,
        name: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<Written, WriteError> {
        let gr = GroupResource::new(group, plural);
        let object =
            self.shared
                .write()
                .put_raw(&gr, namespace.unwrap_or_default(), name, bytes.into())?;
        Ok(Written::of(&gr, &object))
    }

    /// One object in its preferred version; `None` when absent or malformed.
    pub fn object(
        &self,
        group: &str,
        plural: &str,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Value> {
        let gr = GroupResource::new(group, plural);
        let store = self.shared.read();
        let object = store.get(&gr, &object_key(namespace.unwrap_or_default(), name))?;
        decode(object, &store.framing(&gr)?)
    }

    /// Every object there is now, sorted by resource, namespace and name. The picture is
    /// consistent; bytes are put together while iterating.
    pub fn snapshot(&self) -> impl Iterator<Item = SnapshotObject> + use<> {
        let store = self.shared.read();
        let mut tables: Vec<_> = store
            .tables
            .iter()
            .filter(|(_, table)| !table.has_ended())
            .filter_map(|(gr, table)| {
                let objects: Vec<Arc<Object>> = table.objects.values().cloned().collect();
                Some((gr.clone(), store.framing(gr)?, objects))
            })
            .collect();
        drop(store);
        tables.sort_by(|a, b| a.0.cmp(&b.0));
        tables.into_iter().flat_map(|(gr, framing, objects)| {
            objects.into_iter().map(move |object| {
                let mut bytes = BytesMut::new();
                framing.put_object(&mut bytes, &object);
                SnapshotObject {
                    group: gr.group.clone(),
                    plural: gr.plural.clone(),
                    namespace: object.namespace.to_string(),
                    name: object.name.to_string(),
                    uid: object.uid.to_string(),
                    resource_version: object.rv,
                    bytes: bytes.freeze(),
                }
            })
        })
    }

    /// Lets what serves the requests in scope stand still at the present version, as a replica whose
    /// watch cache no longer follows, until [`Faults::catch_up`]. Lists and gets without a version
    /// stay consistent; those that any version satisfies show the old state, watches hold back what
    /// is newer, and who asks for a newer version waits, then gets a 504.
    pub fn lag(&self, scope: FaultScope) {
        let version = self.resource_version();
        self.faults().lag_at(scope, version);
    }

    /// The state of the cluster, to go back to.
    pub fn backup(&self) -> Backup {
        Backup(self.shared.read().backup())
    }

    /// Crashes the server and brings it back with an older state: objects and resource version are
    /// those of the backup, as when etcd is restored. Versions handed out since are from the future
    /// until they are handed out again, for other changes.
    ///
    /// # Errors
    ///
    /// [`SimError::Bind`] when the port is taken meanwhile.
    pub async fn restore(&self, backup: &Backup) -> Result<(), SimError> {
        self.stop_listener().await;
        self.shared.write().restore(&backup.0);
        self.start_listener().await
    }

    /// Crashes the server and brings it back with the same state and no history: every version but
    /// the present one is too old.
    ///
    /// # Errors
    ///
    /// [`SimError::Bind`] when the port is taken meanwhile.
    pub async fn restart(&self) -> Result<(), SimError> {
        self.stop_listener().await;
        self.compact();
        self.start_listener().await
    }

    /// Changes the cluster about `per_second` times a second until the handle is stopped.
    pub fn churn(&self, per_second: f64) -> Churn {
        churn(Arc::clone(&self.shared), per_second, 0)
    }

    /// The same with a seed of its own, so that the choice of changes can be repeated.
    pub fn churn_seeded(&self, per_second: f64, seed: u64) -> Churn {
        churn(Arc::clone(&self.shared), per_second, seed)
    }

    fn take_listener(&self) -> Option<Arc<Listener>> {
        self.listener
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Drops every connection and stops listening, as a crashed server does. Objects stay.
    pub async fn stop_listener(&self) {
        if let Some(listener) = self.take_listener() {
            listener.crash().await;
        }
    }

    /// Listens again on the same port after [`Sim::stop_listener`].
    ///
    /// # Errors
    ///
    /// [`SimError::Bind`] when the port is taken.
    pub async fn start_listener(&self) -> Result<(), SimError> {
        if let Some(listener) = self.take_listener() {
            listener.crash().await;
        }
        let listener = listen(Arc::clone(&self.shared), self.addr)
            .await
            .map_err(|source| SimError::Bind {
                addr: self.addr,
                source,
            })?;
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(listener));
        Ok(())
    }

    /// Ends watches, lets responses finish (at most two seconds), and closes.
    pub async fn stop(self) {
        if let Some(listener) = self.take_listener() {
            listener.stop().await;
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if let Some(listener) = self.take_listener() {
            listener.cancel();
        }
    }
}

/// The resource and namespace an object belongs to.
fn place(store: &Store, object: &Value) -> Result<(GroupResource, String), Status> {
    let (group, version) = split_api_version(object["apiVersion"].as_str().unwrap_or_default());
    let kind = object["kind"].as_str().unwrap_or_default();
    let found = store
        .catalog
        .by_kind(group, version, kind)
        .ok_or_else(Status::no_resource)?;
    let namespace = match object["metadata"]["namespace"].as_str() {
        _ if !found.resource.namespaced() => "",
        None | Some("") => "default",
        Some(namespace) => namespace,
    };
    Ok((
        GroupResource::new(group, found.resource.resource.as_str()),
        namespace.to_owned(),
    ))
}
