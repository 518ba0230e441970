//! What is printed.

use std::{collections::BTreeMap, io, io::Write, sync::Arc};

use meshsync_fingerprint::{Catalog, State};

use super::{
    corpus::Labelled,
    tally::{Tally, tally, verdicts},
};

/// A line per product with a rule, the confusions, what was missed, and totals.
pub(super) fn all(
    out: &mut impl Write,
    catalog: &Arc<Catalog>,
    files: &[Labelled],
) -> io::Result<()> {
    let mut products: BTreeMap<&str, Tally> = BTreeMap::new();
    let (mut open, mut held) = (Tally::default(), Tally::default());
    for file in files {
        let tally = tally(catalog, file, &verdicts(catalog, file));
        if file.is_holdout {
            held.add(&tally);
        } else {
            open.add(&tally);
            products.entry(&file.product).or_default().add(&tally);
        }
    }
    writeln!(out, "{HEAD}")?;
    for (product, tally) in &products {
        if tally.expected + tally.wrong + tally.right > 0 {
            writeln!(out, "{}", line(product, tally))?;
        }
    }
    writeln!(out, "\nconfused")?;
    for ((there, instead), count) in &open.confused {
        writeln!(out, "  {count:3} {there}: {instead}")?;
    }
    writeln!(out, "\nmissed and wrong")?;
    for note in &open.notes {
        writeln!(out, "  {note}")?;
    }
    writeln!(out, "\nseveral installations in one manifest")?;
    for several in &open.several {
        writeln!(out, "  {several}")?;
    }
    writeln!(out, "\n{HEAD}")?;
    writeln!(out, "{}", line("total", &open))?;
    writeln!(out, "{}", line("holdout", &held))?;
    // By product, never by file: what is held out is not to be looked at.
    for ((there, instead), count) in &held.confused {
        writeln!(out, "holdout, confused: {count} {there}: {instead}")?;
    }
    for (product, count) in &held.missed {
        writeln!(out, "holdout, missed: {count} {product}")?;
    }
    for (product, count) in &held.misdated {
        writeln!(out, "holdout, other version: {count} {product}")?;
    }
    writeln!(
        out,
        "versions right where the index has what is stated: {}, holdout {}",
        stated_right(&open).trim_end(),
        stated_right(&held).trim_end(),
    )?;
    let rules = catalog.rules().len();
    writeln!(
        out,
        "{rules} rules; wrong and agreed: {}, holdout {}",
        open.wrong_and_agreed, held.wrong_and_agreed
    )
}

/// Everything about one product.
pub(super) fn product(
    out: &mut impl Write,
    catalog: &Arc<Catalog>,
    files: &[Labelled],
    id: &str,
) -> io::Result<()> {
    let mut total = Tally::default();
    for file in files.iter().filter(|file| !file.is_holdout) {
        let verdicts = verdicts(catalog, file);
        let is_there = file.expected.contains(id);
        let own: Vec<_> = verdicts
            .iter()
            .filter(|verdict| verdict.product == id)
            .collect();
        if is_there {
            total.add(&tally(catalog, file, &verdicts));
        }
        for verdict in &own {
            let mark = match (file.allowed.contains(id), verdict.state) {
                (true, State::Identified) => "ok",
                (true, _) => "weak",
                (false, State::Identified) => "WRONG",
                (false, _) => "noise",
            };
            let version = verdict.version.as_deref().unwrap_or("-");
            writeln!(
                out,
                "{mark:5} {}: {} {version} ({}) {}/{} confidence {}{}",
                file.path,
                verdict.state.as_str(),
                verdict.version_status.as_str(),
                verdict.namespace.as_deref().unwrap_or("-"),
                verdict.instance,
                verdict.confidence,
                alternatives(&verdict.alternatives),
            )?;
            if mark != "ok" && mark != "noise" {
                for proof in &verdict.evidence {
                    let anchor = if proof.anchor { " anchor" } else { "" };
                    writeln!(
                        out,
                        "        {} {}{anchor}: {} in {} {}",
                        proof.kind.as_str(),
                        proof.weight,
                        proof.value,
                        proof.object.kind,
                        proof.object.name
                    )?;
                }
            }
        }
        if is_there && own.is_empty() {
            writeln!(out, "MISS  {}", file.path)?;
        }
    }
    for note in &total.notes {
        writeln!(out, "note  {note}")?;
    }
    writeln!(out, "{HEAD}\n{}", line(id, &total))
}

fn alternatives(ids: &[String]) -> String {
    if ids.is_empty() {
        String::new()
    } else {
        format!(", or {}", ids.join(", "))
    }
}

const HEAD: &str = "product                        precision    recall      hard        version";

fn line(name: &str, tally: &Tally) -> String {
    format!(
        "{name:30} {}  {}  {}  {}",
        ratio(tally.right, tally.right + tally.wrong),
        ratio(tally.found, tally.expected),
        ratio(tally.hard_found, tally.hard_expected),
        ratio(tally.versions_right, tally.versions),
    )
}

/// Without the files where the index is known to be wrong.
fn stated_right(tally: &Tally) -> String {
    ratio(
        tally.versions_right,
        tally.versions - tally.versions_misstated,
    )
}

fn ratio(part: usize, whole: usize) -> String {
    if whole == 0 {
        return format!("{:10}", "-");
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of files")]
    let ratio = part as f64 / whole as f64;
    format!("{ratio:.3} {:4}", format!("/{whole}"))
}
