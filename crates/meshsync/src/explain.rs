//! Which rule decides over a resource or an object, asked of a cluster.
//!
//! Everything is decided by the code that decides while a pipeline runs: [`Selection::choose`] over
//! the resource, [`View::judge`](crate::View::judge) over the object, [`View::depth`](crate::View)
//! over its tier.

use std::fmt;

use meshsync_discovery::{Candidate, Decision, Namespaces, Pattern, Selection, Verdict};
use meshsync_informer::{ClusterConfig, ConfigError, Connection, Discovery, RequestError};
use meshsync_model::design::Marks;
use meshsync_model::{Index, Resource, Tier};

/// What somebody wants to know.
#[derive(Clone, Debug)]
pub struct Question {
    /// The resource.
    pub resource: Pattern,
    /// Of objects of this namespace.
    pub namespace: Option<String>,
    /// Of the object of this name.
    pub name: Option<String>,
}

/// Why a resource, or an object of it, is observed or not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The resource.
    pub resource: Resource,
    /// Whether it is observed, and why.
    pub decision: Decision,
    /// Whether the object is, as text, and whether that is known for certain; none where the
    /// resource is not observed or there is no such object.
    pub object: Option<(Option<bool>, String)>,
    /// Selectors that the server is asked with.
    pub selectors: Vec<String>,
    /// How much of the object is observed.
    pub tier: Tier,
    /// The rule that says so; the preset where there is none.
    pub tier_rule: Option<String>,
}

/// Why there is no explanation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// There is no usable cluster configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The cluster does not answer what it is asked.
    #[error("failed to ask {url}: {}", .source.chain())]
    Request {
        /// URL of the API server.
        url: String,
        /// The error.
        source: RequestError,
    },
    /// The cluster serves nothing of that name.
    #[error("{0:?} is nothing this cluster serves; `kubectl api-resources` lists what there is")]
    Unknown(String),
    /// There is no such object.
    #[error("there is no {resource} {name:?}{}", .namespace.as_ref().map(|it| format!(" in namespace {it:?}")).unwrap_or_default())]
    NoObject {
        /// The resource.
        resource: String,
        /// The namespace that was looked in.
        namespace: Option<String>,
        /// The name.
        name: String,
    },
    /// A name without the namespace it is in.
    #[error("{0} are in namespaces: say which with -n")]
    NamespaceMissing(String),
}

/// Says of everything that matches the question why it is observed or not. Asks the cluster for
/// what it serves, and for the namespace and the object that are asked about.
///
/// # Errors
///
/// When the cluster cannot be asked, or has nothing of that name.
pub async fn explain(
    cluster: &ClusterConfig,
    selection: &Selection,
    question: &Question,
) -> Result<Vec<Explanation>, ExplainError> {
    let connection = cluster.connect().await?;
    let mut discovery = Discovery::default();
    let asked = discovery.refresh(&connection.client).await;
    let catalog = asked.map_err(|source| refused(&connection, source))?;
    let namespaces = match &question.namespace {
        Some(namespace) => namespace_facts(&connection, namespace).await?,
        None => Namespaces::default(),
    };
    let mut explanations = Vec::new();
    for served in catalog.served() {
        let (resource, decision) = selection.choose(served);
        let names = std::iter::once(&served.resource)
            .chain(&served.other_versions)
            .chain(&served.twins);
        if names.clone().any(|name| question.resource.matches(name)) {
            let answer = Answer {
                connection: &connection,
                selection,
                question,
                namespaces: &namespaces,
            };
            explanations.push(answer.of(resource, decision).await?);
        }
    }
    if explanations.is_empty() {
        return Err(ExplainError::Unknown(question.resource.to_string()));
    }
    Ok(explanations)
}

fn refused(connection: &Connection, source: RequestError) -> ExplainError {
    let url = connection.url.clone();
    ExplainError::Request { url, source }
}

async fn namespace_facts(
    connection: &Connection,
    namespace: &str,
) -> Result<Namespaces, ExplainError> {
    let mut facts = Namespaces::default();
    let path = format!("/api/v1/namespaces/{namespace}");
    let document = connection.document(&path).await;
    if let Some(document) = document.map_err(|source| refused(connection, source))?
        && let Ok(object) = Index::new().parse(&document)
    {
        facts.take(&object);
    }
    Ok(facts)
}

struct Answer<'a> {
    connection: &'a Connection,
    selection: &'a Selection,
    question: &'a Question,
    namespaces: &'a Namespaces,
}

impl Answer<'_> {
    async fn of(
        &self,
        resource: &Resource,
        decision: Decision,
    ) -> Result<Explanation, ExplainError> {
        let view = self.selection.view_in(resource, self.namespaces);
        let namespace = self.question.namespace.as_deref();
        let namespace = namespace.filter(|_| resource.namespaced);
        let labels = view.pushed.labels();
        let labels = labels.map(|labels| format!("labelSelector={labels}"));
        let fields = view.pushed.fields();
        let fields = fields.map(|fields| format!("fieldSelector={fields}"));
        let document = match &self.question.name {
            Some(name) if decision.observed => self.object(resource, namespace, name).await?,
            _ => None,
        };
        let mut index = Index::new();
        let object = document.as_deref().and_then(|it| index.parse(it).ok());
        let subject = Candidate {
            resource,
            namespace,
            name: self.question.name.as_deref(),
            object: object.as_ref(),
        };
        let is_asked = object.is_some() || namespace.is_some() || !resource.namespaced;
        let is_managed = || object.as_ref().and_then(Marks::of).is_some();
        let verdict = (decision.observed && is_asked).then(|| view.judge(&subject, is_managed));
        let by_fields = object.is_some() && fields.is_some();
        Ok(Explanation {
            resource: resource.clone(),
            object: verdict.map(|verdict| told(&verdict, by_fields)),
            selectors: labels.into_iter().chain(fields).collect(),
            tier: view.depth.tier(namespace),
            tier_rule: view.depth.decided_by(namespace).map(str::to_owned),
            decision,
        })
    }

    async fn object(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Option<bytes::Bytes>, ExplainError> {
        if resource.namespaced && namespace.is_none() {
            return Err(ExplainError::NamespaceMissing(resource.plural.clone()));
        }
        let path = resource.object_path(namespace, name);
        let document = self.connection.document(&path).await;
        match document.map_err(|source| refused(self.connection, source))? {
            Some(document) => Ok(Some(document)),
            None => Err(ExplainError::NoObject {
                resource: resource.to_string(),
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
            }),
        }
    }
}

/// Fields are the server's to look at: what is selected here may not be there.
fn told(verdict: &Verdict<'_>, by_fields: bool) -> (Option<bool>, String) {
    match verdict.selected {
        Some(true) if by_fields => (
            None,
            format!("{verdict}, if the server selects it by its fields"),
        ),
        selected => (selected, verdict.to_string()),
    }
}

impl Explanation {
    /// Whether it is observed; `None` where that depends on more than was asked about.
    pub fn is_observed(&self) -> Option<bool> {
        match &self.object {
            _ if !self.decision.observed => Some(false),
            Some((selected, _)) => *selected,
            None => Some(true),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.resource)?;
        writeln!(f, "  resource  {}", self.decision)?;
        if !self.decision.observed {
            return Ok(());
        }
        if let Some((_, object)) = &self.object {
            writeln!(f, "  object    {object}")?;
        }
        if !self.selectors.is_empty() {
            writeln!(f, "  server    asked with {}", self.selectors.join(" and "))?;
        }
        let tier = self.tier.as_str();
        match &self.tier_rule {
            Some(rule) => writeln!(f, "  tier      {tier}: rule {rule:?}"),
            None => writeln!(
                f,
                "  tier      {tier}: the depth of everything no rule speaks of"
            ),
        }
    }
}
