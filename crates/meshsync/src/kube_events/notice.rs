//! What is said, and about what.

use meshsync_model::ObjectRef;
use tokio::sync::mpsc;

use super::writer::EventWriter;

/// Notices that wait to be written at most.
const WAITING_MAX: usize = 64;

/// The object that an Event is about. The Event is in its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Regarding {
    /// Such as `v1` or `apps/v1`.
    pub api_version: String,
    /// Such as `Pod`.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid, where that is known: `kubectl describe` finds the Event by it.
    pub uid: Option<String>,
}

impl Regarding {
    /// A pod.
    pub fn pod(namespace: &str, name: &str) -> Self {
        Self {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: None,
        }
    }

    /// A namespace, for who runs in no pod.
    pub(crate) fn namespace(name: &str) -> Self {
        Self {
            kind: "Namespace".to_owned(),
            ..Self::pod(name, name)
        }
    }

    /// A custom resource of ours.
    pub(crate) fn object(api_version: &str, kind: &str, object: ObjectRef<'_>) -> Self {
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: object.namespace.unwrap_or("default").to_owned(),
            name: object.name.to_owned(),
            uid: Some(object.uid.to_owned()),
        }
    }
}

/// Whether somebody has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Severity {
    /// It is good to know.
    Normal,
    /// Something is wrong.
    Warning,
}

impl Severity {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Something worth an Event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Notice {
    /// Whether somebody has to act.
    pub(crate) severity: Severity,
    /// What happened in one word, such as `ConfigurationRefused`.
    pub(crate) reason: &'static str,
    /// What happened in a sentence. Without secrets: who may read Events may read it.
    pub(crate) note: String,
    /// What it is about; the agent itself where nothing is named.
    pub(crate) regarding: Option<Regarding>,
}

/// Where notices are given. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notices(Option<mpsc::Sender<Notice>>);

impl Notices {
    /// Notices that are written, and who writes them; about `regarding`, or else the namespace of
    /// the connection.
    pub(crate) fn written(regarding: Option<Regarding>) -> (Self, EventWriter) {
        let (give, taken) = mpsc::channel(WAITING_MAX);
        (Self(Some(give)), EventWriter::new(taken, regarding))
    }

    /// Says something.
    pub(crate) fn tell(&self, notice: Notice) {
        if let Some(sender) = &self.0
            && let Err(error) = sender.try_send(notice)
        {
            tracing::debug!(%error, "an Event is left out");
        }
    }
}
