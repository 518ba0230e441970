//! One round of questions about every resource that is refused.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use kube::Client;
use meshsync_discovery::NamespaceSelection;
use meshsync_model::{Resource, ResourceId};

use super::review;
use super::rules::Rules;

/// So many questions are under way at once.
const IN_FLIGHT_MAX: usize = 8;

/// What one round of reviews by resource and namespace may cost, where the server
/// cannot say in advance what it allows.
const REVIEWS_MAX: usize = 2_000;

/// A resource that is refused as it is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) resource: Resource,
    /// What is wanted of it.
    pub(crate) namespaces: NamespaceSelection,
}

/// What may be seen of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    /// It may be asked for just as it was refused.
    pub(crate) all: bool,
    /// Namespaces of those that are wanted in which it may be observed.
    pub(crate) permitted: BTreeSet<String>,
    /// Those in which it may not.
    pub(crate) refused: BTreeSet<String>,
    /// There are no others.
    pub(crate) complete: bool,
    /// They were wanted by name.
    pub(crate) named: bool,
}

/// The answers of one round.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// Every namespace there is, where that may be known.
    pub(crate) namespaces: Option<BTreeSet<String>>,
    pub(crate) findings: BTreeMap<ResourceId, Finding>,
}

/// Asks. `home` is the namespace that the configuration of the client names: it
/// may be permitted where namespaces cannot be listed.
pub(crate) async fn survey(client: Client, home: String, questions: Vec<Question>) -> Survey {
    let by_namespace = |question: &&Question| question.resource.namespaced;
    let mut there_is = None;
    if questions
        .iter()
        .filter(by_namespace)
        .any(|question| question.namespaces.names().len() == 0)
    {
        there_is = review::namespaces(&client).await;
    }
    let mut candidates: BTreeMap<ResourceId, BTreeSet<String>> = BTreeMap::new();
    for question in questions.iter().filter(by_namespace) {
        let names = candidates.entry(question.resource.id()).or_default();
        match (question.namespaces.names().len(), &there_is) {
            (0, Some(there_is)) => names.extend(there_is.iter().cloned()),
            (0, None) => drop(names.insert(home.clone())),
            _ => names.extend(question.namespaces.names().map(str::to_owned)),
        }
        names.retain(|name| question.namespaces.contains(Some(name)));
    }
    let every: BTreeSet<String> = candidates.values().flatten().cloned().collect();
    let rules: BTreeMap<String, Option<Rules>> = futures::stream::iter(every)
        .map(|name| {
            let client = &client;
            async move {
                let rules = review::rules(client, &name).await;
                (name, rules)
            }
        })
        .buffer_unordered(IN_FLIGHT_MAX)
        .collect()
        .await;
    let mut reviews = 0;
    let mut findings = BTreeMap::new();
    for question in &questions {
        let resource = &question.resource;
        let named = resource.namespaced && question.namespaces.names().len() > 0;
        let mut finding = Finding {
            complete: named || there_is.is_some(),
            named,
            ..Finding::default()
        };
        for name in candidates.remove(&resource.id()).unwrap_or_default() {
            let permitted = match rules.get(&name) {
                Some(Some(rules)) if rules.permit(resource) => true,
                Some(Some(rules)) if !rules.incomplete => false,
                _ if reviews < REVIEWS_MAX => {
                    reviews += 1;
                    review::may_observe(&client, resource, Some(&name)).await
                }
                _ => false,
            };
            let side = match permitted {
                true => &mut finding.permitted,
                false => &mut finding.refused,
            };
            side.insert(name);
        }
        let mut names = question.namespaces.names();
        finding.all = match (resource.namespaced, names.next(), names.next()) {
            // It is asked for in just this namespace.
            (true, Some(only), None) => finding.permitted.contains(only),
            // Whoever may see all of it may see each part.
            (true, ..) if !finding.refused.is_empty() => false,
            _ => review::may_observe(&client, resource, None).await,
        };
        findings.insert(resource.id(), finding);
    }
    Survey {
        namespaces: there_is,
        findings,
    }
}
