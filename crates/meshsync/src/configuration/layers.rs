//! Layers of configuration, each put in force as a whole or not at all.

use std::sync::{Arc, Mutex, PoisonError};

use meshsync_model::ContentHash;

use super::change::{Change, Layer};
use super::status::{ConfigurationLayer, ConfigurationStatus};
use meshsync_informer::Control;

use crate::compose::Composer;
use crate::kube_events::{Notice, Regarding, Severity};
use crate::monitor::Monitor;

/// Takes what the authors say. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Layers {
    /// For each source: all of them are told the same.
    controls: Arc<[(Control, Composer)]>,
    monitor: Monitor,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// Something that an author says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    /// Who says it.
    pub(crate) layer: Layer,
    /// Where.
    pub(crate) source: &'a str,
    /// Which version of it that is, where there are any.
    pub(crate) version: Option<&'a str>,
    /// What tells it from what was said before; nothing where it is known to be something else.
    pub(crate) content: Option<&'a [u8]>,
    /// What Events about it are about, where that is not the agent.
    pub(crate) regarding: Option<&'a Regarding>,
}

#[derive(Debug)]
struct Heard {
    layer: Layer,
    content: Option<ContentHash>,
    status: ConfigurationLayer,
}

impl Layers {
    pub(crate) fn new(controls: Arc<[(Control, Composer)]>, monitor: Monitor) -> Self {
        Self {
            controls,
            monitor,
            heard: Arc::default(),
        }
    }

    /// Puts in force what is said, if it can be read; else what that author said before stays.
    pub(crate) fn hear(&self, said: Said<'_>, read: impl FnOnce() -> Result<Change, String>) {
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let content = said
            .content
            .map(|content| ContentHash::of_parts(&[content]));
        let known = all.iter().position(|heard| heard.layer == said.layer);
        let version = said.version.map(str::to_owned);
        if let Some(at) = known
            && content.is_some()
            && all[at].content == content
            && all[at].status.source == said.source
        {
            all[at].status.version = version;
            return self.show(&all);
        }
        let was_in_force = known.is_some_and(|at| all[at].status.in_force);
        let result = read();
        let error = match result {
            Ok(change) => {
                for (_, composer) in &*self.controls {
                    composer.lay(said.layer, Some(change.clone()));
                }
                None
            }
            Err(error) => Some(error),
        };
        let status = ConfigurationLayer {
            layer: said.layer.as_str().to_owned(),
            source: said.source.to_owned(),
            version,
            in_force: error.is_none() || was_in_force,
            error: error.clone(),
        };
        let heard = Heard {
            layer: said.layer,
            content,
            status,
        };
        match known {
            Some(at) => all[at] = heard,
            None => all.push(heard),
        }
        // The one that decides first.
        all.sort_by_key(|heard| std::cmp::Reverse(heard.layer));
        self.show(&all);
        drop(all);
        // That options are what they are from the start on is no news.
        let is_news = known.is_some() || said.layer != Layer::Options;
        self.tell(&said, error, is_news);
    }

    /// An author says nothing any more.
    pub(crate) fn silent(&self, layer: Layer) {
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = all.iter().position(|heard| heard.layer == layer) else {
            return;
        };
        let gone = all.remove(at);
        for (_, composer) in &*self.controls {
            composer.lay(layer, None);
        }
        self.show(&all);
        let source = gone.status.source;
        tracing::info!(
            source,
            "a configuration is gone; what it said is in force no more"
        );
    }

    /// Somebody may say something from now on.
    pub(crate) fn open(&self) {
        let all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        self.show(&all);
    }

    /// What holds, as it changes.
    #[cfg(feature = "config")]
    pub(super) fn follow(&self) -> tokio::sync::watch::Receiver<ConfigurationStatus> {
        self.monitor.follow_configuration()
    }

    fn show(&self, all: &[Heard]) {
        let layers = all.iter().map(|heard| heard.status.clone()).collect();
        self.monitor
            .set_configuration(ConfigurationStatus::of(layers));
    }

    fn tell(&self, said: &Said<'_>, error: Option<String>, is_news: bool) {
        let source = said.source;
        let (severity, reason, note) = match error {
            None if !is_news => return,
            None => {
                tracing::info!(source, "configuration is in force");
                let note = format!("{source} is in force");
                (Severity::Normal, "ConfigurationApplied", note)
            }
            Some(error) => {
                tracing::error!(source, %error, "a configuration is not used; the one before stays");
                let note = format!("{source} is not used; what was in force before stays: {error}");
                (Severity::Warning, "ConfigurationRefused", note)
            }
        };
        self.monitor.notices().tell(Notice {
            severity,
            reason,
            note,
            regarding: said.regarding.cloned(),
        });
    }
}
