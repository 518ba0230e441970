//! Which of the products that know an object it is: one for each container.

use super::record::{Claim, Standing};
use super::scan::{Hit, WHOLE};
use super::subject::Subject;
use crate::catalog::{Catalog, EvidenceKind, Role, TOP};
use crate::catalog::{Item, KINDS};

/// What a workload must show to be taken for a part of a product without an
/// anchor: two ordinary items.
const MEMBER_SCORE: u16 = 5;
/// What the last segment of an image weighs, unless its rule says less.
const CALLED_WEIGHT: u8 = 3;

/// The claims of all rules on one object.
pub(crate) fn claims(
    catalog: &Catalog,
    subject: Subject,
    containers: usize,
    owned_pod: bool,
    hits: &[Hit],
) -> Vec<Claim> {
    if hits.is_empty() {
        return Vec::new();
    }
    if subject == Subject::Custom {
        return declared(catalog, hits);
    }
    if !subject.is_workload() {
        return by_rule(catalog, hits.to_vec())
            .into_iter()
            .filter(|hits| !excluded(catalog, hits))
            .map(|hits| claim(catalog, hits, Standing::Witness))
            .collect();
    }
    let (proxies, own) = split_injected(catalog, containers, hits);
    let mut claims: Vec<Claim> = by_rule(catalog, proxies)
        .into_iter()
        .map(|hits| claim(catalog, hits, Standing::Proxy))
        .collect();
    // What controls a pod has told everything else already.
    if !owned_pod {
        claims.extend(members(catalog, own));
    }
    claims
}

/// A custom resource speaks for the rules that name its kind; it is an
/// installation where its kind is an anchor.
fn declared(catalog: &Catalog, hits: &[Hit]) -> Vec<Claim> {
    by_rule(catalog, hits.to_vec())
        .into_iter()
        .filter(|hits| !excluded(catalog, hits))
        .filter_map(|hits| {
            let mut kinds = hits.iter().map(|hit| catalog.item(hit.item));
            let named = kinds.clone().any(|item| item.kind == EvidenceKind::Crd);
            let is_anchor =
                kinds.any(|item| item.kind == EvidenceKind::Crd && item.role == Role::Anchor);
            let standing = if is_anchor {
                Standing::Member
            } else {
                Standing::Witness
            };
            named.then(|| claim(catalog, hits, standing))
        })
        .collect()
}

/// Hits in containers that something injected, and the others. Where there are
/// no other containers the object is nothing else, and they are its own.
fn split_injected(catalog: &Catalog, containers: usize, hits: &[Hit]) -> (Vec<Hit>, Vec<Hit>) {
    let mut injected: Vec<u8> = hits
        .iter()
        .filter(|hit| hit.container != WHOLE)
        .filter(|hit| {
            let item = catalog.item(hit.item);
            item.injected && item.role == Role::Anchor
        })
        .map(|hit| hit.container)
        .collect();
    injected.sort_unstable();
    injected.dedup();
    if injected.is_empty() || injected.len() >= containers {
        return (Vec::new(), hits.to_vec());
    }
    let mut proxies = Vec::new();
    let mut own = Vec::new();
    for hit in hits {
        let item = catalog.item(hit.item);
        if injected.contains(&hit.container) {
            if item.injected {
                proxies.push(hit.clone());
            }
        } else if !item.injected {
            own.push(hit.clone());
        }
    }
    (proxies, own)
}

fn by_rule(catalog: &Catalog, mut hits: Vec<Hit>) -> Vec<Vec<Hit>> {
    hits.sort_by_key(|hit| (catalog.item(hit.item).rule, hit.item, hit.container));
    let mut rules: Vec<Vec<Hit>> = Vec::new();
    let mut last = None;
    for hit in hits {
        let rule = catalog.item(hit.item).rule;
        match rules.last_mut() {
            Some(hits) if last == Some(rule) => hits.push(hit),
            _ => rules.push(vec![hit]),
        }
        last = Some(rule);
    }
    rules
}

fn excluded(catalog: &Catalog, hits: &[Hit]) -> bool {
    hits.iter()
        .any(|hit| catalog.item(hit.item).role == Role::Exclude)
}

/// Without what is in containers that carry excluding evidence; nothing is left
/// where that is all there was, or the object as a whole is excluded.
fn without_excluded(catalog: &Catalog, hits: Vec<Hit>) -> Vec<Hit> {
    let out: Vec<u8> = hits
        .iter()
        .filter(|hit| catalog.item(hit.item).role == Role::Exclude)
        .map(|hit| hit.container)
        .collect();
    if out.is_empty() {
        return hits;
    }
    if out.contains(&WHOLE) {
        return Vec::new();
    }
    let left: Vec<Hit> = hits
        .into_iter()
        .filter(|hit| !out.contains(&hit.container))
        .collect();
    if left.iter().any(|hit| hit.container != WHOLE) {
        left
    } else {
        Vec::new()
    }
}

/// A claim with the component that fits best.
fn claim(catalog: &Catalog, hits: Vec<Hit>, standing: Standing) -> Claim {
    let rule = hits.first().map_or(0, |hit| catalog.item(hit.item).rule);
    let mut components: Vec<u8> = hits
        .iter()
        .map(|hit| catalog.item(hit.item).component)
        .filter(|&component| component != TOP)
        .collect();
    components.sort_unstable();
    components.dedup();
    let component = components
        .into_iter()
        .max_by_key(|&component| {
            let own = hits
                .iter()
                .filter(|hit| catalog.item(hit.item).component == component);
            (score(catalog, own), std::cmp::Reverse(component))
        })
        .unwrap_or(TOP);
    let hits: Vec<Hit> = hits
        .into_iter()
        .filter(|hit| {
            let of = catalog.item(hit.item).component;
            of == TOP || of == component
        })
        .collect();
    Claim {
        rule,
        component,
        standing,
        score: score(catalog, hits.iter()),
        hits,
        ..Claim::default()
    }
}

/// The best of each kind, added up.
pub(crate) fn score<'h>(catalog: &Catalog, hits: impl Iterator<Item = &'h Hit>) -> u16 {
    best_by_kind(catalog, hits)
        .iter()
        .map(|&best| u16::from(best))
        .sum()
}

/// The best weight of each kind.
pub(crate) fn best_by_kind<'h>(
    catalog: &Catalog,
    hits: impl Iterator<Item = &'h Hit>,
) -> [u8; KINDS] {
    let mut best = [0; KINDS];
    for hit in hits {
        let item = catalog.item(hit.item);
        if item.role != Role::Exclude {
            let of = &mut best[item.kind as usize];
            *of = hit.weight.max(*of);
        }
    }
    best
}

/// Whether hits tell a product from everything else: an anchor does, and so do its
/// chart and an image called like one of its own together. Others may use the one
/// or the other; hardly anybody both for something else.
pub(crate) fn is_anchored(catalog: &Catalog, hits: &[Hit]) -> bool {
    let (mut charted, mut called) = (false, false);
    for hit in hits {
        let item = catalog.item(hit.item);
        match item.role {
            Role::Anchor => return true,
            Role::Support => {
                charted |= item.is_chart;
                called |= item.kind == EvidenceKind::Image && hit.weight >= CALLED_WEIGHT;
            }
            Role::Exclude => {}
        }
    }
    charted && called
}

/// The containers a rule speaks of: those with its anchors, else those with
/// anything more telling than a port.
fn containers_of(catalog: &Catalog, hits: &[Hit]) -> Vec<u8> {
    let pick = |wanted: &dyn Fn(Item, &Hit) -> bool| -> Vec<u8> {
        let mut found: Vec<u8> = hits
            .iter()
            .filter(|hit| hit.container != WHOLE && wanted(catalog.item(hit.item), hit))
            .map(|hit| hit.container)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let anchored = pick(&|item, _| item.role == Role::Anchor);
    if anchored.is_empty() {
        pick(&|item, hit| item.kind == EvidenceKind::Image || hit.weight > 1)
    } else {
        anchored
    }
}

/// Lets the rules compete for the containers of a workload.
fn members(catalog: &Catalog, hits: Vec<Hit>) -> Vec<Claim> {
    let mut candidates: Vec<(bool, Vec<u8>, Claim)> = by_rule(catalog, hits)
        .into_iter()
        .map(|hits| without_excluded(catalog, hits))
        .filter(|hits| !hits.is_empty())
        .map(|hits| {
            let containers = containers_of(catalog, &hits);
            let claim = claim(catalog, hits, Standing::Witness);
            (is_anchored(catalog, &claim.hits), containers, claim)
        })
        .collect();
    candidates.sort_by(|(a_anchored, _, a), (b_anchored, _, b)| {
        (b_anchored, b.score, a.rule).cmp(&(a_anchored, a.score, b.rule))
    });
    let mut winners: Vec<(Vec<u8>, Claim)> = Vec::new();
    let mut others = Vec::new();
    for (anchored, containers, mut claim) in candidates {
        if catalog.rule_at(claim.rule).bundle {
            // It contains what wins, and is no rival of it.
            if anchored || claim.score >= MEMBER_SCORE {
                claim.standing = Standing::Member;
            }
            others.push(claim);
            continue;
        }
        if !anchored && claim.score < MEMBER_SCORE {
            others.push(claim);
            continue;
        }
        // What a product brings along is a part of it, and is itself as well.
        let rival = winners.iter_mut().find(|(of, winner)| {
            let overlap = of.is_empty()
                || containers.is_empty()
                || of.iter().any(|at| containers.contains(at));
            overlap && !(anchored && are_whole_and_part(catalog, winner.rule, claim.rule))
        });
        match rival {
            None => {
                claim.standing = Standing::Member;
                winners.push((containers, claim));
            }
            Some((_, winner)) => {
                let behind = winner.score.abs_diff(claim.score);
                let behind = i16::try_from(behind).unwrap_or(i16::MAX);
                let behind = if claim.score > winner.score {
                    -behind
                } else {
                    behind
                };
                // Who has no anchor is no rival of who has one.
                if (anchored || !is_anchored(catalog, &winner.hits))
                    && winner.rival.is_none_or(|(_, known)| behind < known)
                {
                    winner.rival = Some((claim.rule, behind));
                }
            }
        }
    }
    winners
        .into_iter()
        .map(|(_, claim)| claim)
        .chain(others)
        .collect()
}

/// Whether one of two products brings the other along.
fn are_whole_and_part(catalog: &Catalog, one: u16, other: u16) -> bool {
    let has = |whole: u16, part: u16| {
        let part = &catalog.rule_at(part).id;
        catalog.rule_at(whole).relations.contains.contains(part)
    };
    has(one, other) || has(other, one)
}
