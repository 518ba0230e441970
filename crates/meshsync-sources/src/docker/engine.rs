//! The list and the wait of an engine.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use meshsync_informer::frame::{Frame, LineFramer};
use meshsync_informer::source::{ListWatch, Next, Shown, SourceError};
use meshsync_model::{ClusterId, ObjectRef, Platform, Resource};
use serde_json::Value;
use tokio::time::Instant;

use super::api::Api;
use super::event::{Event, Look};
use super::find::{ThisSystem, find};
use super::http::Answer;
use super::kinds::Kinds;
use super::shape::{self, Pods, Shape, Shaped};
use super::url::{DockerUrl, Place};

/// Everything is listed again after this time: events have no checkpoints, and a
/// connection may be dead without a word.
const AGAIN: Duration = Duration::from_secs(30);

/// Podman tells nothing of networks: they are looked at this often.
const NETWORKS_AGAIN: Duration = Duration::from_secs(2);

/// A container engine to be listed and watched.
#[derive(Debug)]
pub struct Docker {
    url: DockerUrl,
    kinds: Kinds,
    api: Option<Api>,
    id: Option<String>,
    events: Option<Events>,
    pods: Pods,
    again: Instant,
    networks_again: Instant,
}

/// What is heard.
struct Events {
    answer: Answer,
    framer: LineFramer,
    /// Heard, and not looked at.
    due: VecDeque<Look>,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events")
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

impl Docker {
    pub(super) fn new(url: DockerUrl) -> Self {
        Self {
            url,
            kinds: Kinds::new(),
            api: None,
            id: None,
            events: None,
            pods: Pods::new(),
            again: Instant::now(),
            networks_again: Instant::now(),
        }
    }

    /// The engine, asked who it is whenever it was away.
    async fn reach(&mut self) -> Result<Api, SourceError> {
        if let Some(api) = &self.api {
            return Ok(api.clone());
        }
        let host = find(&self.url.place, &ThisSystem).map_err(SourceError::configuration)?;
        let api = Api::open(host).await?;
        let id = api.id().await?;
        if let Some(known) = &self.id
            && *known != id
        {
            return Err(SourceError::refused(format!(
                "{} is another engine than before ({id}, not {known}): start again to observe it",
                api.host
            )));
        }
        self.id = Some(id);
        Ok(self.api.insert(api).clone())
    }

    async fn list_all(&mut self, shown: &mut Shown<'_>) -> Result<(), SourceError> {
        let api = self.reach().await?;
        // What happens while it is listed is heard.
        if self.events.is_none() {
            self.events = Some(Events {
                answer: api.events().await?,
                framer: LineFramer::new(),
                due: VecDeque::new(),
            });
        }
        self.list_pods(&api, shown).await?;
        let containers = api.containers(None).await?;
        let shaped = |listed: &Value| shape::container(listed, &self.pods);
        show(&self.kinds.container, &containers, &shaped, shown).await?;
        for (resource, shape) in shape::shapes(&self.kinds) {
            let listed = if resource.plural == self.kinds.image.plural {
                api.images().await?
            } else if resource.plural == self.kinds.network.plural {
                api.networks().await?
            } else {
                api.volumes().await?
            };
            show(resource, &listed, &shape, shown).await?;
        }
        self.again = Instant::now() + AGAIN;
        self.networks_again = Instant::now() + NETWORKS_AGAIN;
        Ok(())
    }

    async fn list_pods(&mut self, api: &Api, shown: &mut Shown<'_>) -> Result<(), SourceError> {
        if !api.is_podman {
            return Ok(());
        }
        let pods = api.pods().await?;
        self.pods = shape::pods_by_container(&pods);
        show(&self.kinds.pod, &pods, &shape::pod, shown).await
    }

    /// Looks at what an event is about. What is listed is what counts.
    async fn look(&mut self, look: &Look, shown: &mut Shown<'_>) -> Result<Next, SourceError> {
        let api = self.reach().await?;
        let kinds = &self.kinds;
        match look {
            Look::ContainerGone(id) => shown.gone(&kinds.container, by_name(id)),
            Look::Container(id) => {
                let found = api.containers(Some(id)).await?;
                match found.first().and_then(|c| shape::container(c, &self.pods)) {
                    Some(object) => show_one(&kinds.container, &object, shown).await?,
                    None => shown.gone(&kinds.container, by_name(id)),
                }
            }
            Look::Images => {
                show(
                    &kinds.image,
                    &api.images().await?,
                    &(shape::image as Shape),
                    shown,
                )
                .await?;
            }
            Look::Networks => {
                show(
                    &kinds.network,
                    &api.networks().await?,
                    &(shape::network as Shape),
                    shown,
                )
                .await?;
            }
            Look::Volumes => {
                show(
                    &kinds.volume,
                    &api.volumes().await?,
                    &(shape::volume as Shape),
                    shown,
                )
                .await?;
            }
            Look::Pods => self.list_pods(&api, shown).await?,
            Look::All => return Ok(Next::List),
        }
        Ok(Next::Watch)
    }

    async fn hear(&mut self, shown: &mut Shown<'_>) -> Result<Next, SourceError> {
        loop {
            let Some(events) = &mut self.events else {
                return Ok(Next::List);
            };
            if let Some(look) = events.due.front().cloned() {
                let next = self.look(&look, shown).await?;
                if let Some(events) = &mut self.events {
                    events.due.pop_front();
                }
                if next == Next::List {
                    return Ok(next);
                }
                continue;
            }
            let Some(api) = &self.api else {
                return Ok(Next::List);
            };
            tokio::select! {
                () = tokio::time::sleep_until(self.again) => return Ok(Next::List),
                () = tokio::time::sleep_until(self.networks_again), if api.is_podman => {
                    events.due.push_back(Look::Networks);
                    self.networks_again = Instant::now() + NETWORKS_AGAIN;
                }
                chunk = events.answer.chunk(&api.host) => match chunk? {
                    Some(chunk) => events.take(&chunk, &api.host.to_string())?,
                    None => {
                        let message = format!("{} ended its events", api.host);
                        return Err(SourceError::unreachable(message));
                    }
                },
            }
        }
    }

    /// It is asked everything anew.
    fn forget(&mut self) {
        self.api = None;
        self.events = None;
    }
}

impl Events {
    fn take(&mut self, chunk: &[u8], host: &str) -> Result<(), SourceError> {
        let (due, mut problem) = (&mut self.due, None);
        self.framer.push(chunk, |frame| match frame {
            Frame::Whole(line) => match Event::parse(line) {
                Ok(event) => due.extend(event.look().filter(|look| due.back() != Some(look))),
                Err(error) => problem = Some(format!("no JSON at byte {}", error.column())),
            },
            Frame::TooLarge { bytes, .. } => problem = Some(format!("a line of {bytes} bytes")),
        });
        match problem {
            None => Ok(()),
            Some(problem) => Err(SourceError::refused(format!(
                "{host} sends events with {problem}"
            ))),
        }
    }
}

/// Shows all objects of a resource: what is not among them is gone, and said so
/// before anything new is.
async fn show(
    resource: &Resource,
    listed: &[Value],
    shape: &(impl Fn(&Value) -> Option<Shaped> + ?Sized),
    shown: &mut Shown<'_>,
) -> Result<(), SourceError> {
    let objects: Option<Vec<Shaped>> = listed.iter().map(shape).collect();
    // Without its identity it cannot be told what is there and what is not.
    let objects = objects.ok_or_else(|| {
        SourceError::refused(format!(
            "one of the {} that are listed has no identity",
            resource.plural
        ))
    })?;
    let names: HashSet<&str> = objects.iter().map(|object| object.name.as_str()).collect();
    shown.only(resource, |object| names.contains(object.name));
    for object in &objects {
        show_one(resource, object, shown).await?;
    }
    Ok(())
}

async fn show_one(
    resource: &Resource,
    object: &Shaped,
    shown: &mut Shown<'_>,
) -> Result<(), SourceError> {
    let result = shown.state(resource, &object.json).await;
    result.map_err(|error| {
        SourceError::refused(format!("{} {}", resource.plural, object.name)).because(error)
    })
}

fn by_name(name: &str) -> ObjectRef<'_> {
    ObjectRef {
        namespace: None,
        name,
        uid: "",
    }
}

impl ListWatch for Docker {
    fn name(&self) -> String {
        match (&self.api, &self.url.place) {
            (Some(api), _) => format!("docker:{}", api.host),
            (None, Place::At(host)) => format!("docker:{host}"),
            (None, Place::Context(name)) => format!("docker:?context={name}"),
            (None, Place::Infer) => "docker:".to_owned(),
        }
    }

    fn platform(&self) -> Platform {
        Platform::DOCKER
    }

    async fn identify(&mut self) -> Result<ClusterId, SourceError> {
        self.reach().await?;
        let id = self.id.clone().unwrap_or_default();
        ClusterId::on(Platform::DOCKER, id)
            .ok_or_else(|| SourceError::refused("the engine does not say its identity"))
    }

    fn resources(&self) -> Vec<Resource> {
        let Kinds {
            container,
            image,
            network,
            volume,
            pod,
        } = self.kinds.clone();
        let mut resources = vec![container, image, network, volume];
        if self.api.as_ref().is_some_and(|api| api.is_podman) {
            resources.push(pod);
        }
        resources
    }

    async fn list(&mut self, shown: &mut Shown<'_>) -> Result<(), SourceError> {
        let result = self.list_all(shown).await;
        if result.is_err() {
            self.forget();
        }
        result
    }

    async fn watch(&mut self, shown: &mut Shown<'_>) -> Result<Next, SourceError> {
        let result = self.hear(shown).await;
        if result.is_err() {
            self.forget();
        }
        result
    }
}
