//! Whether we may do what a selection takes, as the API server itself says.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use meshsync_discovery::{Grant, Grants, Place};
use meshsync_informer::Connection;
use serde::Deserialize;
use serde_json::json;

use super::chain::{Chain, Trouble};
use super::report::LinkState;

/// So many questions are asked at once.
const AT_ONCE: usize = 8;

/// So many questions are asked at most: some hundred resources in some namespaces.
const QUESTIONS_MAX: usize = 4_096;

/// So many resources are named in one line.
const NAMED_MAX: usize = 8;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Review {
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    allowed: bool,
}

/// Asks for each of the permissions whether we have it, and says which we have not,
/// those that lack the same together.
pub(super) async fn look(chain: &mut Chain, connection: &Connection, grants: &Grants) {
    let begun = Instant::now();
    let asked = grants.iter().take(QUESTIONS_MAX);
    let answers = stream::iter(asked)
        .map(|(place, grant)| ask(chain, connection, place, grant))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>();
    let answers = match answers.await {
        Ok(answers) => answers,
        Err(trouble) => return chain.fail("permission", begun, trouble),
    };
    let count = answers.len();
    let lacking = lacking(answers.into_iter().flatten());
    if lacking.is_empty() {
        let detail = format!("may do all that is needed, by {count} answers of the API server");
        chain.push(
            "permission",
            LinkState::Ok,
            Some(begun.elapsed()),
            detail,
            None,
        );
    }
    for ((place, verbs), names) in lacking {
        let place = match place {
            Place::Cluster => "in the whole cluster".to_owned(),
            Place::Namespace(name) => format!("in namespace {name}"),
        };
        let verbs = verbs.join(", ");
        let detail = format!("may not {verbs} {place}: {}", some_of(&names));
        // Without a get what was lost is found later, and nothing is missing.
        let state = match verbs.as_str() {
            "get" if !names.iter().any(|name| name == "namespaces/kube-system") => {
                LinkState::Warning
            }
            _ => LinkState::Failed,
        };
        let remedy = "`meshsync rbac` with the same options prints the roles for kubectl apply; or \
                      observe less: --exclude RESOURCE, --namespace NAME";
        let remedy = match names.as_slice() {
            [name] if name == "namespaces/kube-system" => {
                "it has the cluster's identity: permit it (meshsync rbac), or give the cluster a \
                 name, --cluster-id NAME"
            }
            _ => remedy,
        };
        let took = Some(begun.elapsed());
        chain.push("permission", state, took, detail, Some(remedy.to_owned()));
    }
}

/// By place and verbs, what may not be done with which resources.
fn lacking<'a>(
    refused: impl Iterator<Item = (&'a Place, &'a Grant)>,
) -> BTreeMap<(Place, Vec<&'static str>), Vec<String>> {
    let mut verbs: BTreeMap<(Place, String), Vec<&'static str>> = BTreeMap::new();
    for (place, grant) in refused {
        let name = match (&grant.name, grant.group.as_str()) {
            (Some(name), _) => format!("{}/{name}", grant.plural),
            (None, "") => grant.plural.clone(),
            (None, group) => format!("{}.{group}", grant.plural),
        };
        verbs
            .entry((place.clone(), name))
            .or_default()
            .push(grant.verb);
    }
    let mut together: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for ((place, name), mut verbs) in verbs {
        verbs.sort_unstable();
        together.entry((place, verbs)).or_default().push(name);
    }
    together
}

fn some_of(names: &[String]) -> String {
    let (first, rest) = names.split_at(names.len().min(NAMED_MAX));
    match rest.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Nothing where we may.
async fn ask<'a>(
    chain: &Chain,
    connection: &Connection,
    place: &'a Place,
    grant: &'a Grant,
) -> Result<Option<(&'a Place, &'a Grant)>, Trouble> {
    const PATH: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let (plural, sub) = grant.plural.split_once('/').unwrap_or((&grant.plural, ""));
    let namespace = match place {
        Place::Cluster => "",
        Place::Namespace(name) => name,
    };
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "namespace": namespace, "verb": grant.verb, "group": grant.group,
            "resource": plural, "subresource": sub,
            "name": grant.name.as_deref().unwrap_or_default(),
        }},
    });
    let late = Trouble::new(
        "whether something is permitted was not answered",
        "look at the load and the health of the API server",
    );
    let answer = chain.within(chain.timeout, late, async {
        let answer = connection.review(PATH, question.to_string()).await;
        answer.map_err(|error| {
            Trouble::new(
                error.chain(),
                "let everybody ask what they may do: ClusterRole system:basic-user",
            )
        })
    });
    let review: Review = serde_json::from_slice(&answer.await?).unwrap_or_default();
    Ok((!review.status.allowed).then_some((place, grant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lacks_the_same_is_said_together() {
        let mut grants = Grants::default();
        for verb in ["list", "watch"] {
            for plural in ["pods", "services"] {
                grants.allow(Place::Cluster, verb, ("", plural), None);
            }
        }
        grants.allow(Place::Cluster, "list", ("apps", "deployments"), None);
        let lacking = lacking(grants.iter());
        let said: Vec<_> = lacking
            .iter()
            .map(|((_, verbs), names)| format!("{}: {}", verbs.join(" "), names.join(" ")))
            .collect();
        assert_eq!(
            said,
            ["list: deployments.apps", "list watch: pods services"]
        );
        let names: Vec<String> = (0..10).map(|at| at.to_string()).collect();
        assert_eq!(some_of(&names), "0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
    }
}
