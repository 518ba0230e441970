//! How verdicts stand to each other.

use std::collections::{BTreeMap, BTreeSet};

use super::verdict::{State, Verdict};
use crate::catalog::Catalog;

/// All verdicts, with their relations, in order.
pub(crate) fn relate(catalog: &Catalog, made: &BTreeMap<u16, Vec<Verdict>>) -> Vec<Verdict> {
    let running: BTreeSet<&str> = made
        .values()
        .flatten()
        .filter(|verdict| verdict.state > State::ApiOnly)
        .map(|verdict| verdict.product.as_str())
        .collect();
    let here = |ids: &[String]| -> Vec<String> {
        let ids = ids.iter().filter(|id| running.contains(id.as_str()));
        ids.cloned().collect()
    };
    let mut wholes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for rule in catalog
        .rules()
        .iter()
        .filter(|rule| running.contains(rule.id.as_str()))
    {
        for part in &rule.relations.contains {
            wholes.entry(part).or_default().push(&rule.id);
        }
    }
    let served: BTreeSet<&str> = made
        .values()
        .flatten()
        .filter(|verdict| verdict.state > State::ApiOnly)
        .flat_map(|verdict| verdict.crds.iter().map(String::as_str))
        .collect();
    let mut verdicts = Vec::new();
    for (&rule, found) in made {
        let relations = &catalog.rule_at(rule).relations;
        for verdict in found {
            // A fork brings the same definitions, and serves them itself.
            if verdict.state == State::ApiOnly
                && !verdict.crds.is_empty()
                && verdict.crds.iter().all(|crd| served.contains(crd.as_str()))
            {
                continue;
            }
            let mut verdict = verdict.clone();
            verdict.contains = here(&relations.contains);
            verdict.managed_by = here(&relations.managed_by);
            verdict.conflicts = here(&relations.conflicts);
            verdict.part_of = here(&relations.part_of);
            for &whole in wholes.get(verdict.product.as_str()).into_iter().flatten() {
                if !verdict.part_of.iter().any(|known| known == whole) {
                    verdict.part_of.push(whole.to_owned());
                }
            }
            verdicts.push(verdict);
        }
    }
    verdicts.sort_by(|a, b| {
        (&a.product, &a.namespace, &a.instance).cmp(&(&b.product, &b.namespace, &b.instance))
    });
    verdicts
}
