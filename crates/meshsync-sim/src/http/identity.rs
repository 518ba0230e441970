//! Whose request is it, and what does it want, in the words of authentication and authorisation.

use http::{HeaderMap, Method, header};

use super::target::Target;
use crate::{
    api::{Forbidden, GroupResource, Query, Status},
    auth::{Attributes, Object, User},
    shared::Shared,
    store::Store,
};

/// Who sent a request; 401 when the token is not one of those accepted.
pub(super) fn authenticate(shared: &Shared, headers: &HeaderMap) -> Result<User, Status> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let required = shared.faults.token();
    let closed = required.is_some() || shared.users.any();
    match bearer {
        Some(token) => match shared.users.who(token) {
            Some(user) => Ok(user),
            None if required.as_deref() == Some(token) => Ok(User::admin()),
            None if closed || shared.authorizer.enforces() => Err(Status::unauthorized()),
            None => Ok(User::anonymous()),
        },
        None if required.is_some() => Err(Status::unauthorized()),
        None if closed && !shared.authorizer.enforces() => Err(Status::unauthorized()),
        None => Ok(User::anonymous()),
    }
}

/// The user a request is to be made as: `Impersonate-User` and `Impersonate-Group`, if the one who
/// asks may do that.
pub(super) fn impersonate(
    shared: &Shared,
    headers: &HeaderMap,
    user: User,
) -> Result<User, Status> {
    let Some(name) = headers
        .get("impersonate-user")
        .and_then(|value| value.to_str().ok())
    else {
        return Ok(user);
    };
    let service_account = User::new(name)
        .as_service_account()
        .map(|(namespace, name)| (namespace.to_owned(), name.to_owned()));
    let (resource, namespace, object) = match &service_account {
        Some((namespace, name)) => ("serviceaccounts", namespace.as_str(), name.as_str()),
        None => ("users", "", name),
    };
    let groups: Vec<&str> = headers
        .get_all("impersonate-group")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let store = shared.read();
    let wanted = std::iter::once((resource, namespace, object))
        .chain(groups.iter().map(|group| ("groups", "", *group)));
    for (resource, namespace, name) in wanted {
        let wanted = Attributes {
            verb: "impersonate".to_owned(),
            object: Object::Resource {
                group: String::new(),
                resource: resource.to_owned(),
                subresource: String::new(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            },
        };
        authorize(shared, &store, &user, &wanted)?;
    }
    let mut acting = match &service_account {
        Some((namespace, name)) => User::service_account(namespace, name),
        None => User::new(name),
    };
    acting.groups.extend(groups.into_iter().map(str::to_owned));
    Ok(acting)
}

/// What a request is about, for the authoriser.
pub(super) fn attributes(
    method: &Method,
    path: &str,
    target: Option<&Target>,
    verb: &str,
    query: &Query,
) -> Attributes {
    let Some(target) = target else {
        return Attributes {
            verb: method.as_str().to_lowercase(),
            object: Object::Path(path.to_owned()),
        };
    };
    let mut name = target.name.clone().unwrap_or_default();
    let mut namespace = target.namespace.clone().unwrap_or_default();
    if target.group.is_empty() && target.plural == "namespaces" {
        // A namespace lies in itself: a RoleBinding there can allow reading it.
        namespace.clone_from(&name);
    }
    if name.is_empty() && matches!(verb, "list" | "watch" | "deletecollection") {
        // A list of one name is allowed by a rule with that `resourceNames`.
        name = query
            .value("fieldSelector")
            .and_then(single_name)
            .unwrap_or_default();
    }
    Attributes {
        verb: verb.to_owned(),
        object: Object::Resource {
            group: target.group.clone(),
            resource: target.plural.clone(),
            subresource: target.subresource.clone().unwrap_or_default(),
            namespace,
            name,
        },
    }
}

fn single_name(selector: &str) -> Option<String> {
    let name = selector.split(',').find_map(|term| {
        let (key, value) = term.split_once('=')?;
        (key == "metadata.name").then(|| value.trim_start_matches('=').to_owned())
    })?;
    (!name.is_empty()).then_some(name)
}

/// 403 in the server's words unless the user may do it.
pub(super) fn authorize(
    shared: &Shared,
    store: &Store,
    user: &User,
    wanted: &Attributes,
) -> Result<(), Status> {
    let decision = shared.authorizer.decide(store, user, wanted);
    if decision.allowed {
        return Ok(());
    }
    Err(match &wanted.object {
        Object::Resource {
            group,
            resource,
            subresource,
            namespace,
            name,
        } => Status::forbidden(
            &user.name,
            &wanted.verb,
            &Forbidden {
                gr: &GroupResource::new(group.as_str(), resource.as_str()),
                subresource,
                namespace,
                name,
            },
            &decision.reason,
        ),
        Object::Path(path) => {
            Status::forbidden_path(&user.name, &wanted.verb, path, &decision.reason)
        }
    })
}
