//! Asking an API server what it serves.

use std::collections::HashMap;

use futures::StreamExt;
use http::{StatusCode, header};
use kube::Client;
use meshsync_discovery::{
    Answer, Catalog, Discovered, GroupVersion, GroupVersionDocument, GroupVersions, RootAnswer,
    RootDocument, Unavailable,
};

use crate::api::{RequestError, get, read};

/// Aggregated discovery first; a server without it answers the plain document.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// How many legacy documents are asked for at once.
const LEGACY_IN_FLIGHT_MAX: usize = 8;

/// What a server serves, kept up to date at the price of two conditional
/// requests a round.
#[derive(Debug, Default)]
pub struct Discovery {
    catalog: Option<Catalog>,
    roots: [Root; 2],
}

/// The last answer of `/api` or `/apis`.
#[derive(Debug, Default)]
struct Root {
    etag: Option<String>,
    answer: Option<RootAnswer>,
}

const ROOTS: [&str; 2] = ["/api", "/apis"];

impl Discovery {
    /// What is known.
    pub fn catalog(&self) -> Option<&Catalog> {
        self.catalog.as_ref()
    }

    /// Asks again and returns the catalog. What does not answer keeps what was
    /// known of it.
    ///
    /// # Errors
    ///
    /// When neither `/api` nor `/apis` answers and nothing is known yet.
    pub async fn refresh(&mut self, client: &Client) -> Result<&Catalog, RequestError> {
        let mut errors = Vec::new();
        let mut answers = Vec::with_capacity(ROOTS.len());
        for (root, path) in self.roots.iter_mut().zip(ROOTS) {
            answers.push(match root.ask(client, path).await {
                Ok(answer) => answer,
                Err(error) => {
                    tracing::warn!(path, error = %error.chain(), "discovery keeps what was known");
                    let unavailable = unavailable(&error);
                    errors.push(error);
                    RootAnswer::Unavailable(unavailable)
                }
            });
        }
        if errors.len() == ROOTS.len() && self.catalog.is_none() {
            return Err(errors.swap_remove(0));
        }
        let mut answers = answers.into_iter();
        let discovered = Discovered {
            core: answers.next().unwrap_or_default(),
            named: answers.next().unwrap_or_default(),
        };
        let catalog = Catalog::update(self.catalog.as_ref(), discovered);
        Ok(self.catalog.insert(catalog))
    }
}

impl Root {
    async fn ask(&mut self, client: &Client, path: &str) -> Result<RootAnswer, RequestError> {
        let etag = self.etag.as_deref().filter(|_| self.answer.is_some());
        let response = get(client, path, ACCEPT, etag).await?;
        if let (StatusCode::NOT_MODIFIED, Some(answer)) = (response.status(), &self.answer) {
            return Ok(answer.clone());
        }
        let etag = response
            .headers()
            .get(header::ETAG)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = read(response, path).await?;
        let document =
            RootDocument::parse(&body).map_err(|error| RequestError::failed(path, error))?;
        match document {
            RootDocument::Aggregated(groups) => {
                let answer = RootAnswer::Complete(groups);
                self.etag = etag;
                self.answer = Some(answer.clone());
                Ok(answer)
            }
            RootDocument::Listed(groups) => {
                self.etag = None;
                Ok(ask_each(client, groups).await)
            }
        }
    }
}

/// The legacy way: one document per group version.
async fn ask_each(client: &Client, groups: Vec<GroupVersions>) -> RootAnswer {
    let names: Vec<GroupVersion> = groups
        .iter()
        .flat_map(GroupVersions::group_versions)
        .collect();
    let mut answers: HashMap<GroupVersion, Answer> = futures::stream::iter(names)
        .map(|name| async move {
            let answer = ask_one(client, &name).await;
            (name, answer)
        })
        .buffer_unordered(LEGACY_IN_FLIGHT_MAX)
        .collect()
        .await;
    RootAnswer::listed(groups, |name| {
        answers
            .remove(name)
            .unwrap_or(Answer::Unavailable(Unavailable::NotAsked))
    })
}

async fn ask_one(client: &Client, name: &GroupVersion) -> Answer {
    let path = name.path();
    let body = match get(client, &path, "application/json", None).await {
        Ok(response) => read(response, &path).await,
        Err(error) => Err(error),
    };
    match body {
        Ok(body) => match GroupVersionDocument::parse(&body) {
            Ok(document) => Answer::Served(document.resources),
            Err(error) => Answer::Unavailable(Unavailable::Undecodable(error.to_string())),
        },
        Err(error) => Answer::Unavailable(unavailable(&error)),
    }
}

fn unavailable(error: &RequestError) -> Unavailable {
    match error {
        RequestError::Refused { refusal, .. } => Unavailable::Status(refusal.code),
        RequestError::Failed { .. } => Unavailable::Unreachable(error.chain()),
    }
}
