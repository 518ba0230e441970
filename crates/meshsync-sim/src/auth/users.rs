//! Users and their tokens.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::token::jwt;

/// Tokens known at one time; the ones that expire first make room.
const TOKENS_MAX: usize = 10_000;
/// How long a token lasts unless told: as long as no test takes.
const FOREVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Whom a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name, for example `system:serviceaccount:default:reader`.
    pub name: String,
    /// Groups, those the server adds included.
    pub groups: Vec<String>,
}

impl User {
    /// An authenticated user in no further group.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            groups: vec!["system:authenticated".to_owned()],
        }
    }

    /// A user who may do everything: a member of `system:masters`.
    pub fn admin() -> Self {
        Self::new("kubernetes-admin").group("system:masters")
    }

    /// A ServiceAccount, with the groups the server gives it.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::new(format!("system:serviceaccount:{namespace}:{name}"))
            .group("system:serviceaccounts")
            .group(format!("system:serviceaccounts:{namespace}"))
    }

    /// The same in one more group.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Somebody without a token.
    pub(crate) fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
        }
    }

    /// Namespace and name, when the user is a ServiceAccount.
    pub(crate) fn as_service_account(&self) -> Option<(&str, &str)> {
        self.name
            .strip_prefix("system:serviceaccount:")?
            .split_once(':')
    }
}

#[derive(Debug)]
struct Grant {
    user: User,
    expires: SystemTime,
}

/// The tokens a simulator accepts, each with its user.
///
/// While there are any, a request with another token is answered 401, and so is one without a
/// token unless RBAC is enforced: then it is `system:anonymous`, as on a real server.
#[derive(Debug, Default)]
pub struct Users {
    grants: Mutex<HashMap<String, Grant>>,
}

impl Users {
    fn grants(&self) -> MutexGuard<'_, HashMap<String, Grant>> {
        self.grants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a token for a user.
    pub fn issue(&self, user: User) -> String {
        self.issue_for(user, FOREVER)
    }

    /// Makes a token that is refused after `lifetime`.
    pub fn issue_for(&self, user: User, lifetime: Duration) -> String {
        let token = jwt(&user, lifetime);
        self.insert(token.clone(), user, lifetime);
        token
    }

    /// Accepts a token of the caller's own making.
    pub fn accept(&self, token: impl Into<String>, user: User) {
        self.insert(token.into(), user, FOREVER);
    }

    /// Refuses a token from now on; false when it was not accepted before.
    pub fn revoke(&self, token: &str) -> bool {
        self.grants().remove(token).is_some()
    }

    /// Refuses a token from now on and makes another for its user; `None` when the token is
    /// unknown.
    pub fn rotate(&self, token: &str) -> Option<String> {
        let old = self.grants().remove(token)?;
        let left = old.expires.duration_since(SystemTime::now());
        Some(self.issue_for(old.user, left.unwrap_or_default()))
    }

    fn insert(&self, token: String, user: User, lifetime: Duration) {
        let now = SystemTime::now();
        let expires = now.checked_add(lifetime).unwrap_or(now + FOREVER);
        let mut grants = self.grants();
        if grants.len() >= TOKENS_MAX {
            grants.retain(|_, grant| grant.expires > now);
        }
        if grants.len() >= TOKENS_MAX {
            let first = grants.iter().min_by_key(|(_, grant)| grant.expires);
            if let Some(first) = first.map(|(token, _)| token.clone()) {
                grants.remove(&first);
            }
        }
        grants.insert(token, Grant { user, expires });
    }

    /// Whom a token stands for; `None` when it is unknown or has expired.
    pub(crate) fn who(&self, token: &str) -> Option<User> {
        let grants = self.grants();
        let grant = grants.get(token)?;
        (grant.expires > SystemTime::now()).then(|| grant.user.clone())
    }

    /// Whether any token was ever accepted and not revoked.
    pub(crate) fn any(&self) -> bool {
        !self.grants().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_it_expires_or_is_revoked() {
        let users = Users::default();
        let user = User::service_account("shop", "reader");
        let token = users.issue(user.clone());
        assert_eq!(users.who(&token), Some(user.clone()));
        let next = users.rotate(&token).unwrap();
        assert_ne!(next, token);
        assert_eq!((users.who(&token), users.who(&next)), (None, Some(user)));
        assert!(users.revoke(&next) && !users.revoke(&next));
        assert_eq!(users.rotate(&next), None);
        let expired = users.issue_for(User::admin(), Duration::ZERO);
        assert_eq!(users.who(&expired), None);
    }

    #[test]
    fn the_number_of_tokens_is_bounded() {
        let users = Users::default();
        let first = users.issue_for(User::admin(), Duration::from_secs(60));
        for at in 0..TOKENS_MAX {
            users.accept(at.to_string(), User::new("many"));
        }
        assert_eq!(users.grants().len(), TOKENS_MAX);
        assert_eq!(users.who(&first), None);
    }
}
