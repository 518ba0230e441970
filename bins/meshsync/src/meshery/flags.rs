//! Flags as Go's package `flag` reads them.

use std::path::PathBuf;
use std::time::Duration;

use meshsync::{Fidelity, LeaderElect, ListenAddr, Managed, Secrets, SubjectPattern};

use super::duration;
use crate::logging::LogFormat;

/// What the flags say.
#[derive(Debug)]
pub(super) struct Flags {
    /// `--output`, not looked at yet: the original fails later, with another code.
    pub(super) output: String,
    pub(super) output_file: Option<PathBuf>,
    pub(super) output_namespaces: String,
    pub(super) output_resources: String,
    pub(super) stop_after: Option<Duration>,
    pub(super) discover_all: bool,
    pub(super) managed: Managed,
    pub(super) secrets: Option<Secrets>,
    pub(super) fidelity: Fidelity,
    pub(super) source: Option<String>,
    pub(super) cluster_id: Option<String>,
    pub(super) state_dir: Option<PathBuf>,
    pub(super) interactive: bool,
    pub(super) interactive_namespaces: String,
    pub(super) accept_rules: bool,
    pub(super) meshery_fingerprints: bool,
    pub(super) replies: Vec<SubjectPattern>,
    pub(super) leader_elect: LeaderElect,
    pub(super) leader_lease: Option<Duration>,
    pub(super) verify_interval: Option<Duration>,
    pub(super) probes_addr: Option<ListenAddr>,
    pub(super) admin_addr: Option<ListenAddr>,
    pub(super) log_format: LogFormat,
}

impl Default for Flags {
    fn default() -> Self {
        Self {
            output: "broker".to_owned(),
            output_file: None,
            output_namespaces: String::new(),
            output_resources: String::new(),
            stop_after: None,
            discover_all: false,
            managed: Managed::All,
            secrets: None,
            fidelity: Fidelity::default(),
            source: None,
            cluster_id: None,
            state_dir: None,
            interactive: true,
            interactive_namespaces: String::new(),
            accept_rules: false,
            meshery_fingerprints: false,
            replies: Vec::new(),
            leader_elect: LeaderElect::Off,
            leader_lease: None,
            verify_interval: None,
            probes_addr: None,
            admin_addr: None,
            log_format: LogFormat::default(),
        }
    }
}

/// What a command line asks for.
#[derive(Debug)]
pub(super) enum Parsed {
    Run(Box<Flags>),
    Help,
    /// With Go's message.
    Wrong(String),
}

/// The original's own.
const ORIGINAL: [&str; 6] = [
    "broker-url",
    "output",
    "outputFile",
    "outputNamespaces",
    "outputResources",
    "stopAfter",
];

/// Ours, each of which a variable gives as well: `MESHSYNC_STATE_DIR` for `state-dir`.
/// The operator writes the command of its Deployment, and the Server the arguments;
/// variables of other names both leave alone.
const OURS: [&str; 17] = [
    "accept-rules",
    "admin-addr",
    "cluster-id",
    "discover",
    "enable-interactive",
    "interactive-namespaces",
    "leader-elect",
    "leader-lease",
    "log-format",
    "managed",
    "meshery-fingerprints",
    "meshery-wire",
    "probes-addr",
    "reply-subjects",
    "source",
    "state-dir",
    "verify-interval",
];

/// Whether an argument is one of the original's flags.
pub(super) fn is_of_the_original(arg: &str) -> bool {
    split(arg).is_some_and(|(name, _)| ORIGINAL.contains(&name))
}

/// Reads a command line without the name we are called by; it goes before the
/// variables.
pub(super) fn parse(
    args: impl Iterator<Item = String>,
    variable: impl Fn(&str) -> Option<String>,
) -> Parsed {
    let mut flags = Flags::default();
    let mut refused = None;
    for name in OURS {
        let variable_name = format!("MESHSYNC_{}", name.replace('-', "_").to_uppercase());
        let value = variable(&variable_name).filter(|value| !value.is_empty());
        if let Some(value) = value
            && let Some(Err(problem)) = flags.set(name, &value)
        {
            let problem =
                format!("invalid value {value:?} for variable {variable_name}: {problem}");
            refused.get_or_insert(problem);
        }
    }
    let mut args = args;
    while let Some(arg) = args.next() {
        // What is no flag ends them, and is not looked at.
        if !arg.starts_with('-') || arg == "-" || arg == "--" {
            break;
        }
        let Some((name, value)) = split(&arg) else {
            return Parsed::Wrong(format!("bad flag syntax: {arg}"));
        };
        if matches!(name, "h" | "help") {
            return Parsed::Help;
        }
        let value = match (name, value) {
            // Those that need no value.
            ("enable-interactive" | "accept-rules" | "meshery-fingerprints", None) => {
                "true".to_owned()
            }
            (_, Some(value)) => value.to_owned(),
            (name, None) => match Flags::has(name).then(|| args.next()) {
                Some(Some(value)) => value,
                Some(None) => return Parsed::Wrong(format!("flag needs an argument: -{name}")),
                None => String::new(),
            },
        };
        match flags.set(name, &value) {
            None => return Parsed::Wrong(format!("flag provided but not defined: -{name}")),
            Some(Err(problem)) => {
                return Parsed::Wrong(format!(
                    "invalid value {value:?} for flag -{name}: {problem}"
                ));
            }
            Some(Ok(())) => {}
        }
    }
    match refused {
        Some(problem) => Parsed::Wrong(problem),
        None => Parsed::Run(Box::new(flags)),
    }
}

/// Name and value of `-x`, `--x`, `-x=v`, `--x=v`.
fn split(arg: &str) -> Option<(&str, Option<&str>)> {
    let name = arg.strip_prefix('-')?;
    let name = name.strip_prefix('-').unwrap_or(name);
    if name.is_empty() || name.starts_with(['-', '=']) {
        return None;
    }
    Some(match name.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (name, None),
    })
}

impl Flags {
    fn has(name: &str) -> bool {
        Self::default().set(name, "").is_some()
    }

    /// Sets one; `None` where there is none of that name.
    fn set(&mut self, name: &str, value: &str) -> Option<Result<(), String>> {
        let result = match name {
            // The URL comes from the environment; this has no effect there either.
            "broker-url" => Ok(()),
            "output" => put(&mut self.output, value),
            "outputFile" => {
                self.output_file = (!value.is_empty()).then(|| value.into());
                Ok(())
            }
            "outputNamespaces" => put(&mut self.output_namespaces, value),
            "outputResources" => put(&mut self.output_resources, value),
            "stopAfter" => duration::parse(value)
                .map(|nanos| self.stop_after = u64::try_from(nanos).ok().map(Duration::from_nanos))
                .map_err(str::to_owned),
            "discover" => one_of(value, &[("standard", false), ("all", true)])
                .map(|all| self.discover_all = all),
            "managed" => one_of(
                value,
                &[
                    ("all", Managed::All),
                    ("greenfield", Managed::Greenfield),
                    ("brownfield", Managed::Brownfield),
                ],
            )
            .map(|managed| self.managed = managed),
            "secrets" => one_of(
                value,
                &[("redacted", Secrets::Redacted), ("plain", Secrets::Plain)],
            )
            .map(|secrets| self.secrets = Some(secrets)),
            "meshery-wire" => one_of(
                value,
                &[
                    ("corrected", Fidelity::Corrected),
                    ("exact", Fidelity::Exact),
                    ("decoded", Fidelity::Decoded),
                ],
            )
            .map(|fidelity| self.fidelity = fidelity),
            "log-format" => one_of(
                value,
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
            )
            .map(|format| self.log_format = format),
            "source" => {
                self.source = Some(value.to_owned());
                Ok(())
            }
            "cluster-id" => {
                self.cluster_id = Some(value.to_owned());
                Ok(())
            }
            "state-dir" => {
                self.state_dir = (!value.is_empty()).then(|| value.into());
                Ok(())
            }
            "enable-interactive" => boolean(value).map(|on| self.interactive = on),
            "accept-rules" => boolean(value).map(|on| self.accept_rules = on),
            "meshery-fingerprints" => boolean(value).map(|on| self.meshery_fingerprints = on),
            "interactive-namespaces" => put(&mut self.interactive_namespaces, value),
            "reply-subjects" => list(value)
                .map(|text| text.parse::<SubjectPattern>())
                .collect::<Result<Vec<_>, _>>()
                .map(|replies| self.replies = replies)
                .map_err(|error| error.to_string()),
            "leader-elect" => value
                .parse()
                .map(|how| self.leader_elect = how)
                .map_err(|error: meshsync::LeaderElectError| error.to_string()),
            "leader-lease" => duration::parse(value)
                .map(|nanos| {
                    self.leader_lease = u64::try_from(nanos).ok().map(Duration::from_nanos)
                })
                .map_err(str::to_owned),
            "verify-interval" => duration::parse(value)
                .map(|nanos| {
                    self.verify_interval = u64::try_from(nanos).ok().map(Duration::from_nanos);
                })
                .map_err(str::to_owned),
            "probes-addr" => value
                .parse()
                .map(|addr| self.probes_addr = Some(addr))
                .map_err(|error: meshsync::ListenAddrError| error.to_string()),
            "admin-addr" => value
                .parse()
                .map(|addr| self.admin_addr = Some(addr))
                .map_err(|error: meshsync::ListenAddrError| error.to_string()),
            _ => return None,
        };
        Some(result)
    }
}

/// The parts of a list, trimmed; empty ones are none.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

fn put(field: &mut String, value: &str) -> Result<(), String> {
    value.clone_into(field);
    Ok(())
}

fn one_of<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(name, _)| *name == value);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        format!("there are {}", names.join(", "))
    })
}

/// As `strconv.ParseBool` reads it.
fn boolean(value: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("parse error".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Parsed {
        parse(line.split_whitespace().map(str::to_owned), |_| None)
    }

    fn run(line: &str) -> Flags {
        match parsed(line) {
            Parsed::Run(flags) => *flags,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn wrong(line: &str) -> String {
        match parsed(line) {
            Parsed::Wrong(problem) => problem,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn both_dashes_and_both_ways_to_give_a_value_are_the_same() {
        for line in [
            "-output file -stopAfter 8s",
            "--output=file --stopAfter=8s",
            "-output=file --stopAfter 8s ignored --output broker",
            "--broker-url x -output file -stopAfter=8s -- --nonsense",
        ] {
            let flags = run(line);
            assert_eq!(flags.output, "file", "{line}");
            assert_eq!(flags.stop_after, Some(Duration::from_secs(8)), "{line}");
        }
        assert_eq!(run("--stopAfter -1ns").stop_after, None);
        assert_eq!(run("--stopAfter 0").stop_after, Some(Duration::ZERO));
        assert_eq!(run("--output nonsense").output, "nonsense");
        assert!(run("").interactive && !run("--enable-interactive=false").interactive);
    }

    #[test]
    fn what_is_wrong_is_said_in_gos_words() {
        assert_eq!(wrong("--nope"), "flag provided but not defined: -nope");
        assert_eq!(wrong("--nope x"), "flag provided but not defined: -nope");
        assert_eq!(wrong("--output"), "flag needs an argument: -output");
        assert_eq!(wrong("---x"), "bad flag syntax: ---x");
        assert_eq!(
            wrong("-stopAfter 8"),
            r#"invalid value "8" for flag -stopAfter: parse error"#
        );
        assert!(wrong("--managed some").contains("greenfield"));
        for line in ["-h", "--help", "-help", "--output file -h"] {
            assert!(matches!(parsed(line), Parsed::Help), "{line}");
        }
    }

    #[test]
    fn each_flag_of_ours_has_a_variable_that_it_overrides() {
        let with = |line: &str, name: &'static str, value: &'static str| {
            let args = line.split_whitespace().map(str::to_owned);
            parse(args, move |asked| (asked == name).then(|| value.to_owned()))
        };
        let run = |parsed| match parsed {
            Parsed::Run(flags) => *flags,
            other => panic!("{other:?}"),
        };
        let (name, value) = ("MESHSYNC_MANAGED", "greenfield");
        assert_eq!(run(with("", name, value)).managed, Managed::Greenfield);
        let args = "--managed brownfield";
        assert_eq!(run(with(args, name, value)).managed, Managed::Brownfield);
        let refused = with("", "MESHSYNC_LEADER_ELECT", "on");
        let Parsed::Wrong(problem) = refused else {
            panic!("{refused:?}")
        };
        assert!(problem.contains("MESHSYNC_LEADER_ELECT") && problem.contains("lease"));
        // The operator's probe of older versions wants this whatever is wrong.
        assert!(matches!(with("-h", name, "nonsense"), Parsed::Help));
        for name in OURS {
            assert!(Flags::has(name), "{name}");
        }
    }

    #[test]
    fn the_originals_flags_are_told_from_ours() {
        assert!(is_of_the_original("-output=x") && is_of_the_original("--stopAfter"));
        assert!(!is_of_the_original("--version") && !is_of_the_original("run"));
        assert_eq!(
            list(" pod, deployment ,,").collect::<Vec<_>>(),
            ["pod", "deployment"]
        );
    }
}
