//! What this machine lets a process have.

use std::path::Path;

use meshsync::check::{Link, LinkState};

use super::link;
use crate::output;

/// Fewer open files than this are too few: streams of one server share connections, but
/// proxies and HTTP/1.1 servers give each watch its own, and the page has readers.
const FILES_MIN: u64 = 512;

/// With less memory than this not even some thousand objects are sure to find room
/// (docs/BENCHMARKS.md).
const MEMORY_BYTES_MIN: u64 = 48 << 20;

/// What could be found out.
pub(super) fn look() -> Vec<Link> {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let group = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let memory = memory_file(&group)
        .and_then(|path| std::fs::read_to_string(path).ok())
        .or_else(|| std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok());
    [files(&limits), memory.as_deref().and_then(memory_of)]
        .into_iter()
        .flatten()
        .collect()
}

fn files(limits: &str) -> Option<Link> {
    let mut lines = limits.lines();
    let line = lines.find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    let detail = format!("{soft} open files at most");
    Some(match soft.parse::<u64>() {
        Ok(files) if files < FILES_MIN => link(
            "limits",
            LinkState::Warning,
            format!("{detail}: fewer than watches may take"),
            Some("raise it: ulimit -n 4096, LimitNOFILE= of the unit, or --ulimit nofile=4096"),
        ),
        _ => link("limits", LinkState::Ok, detail, None),
    })
}

/// Where the control group of this process (version 2) says how much memory it may have.
fn memory_file(group: &str) -> Option<std::path::PathBuf> {
    let path = group.lines().find_map(|line| line.strip_prefix("0::/"))?;
    Some(Path::new("/sys/fs/cgroup").join(path).join("memory.max"))
}

fn memory_of(max: &str) -> Option<Link> {
    let bytes: u64 = max.trim().parse().ok()?;
    let detail = format!("{} of memory at most", output::bytes(bytes));
    Some(match bytes {
        bytes if bytes < MEMORY_BYTES_MIN => link(
            "limits",
            LinkState::Warning,
            detail,
            Some(
                "raise it: resources.limits.memory of the pod; docs/BENCHMARKS.md says what is used",
            ),
        ),
        _ => link("limits", LinkState::Ok, detail, None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_are_too_low_are_warned_of() {
        let check = |found: Option<Link>, state, says: &str| {
            let found = found.unwrap();
            assert_eq!(found.state, state, "{found:?}");
            assert!(found.detail.contains(says), "{found:?}");
            assert_eq!(found.remedy.is_some(), state == LinkState::Warning);
        };
        let limits = |soft: &str| format!("Limit\nMax open files   {soft}   4096   files\n");
        check(files(&limits("256")), LinkState::Warning, "256 open files");
        check(files(&limits("1024")), LinkState::Ok, "1024");
        check(files(&limits("unlimited")), LinkState::Ok, "unlimited");
        assert!(files("").is_none());
        check(memory_of("33554432\n"), LinkState::Warning, "32.0 MiB");
        check(memory_of("134217728\n"), LinkState::Ok, "128.0 MiB");
        assert!(memory_of("max\n").is_none());
        let path = memory_file("0::/kubepods/pod1\n").unwrap();
        assert!(path.ends_with("kubepods/pod1/memory.max"));
    }
}
