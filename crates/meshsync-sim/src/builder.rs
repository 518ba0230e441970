//! What a simulator is started with.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    api::{GroupResource, builtin_catalog},
    auth::{User, ensure_default_roles},
    error::{LoadError, SimError},
    generate::{Generate, Sizes, generate},
    http::{Tls, listen},
    load::{ensure_namespace, load_capture, load_manifests},
    shared::{Settings, Shared},
    sim::Sim,
    store::{Store, WriteOptions},
};

/// `uid` of the `kube-system` namespace of every cluster that was not captured: a fixed cluster id.
pub const KUBE_SYSTEM_UID: &str = "6b1d5a0e-3f0c-4b7e-9a52-0c8f5d2e7a11";

const VERSION: &str = r#"{
  "major": "1",
  "minor": "36",
  "gitVersion": "v1.36.0-sim",
  "gitCommit": "",
  "gitTreeState": "clean",
  "buildDate": "1970-01-01T00:00:00Z",
  "goVersion": "none",
  "compiler": "rustc",
  "platform": "linux/amd64"
}"#;

/// Builds a [`Sim`]. Starts from an empty cluster with the usual resources and namespaces.
#[derive(Debug)]
#[must_use]
pub struct SimBuilder {
    store: Store,
    version: Bytes,
    unavailable_groups: Vec<String>,
    bind: SocketAddr,
    bookmark_interval: Duration,
    history: usize,
    watch_lag_max: u64,
    request_log: usize,
    token: Option<String>,
    users: Vec<(String, User)>,
    rbac: bool,
    clock: Option<Timestamp>,
    history_since: Option<u64>,
    version_wait: Duration,
    drops_managed_fields: bool,
    tls: bool,
    watch_list: bool,
    aggregated_discovery: bool,
}

impl Default for SimBuilder {
    fn default() -> Self {
        let mut store = Store::new(builtin_catalog(), usize::MAX);
        add_namespaces(&mut store);
        Self {
            store,
            version: Bytes::from_static(VERSION.as_bytes()),
            unavailable_groups: Vec::new(),
            bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            bookmark_interval: Duration::from_secs(60),
            history: 20_000,
            watch_lag_max: 10_000,
            request_log: 10_000,
            token: None,
            users: Vec::new(),
            rbac: false,
            clock: None,
            history_since: None,
            version_wait: Duration::from_secs(3),
            drops_managed_fields: false,
            tls: false,
            watch_list: true,
            aggregated_discovery: true,
        }
    }
}

fn add_namespaces(store: &mut Store) {
    let system = json!({"metadata": {"name": "kube-system", "uid": KUBE_SYSTEM_UID}});
    if let Err(status) = store.create(
        &GroupResource::new("", "namespaces"),
        "",
        system,
        WriteOptions::default(),
    ) {
        tracing::warn!(%status, "kube-system not created");
    }
    for name in ["default", "kube-node-lease", "kube-public"] {
        if let Err(message) = ensure_namespace(store, name) {
            tracing::warn!(message, "namespace not created");
        }
    }
}

impl SimBuilder {
    /// Replaces the cluster by a captured one.
    ///
    /// # Errors
    ///
    /// When the directory has no readable discovery documents, or a list is malformed.
    pub fn capture(mut self, dir: impl AsRef<Path>) -> Result<Self, LoadError> {
        let capture = load_capture(dir.as_ref(), usize::MAX)?;
        self.store = capture.store;
        self.unavailable_groups = capture.unavailable_groups;
        if let Some(version) = capture.version {
            self.version = version;
        }
        Ok(self)
    }

    /// The same as it was, or will be, at a version: objects that were changed later are left out,
    /// and the cluster is at that version.
    ///
    /// # Errors
    ///
    /// As [`SimBuilder::capture`].
    pub fn capture_at(self, dir: impl AsRef<Path>, version: u64) -> Result<Self, LoadError> {
        let mut builder = self.capture(dir)?;
        builder.store.truncate_to(version);
        Ok(builder)
    }

    /// Adds the objects of a manifest file, or of every manifest below a directory.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or parsed, or holds a kind the cluster does not serve.
    pub fn manifests(mut self, path: impl AsRef<Path>) -> Result<Self, LoadError> {
        load_manifests(&mut self.store, path.as_ref())?;
        Ok(self)
    }

    /// Adds a generated cluster. Takes a few seconds for 100,000 objects.
    pub fn generate(self, options: Generate) -> Self {
        self.generate_sized(options, Sizes::Natural)
    }

    /// The same with a say in how large the objects are.
    pub fn generate_sized(mut self, options: Generate, sizes: Sizes) -> Self {
        generate(&mut self.store, &options, sizes);
        self
    }

    /// Address to listen on; `127.0.0.1:0` unless told.
    pub fn bind(mut self, addr: SocketAddr) -> Self {
        self.bind = addr;
        self
    }

    /// Time between bookmarks of a watch; one minute unless told.
    pub fn bookmark_interval(mut self, interval: Duration) -> Self {
        self.bookmark_interval = interval;
        self
    }

    /// Changes remembered per resource; 20,000 unless told. Older versions answer 410.
    pub fn history(mut self, changes: usize) -> Self {
        self.history = changes;
        self
    }

    /// Changes a watch may lag behind before it is closed; 10,000 unless told.
    pub fn watch_lag_max(mut self, changes: u64) -> Self {
        self.watch_lag_max = changes;
        self
    }

    /// Requests kept in the log; 10,000 unless told.
    pub fn request_log(mut self, requests: usize) -> Self {
        self.request_log = requests;
        self
    }

    /// Serves HTTPS, with a certificate authority of its own ([`Sim::ca_certificate`]).
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Allows only what the Roles, ClusterRoles and bindings of the cluster allow. The default
    /// roles of a real server (`cluster-admin`, `view`, `edit`, `system:discovery`, ...) are added
    /// unless they are there.
    pub fn rbac(mut self) -> Self {
        self.rbac = true;
        self
    }

    /// How long a request waits for a version from the future before it is answered 504; three
    /// seconds unless told, as on a real server.
    pub fn version_wait(mut self, wait: Duration) -> Self {
        self.version_wait = wait;
        self
    }

    /// Tells ages in tables by this time instead of the machine's.
    pub fn ages_at(mut self, time: SystemTime) -> Self {
        self.clock = Timestamp::try_from(time).ok();
        self
    }

    /// Lets the history reach back to a version: what was loaded counts as created since, as far as
    /// it is newer. Unless told, a watch can start at the version of the start and after.
    pub fn history_since(mut self, version: u64) -> Self {
        self.history_since = Some(version);
        self
    }

    /// Leaves `metadata.managedFields` out for clients that ask for that in `Accept`
    /// (`drop=metadata.managedFields`), as Kubernetes 1.37 does; unless told, the parameter is
    /// ignored, as older servers do.
    /// <https://github.com/kubernetes/enhancements/issues/5958>
    pub fn drop_managed_fields(mut self) -> Self {
        self.drops_managed_fields = true;
        self
    }

    /// Accepts a token as a user's. [`Sim::users`] does the same while the simulator runs.
    pub fn user(mut self, token: impl Into<String>, user: User) -> Self {
        self.users.push((token.into(), user));
        self
    }

    /// Requires a bearer token; its bearer is an administrator.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Refuses `sendInitialEvents`, as a server without the WatchList feature does.
    pub fn without_watch_list(mut self) -> Self {
        self.watch_list = false;
        self
    }

    /// Serves legacy discovery only, as a server before 1.27 does.
    pub fn without_aggregated_discovery(mut self) -> Self {
        self.aggregated_discovery = false;
        self
    }

    /// Binds and serves.
    ///
    /// # Errors
    ///
    /// [`SimError::Bind`] when the address cannot be bound, [`SimError::Tls`] when no certificate
    /// can be made.
    pub async fn start(mut self) -> Result<Sim, SimError> {
        if self.rbac {
            ensure_default_roles(&mut self.store);
        }
        self.store.begin_history(self.history, self.history_since);
        let tls = self
            .tls
            .then(|| Tls::new(self.bind.ip()))
            .transpose()
            .map_err(|error| SimError::Tls(error.into()))?;
        let settings = Settings {
            request_log: self.request_log,
            bookmark_interval: self.bookmark_interval,
            watch_lag_max: self.watch_lag_max,
            version: self.version,
            rbac: self.rbac,
            clock: self.clock,
            version_wait: self.version_wait,
            drops_managed_fields: self.drops_managed_fields,
            tls,
        };
        let shared = Shared::new(self.store, settings);
        for (token, user) in self.users {
            shared.users.accept(token, user);
        }
        let faults = &shared.faults;
        faults.require_token(self.token.as_deref());
        self.unavailable_groups
            .iter()
            .for_each(|group| faults.group_unavailable(group));
        if !self.watch_list {
            faults.refuse_watch_list();
        }
        if !self.aggregated_discovery {
            faults.disable_aggregated_discovery();
        }
        let shared = Arc::new(shared);
        let bind = self.bind;
        let listener = listen(Arc::clone(&shared), bind)
            .await
            .map_err(|source| SimError::Bind { addr: bind, source })?;
        Ok(Sim::new(shared, listener))
    }
}
