//! Where not everything is permitted: what is, is found out and observed.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use meshsync_model::ResourceId;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Fleet;
use super::members::{Part, Parted, view_of};
use super::together::OfNamespace;
use crate::access::{Access, Finding, NotSeen, Question, Survey, survey, whoami};
use crate::picture::{Estate, Graves};
use crate::task::{Permit, Refused, Setup, Task, orders};
use crate::{Deliver, StatusBoard};

/// After a refusal this long is waited for others: at the start they come in
/// dozens.
const TOGETHER: Duration = Duration::from_millis(200);

/// Waits for the survey under way; for ever where there is none.
pub(super) async fn running(survey: &mut Option<BoxFuture<'static, Survey>>) -> Survey {
    match survey {
        Some(survey) => survey.await,
        None => pending().await,
    }
}

/// Waits until then; for ever where there is no then.
pub(super) async fn at(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => pending().await,
    }
}

impl Fleet {
    /// When to find out what is permitted; never while everything is.
    pub(super) fn survey_due(&self, hinted: Option<Instant>) -> Option<Instant> {
        if self.survey.is_some() || !self.parting.is_empty() {
            return None;
        }
        match (hinted, self.surveyed) {
            // What is refused together is asked about together.
            (Some(hint), last) => {
                let earliest = last.map(|last| last + self.timing.permissions_min);
                Some((hint + TOGETHER).max(earliest.unwrap_or(hint)))
            }
            (None, Some(last)) if self.restricted().next().is_some() => {
                Some(last + self.timing.permissions)
            }
            (None, _) => None,
        }
    }

    /// What is refused, or observed in parts.
    fn restricted(&self) -> impl Iterator<Item = &ResourceId> {
        let members = self.members.iter();
        members
            .filter(|(_, member)| {
                !member.is_leaving() && (member.status.is_forbidden() || !member.parts.is_empty())
            })
            .map(|(id, _)| id)
    }

    pub(super) fn begin_survey(&mut self) {
        let questions: Vec<Question> = self
            .restricted()
            .filter_map(|id| self.plan.find(id))
            .map(|resource| Question {
                resource: resource.clone(),
                namespaces: self.view(resource).namespaces,
            })
            .collect();
        if questions.is_empty() {
            return;
        }
        let client = self.connection.client.clone();
        let home = client.default_namespace().to_owned();
        let board = self.board.user().is_none().then(|| Arc::clone(&self.board));
        self.survey = Some(Box::pin(async move {
            if let Some(board) = board {
                introduce(&client, &board).await;
            }
            survey(client, home, questions).await
        }));
    }

    /// Takes up what was found out.
    pub(super) fn permitted(&mut self, survey: Survey) {
        let there_are = survey.namespaces.map(HashSet::from_iter);
        for (id, finding) in survey.findings {
            let Some(member) = self.members.get_mut(&id).filter(|it| !it.is_leaving()) else {
                continue;
            };
            member.take_back_later();
            let was_refused = std::mem::replace(&mut member.is_refused, !finding.all);
            if finding.all {
                member.together.set_complete(true);
                member.status.set_access(None);
                if member.parts.is_empty() {
                    // Refused although it is said to be permitted: then only its
                    // own back-off counts.
                    if was_refused {
                        drop(member.orders.permit(Permit::Retry));
                    }
                    member.status.settle(false);
                } else {
                    tracing::info!(resource = %id, "everything is permitted");
                    member.join_parts();
                }
                continue;
            }
            let access = access(&finding);
            member
                .together
                .set_complete(access.not_seen == NotSeen::Nothing);
            member.status.set_access(Some(access));
            if let Some(there_are) = &there_are {
                for (namespace, part) in &member.parts {
                    if !there_are.contains(namespace) {
                        part.retire.cancel();
                    }
                }
                drop(member.orders.permit(Permit::Namespaces(there_are.clone())));
            }
            for (namespace, part) in &member.parts {
                if finding.permitted.contains(namespace) {
                    drop(part.orders.permit(Permit::Retry));
                }
            }
            let new: HashSet<String> = finding
                .permitted
                .into_iter()
                .filter(|name| !member.parts.contains_key(name))
                .collect();
            if new.is_empty() {
                member.status.settle(false);
            } else if !member.is_parting {
                let (reply, answer) = oneshot::channel();
                let namespaces = new.clone();
                if member
                    .orders
                    .permit(Permit::Part { namespaces, reply })
                    .is_ok()
                {
                    member.is_parting = true;
                    self.parting.push(Box::pin(async move {
                        let parts = answer.await.ok();
                        Parted {
                            id,
                            namespaces: new,
                            parts,
                        }
                    }));
                }
            }
        }
    }

    /// A task has given objects away: those who take them start.
    pub(super) fn parted<D: Deliver + 'static>(
        &mut self,
        parted: Parted,
        deliver: &mut impl FnMut() -> D,
    ) {
        let Some(member) = self.members.get_mut(&parted.id) else {
            return;
        };
        member.is_parting = false;
        let Some(mut parts) = parted.parts else {
            member.status.settle(false);
            return;
        };
        if member.is_leaving() {
            // It cannot be there any more: what parted is told gone by nobody else.
            for (_, estate) in parts {
                member.left.estate.join(estate);
            }
            return;
        }
        let status = Arc::clone(&member.status);
        tracing::info!(
            resource = %parted.id, namespaces = parted.namespaces.len(),
            "observed in single namespaces, for want of permission"
        );
        for namespace in parted.namespaces {
            let estate = parts.remove(&namespace).unwrap_or_default();
            self.start_part(&parted.id, namespace, estate, Duration::ZERO, deliver);
        }
        status.settle(false);
    }

    /// Starts the task of one namespace.
    pub(super) fn start_part<D: Deliver + 'static>(
        &mut self,
        id: &ResourceId,
        namespace: String,
        estate: Estate,
        delay: Duration,
        deliver: &mut impl FnMut() -> D,
    ) {
        let view = self.plan.find(id).map(|resource| self.view(resource));
        let (Some(member), Some(resource), Some(view)) =
            (self.members.get_mut(id), self.plan.find(id), view)
        else {
            return;
        };
        let (retire, part) = (CancellationToken::new(), CancellationToken::new());
        let unselected = member.unselected.child_token();
        let (give, ordered) = orders(view_of(&view, &namespace));
        member.together.enter(&namespace);
        let task = Task::new(Setup {
            client: self.connection.client.clone(),
            status: member.status.enter_part(&namespace),
            resource: Arc::new(resource.clone()),
            scope: self.scope.clone(),
            ordered,
            deliver: OfNamespace {
                deliver: deliver(),
                namespace: namespace.clone(),
                together: Arc::clone(&member.together),
                status: Arc::clone(&member.status),
            },
            watch_list: self.watch_list,
            pacer: Arc::clone(&self.pacer),
            turn: None,
            discover: Some(Arc::clone(&self.hint)),
            stop: self.stop.clone(),
            retire: retire.clone(),
            unselected: unselected.clone(),
            hand_over: member.hand_over.clone(),
            part: part.clone(),
            graves: Graves::new(),
            estate,
            refused: Some(Refused {
                ring: Arc::clone(&self.refused),
                settles: true,
            }),
            delay,
            timing: self.timing.clone(),
            verify: self.verify.clone(),
        });
        let handle = self.tasks.spawn(task.run());
        self.by_task
            .insert(handle.id(), (id.clone(), Some(namespace.clone())));
        let part = Part {
            retire,
            unselected,
            part,
            orders: give,
        };
        member.parts.insert(namespace, part);
    }
}

/// Who we are, for whoever reads what is missing.
async fn introduce(client: &kube::Client, board: &StatusBoard) {
    if let Some(user) = whoami(client).await {
        board.set_user(user);
    }
}

fn access(finding: &Finding) -> Access {
    let mut access = Access::default();
    access.namespaces.clone_from(&finding.permitted);
    access.not_seen = match (finding.complete, finding.refused.is_empty()) {
        (true, true) if !finding.permitted.is_empty() => NotSeen::Nothing,
        // With none at all, one role for all of them is the shorter way.
        (true, false) if finding.named || !finding.permitted.is_empty() => {
            NotSeen::Namespaces(finding.refused.clone())
        }
        _ => NotSeen::TheRest,
    };
    access
}
