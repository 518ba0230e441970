//! Finding the programs that tests run.

use std::{
    env,
    path::{Path, PathBuf},
};

use crate::skip::skip;

/// When set to `1`, a tool that is missing fails the test instead of skipping it.
pub const REQUIRE_TOOLS_ENV: &str = "MESHSYNC_REQUIRE_TOOLS";

/// The path of a program that tests run, such as `nats-server` or `kubectl`.
///
/// Looks at the variable named after the tool (`MESHSYNC_NATS_SERVER` for `nats-server`), then in
/// the workspace's `target/tools/bin`, where `cargo xtask test` puts it, then in `PATH`. `None`
/// means that the test should return; the reason is already printed.
///
/// # Panics
///
/// When the tool is missing and [`REQUIRE_TOOLS_ENV`] is `1`.
pub fn tool(name: &str) -> Option<PathBuf> {
    let variable = variable_of(name);
    let found = match env::var_os(&variable).filter(|path| !path.is_empty()) {
        // A variable that points nowhere is a mistake to report, not a reason to take another.
        Some(path) => Some(PathBuf::from(path)).filter(|path| path.is_file()),
        None => find_in_workspace(name).or_else(|| find_in_path(name)),
    };
    if found.is_none() {
        let reason = format!(
            "{name} is neither in {variable} nor in target/tools/bin nor in PATH; `cargo xtask test` fetches it"
        );
        assert!(
            env::var_os(REQUIRE_TOOLS_ENV).is_none_or(|value| value != "1"),
            "{reason} ({REQUIRE_TOOLS_ENV} is set)"
        );
        skip(&current_test(), &reason);
    }
    found
}

fn variable_of(tool: &str) -> String {
    format!("MESHSYNC_{}", tool.to_ascii_uppercase().replace('-', "_"))
}

fn find_in_workspace(name: &str) -> Option<PathBuf> {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin");
    Some(tools.join(name)).filter(|path| path.is_file())
}

fn find_in_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

/// The test harness names the thread after the test it runs.
fn current_test() -> String {
    std::thread::current().name().unwrap_or("a test").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_named_after_the_tool() {
        assert_eq!(variable_of("nats-server"), "MESHSYNC_NATS_SERVER");
        assert_eq!(variable_of("kubectl"), "MESHSYNC_KUBECTL");
    }

    #[test]
    fn a_program_in_path_is_found() {
        assert!(find_in_path("sh").is_some_and(|path| path.is_absolute()));
        assert_eq!(find_in_path("no-such-program-anywhere"), None);
    }
}
