//! May this user do that?

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Attributes, User,
    policy::{Grant, Policy, fingerprint},
    rules::Rule,
};
use crate::store::Store;

/// An answer, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) allowed: bool,
    /// Empty when there is nothing to add.
    pub(crate) reason: String,
}

/// What of the four RBAC resources a policy was read from.
type Fingerprint = [(u64, u64); 4];

/// Allows everything, or only what the roles and bindings in the cluster allow.
#[derive(Debug)]
pub(crate) struct Authorizer {
    enforces: bool,
    cached: Mutex<Option<(Fingerprint, Arc<Policy>)>>,
}

impl Authorizer {
    pub(crate) fn new(enforces: bool) -> Self {
        Self {
            enforces,
            cached: Mutex::default(),
        }
    }

    pub(crate) fn enforces(&self) -> bool {
        self.enforces
    }

    /// Decides about a request.
    pub(crate) fn decide(&self, store: &Store, user: &User, wanted: &Attributes) -> Decision {
        let yes = |reason| Decision {
            allowed: true,
            reason,
        };
        if !self.enforces || is_master(user) {
            return yes(String::new());
        }
        let policy = self.policy(store);
        let mut missing = Vec::new();
        for grant in policy.grants(user, wanted.namespace()) {
            match grant.rules {
                Some(rules) if rules.iter().any(|rule| rule.allows(wanted)) => {
                    return yes(format!("RBAC: allowed by {}", describe(&grant)));
                }
                Some(_) => {}
                None => missing.push(not_found(&grant)),
            }
        }
        missing.dedup();
        let reason = match missing.as_slice() {
            [] => String::new(),
            [one] => format!("RBAC: {one}"),
            many => format!("RBAC: [{}]", many.join(", ")),
        };
        Decision {
            allowed: false,
            reason,
        }
    }

    /// Every rule that applies to a user in a namespace.
    pub(crate) fn rules(&self, store: &Store, user: &User, namespace: &str) -> Vec<Rule> {
        if !self.enforces {
            return Rule::everything().to_vec();
        }
        let policy = self.policy(store);
        let granted = policy.grants(user, namespace);
        let mut rules: Vec<Rule> = granted
            .filter_map(|grant| grant.rules)
            .flatten()
            .cloned()
            .collect();
        if is_master(user) {
            rules.extend(Rule::everything());
        }
        rules
    }

    /// The policy as the cluster has it now; read again only when one of its resources changed.
    fn policy(&self, store: &Store) -> Arc<Policy> {
        let now = fingerprint(store);
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        match &*cached {
            Some((then, policy)) if *then == now => Arc::clone(policy),
            _ => {
                let policy = Arc::new(Policy::read(store));
                *cached = Some((now, Arc::clone(&policy)));
                policy
            }
        }
    }
}

/// Members of this group are asked nothing, so that nobody can lock themselves out.
fn is_master(user: &User) -> bool {
    user.groups.iter().any(|group| group == "system:masters")
}

fn describe(grant: &Grant<'_>) -> String {
    let Grant {
        binding, subject, ..
    } = grant;
    let (kind, name) = if binding.namespace.is_empty() {
        ("ClusterRoleBinding", binding.name.clone())
    } else {
        (
            "RoleBinding",
            format!("{}/{}", binding.name, binding.namespace),
        )
    };
    let subject_name = if subject.kind == "ServiceAccount" {
        format!(
            "{}/{}",
            subject.name,
            subject.namespace_or(&binding.namespace)
        )
    } else {
        subject.name.clone()
    };
    format!(
        "{kind} {name:?} of {} {:?} to {} {subject_name:?}",
        binding.role.kind, binding.role.name, subject.kind
    )
}

fn not_found(grant: &Grant<'_>) -> String {
    let role = &grant.binding.role;
    format!(
        "{}.rbac.authorization.k8s.io {:?} not found",
        role.kind.to_lowercase(),
        role.name
    )
}
