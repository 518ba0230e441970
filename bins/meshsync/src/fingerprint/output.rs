//! Verdicts as a table, JSON or YAML.

use std::io::{self, BufWriter, Write};

use anyhow::Context;
use meshsync_fingerprint::{Engine, Proof, Verdict};

use crate::cli::FingerprintFormat;

/// Writes verdicts to standard output. A reader that went away is no failure.
pub(super) fn write(
    format: FingerprintFormat,
    explained: Option<&str>,
    engine: &Engine,
    verdicts: &[Verdict],
) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = match (format, explained) {
        (FingerprintFormat::Json, _) => {
            serde_json::to_writer_pretty(&mut out, verdicts)?;
            writeln!(out)
        }
        (FingerprintFormat::Yaml, _) => {
            let text = serde_saphyr::to_string(&verdicts).context("failed to write YAML")?;
            out.write_all(text.as_bytes())
        }
        (FingerprintFormat::Table, Some(product)) => explain(&mut out, product, engine, verdicts),
        (FingerprintFormat::Table, None) => table(&mut out, verdicts),
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn table(out: &mut impl Write, verdicts: &[Verdict]) -> io::Result<()> {
    let head = [
        "PRODUCT",
        "VERSION",
        "STATE",
        "EDITION",
        "NAMESPACE",
        "INSTANCE",
        "CONFIDENCE",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    for verdict in verdicts {
        rows.push([
            verdict.product.clone(),
            version(verdict),
            verdict.state.as_str().to_owned(),
            dash(verdict.edition.as_deref()),
            dash(verdict.namespace.as_deref()),
            verdict.instance.clone(),
            format!("{:.2}", verdict.confidence),
        ]);
    }
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn version(verdict: &Verdict) -> String {
    match (&verdict.version, verdict.version_status.as_str()) {
        (Some(version), "conflict") => format!("{version} (conflict)"),
        (Some(version), _) => version.clone(),
        (None, _) => "unknown".to_owned(),
    }
}

fn dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

fn explain(
    out: &mut impl Write,
    product: &str,
    engine: &Engine,
    verdicts: &[Verdict],
) -> io::Result<()> {
    if verdicts.is_empty() {
        writeln!(out, "{product}: nothing that is enough for a verdict")?;
        for proof in engine.evidence_of(product) {
            writeln!(out, "  {}", line(&proof))?;
        }
        return Ok(());
    }
    for verdict in verdicts {
        writeln!(
            out,
            "{} {} is {} as {}/{}, confidence {:.2}",
            verdict.name,
            version(verdict),
            verdict.state.as_str(),
            dash(verdict.namespace.as_deref()),
            verdict.instance,
            verdict.confidence
        )?;
        if !verdict.alternatives.is_empty() {
            writeln!(out, "it may also be {}", verdict.alternatives.join(", "))?;
        }
        writeln!(out, "because")?;
        for proof in &verdict.evidence {
            writeln!(out, "  {}", line(proof))?;
        }
        let versions = &verdict.versions;
        for (of, seen) in [
            ("version", &versions.controller),
            ("version of what it manages", &versions.workload),
            ("version of its API", &versions.api),
        ] {
            let Some(seen) = seen else { continue };
            writeln!(
                out,
                "{of}: {} ({})",
                dash(seen.version.as_deref()),
                seen.status.as_str()
            )?;
            for source in &seen.sources {
                let object = &source.object;
                writeln!(
                    out,
                    "  {} {} in {} {}",
                    source.from, source.value, object.kind, object.name
                )?;
            }
        }
        for proxy in &versions.proxies {
            let version = proxy.version.as_deref().unwrap_or("unknown");
            writeln!(out, "proxies: {} of version {version}", proxy.count)?;
        }
        for component in &verdict.components {
            let object = &component.object;
            let image = dash(component.image.as_deref());
            writeln!(
                out,
                "component {}: {} {}, {image}",
                component.id, object.kind, object.name
            )?;
        }
        for (key, value) in &verdict.config {
            writeln!(out, "config {key}: {value}")?;
        }
    }
    Ok(())
}

fn line(proof: &Proof) -> String {
    let object = &proof.object;
    let namespace = object
        .namespace
        .as_ref()
        .map_or_else(String::new, |name| format!("{name}/"));
    let anchor = if proof.anchor { ", an anchor" } else { "" };
    format!(
        "{} {} (weight {}{anchor}) in {} {namespace}{}",
        proof.kind.as_str(),
        proof.value,
        proof.weight,
        object.kind,
        object.name
    )
}
