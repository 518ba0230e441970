//! Finding the engine that is there.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::url::{Host, Place, Tls};

/// What is asked of the system.
pub(super) trait System {
    fn variable(&self, name: &str) -> Option<String>;
    fn exists(&self, path: &Path) -> bool;
    fn read(&self, path: &Path) -> Option<String>;
}

/// This one.
pub(super) struct ThisSystem;

impl System for ThisSystem {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn read(&self, path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }
}

/// Where an engine is, in the order of the Docker command; then the sockets of
/// Docker and Podman, those of this user first.
pub(super) fn find(place: &Place, system: &dyn System) -> Result<Host, String> {
    match place {
        Place::At(host) => Ok(host.clone()),
        Place::Context(name) => context(name, system),
        Place::Infer => infer(system),
    }
}

fn infer(system: &dyn System) -> Result<Host, String> {
    for name in ["DOCKER_HOST", "CONTAINER_HOST"] {
        if let Some(host) = system.variable(name) {
            return Host::parse(&host, tls(system)).map_err(|error| format!("{name}: {error}"));
        }
    }
    let current = system.variable("DOCKER_CONTEXT").or_else(|| {
        let config = system.read(&config_dir(system)?.join("config.json"))?;
        let config: Value = serde_json::from_str(&config).ok()?;
        config["currentContext"].as_str().map(str::to_owned)
    });
    if let Some(name) = current.filter(|name| name != "default") {
        return context(&name, system);
    }
    let sockets = sockets(system);
    let found = sockets.iter().find(|path| system.exists(path));
    found.cloned().map(Host::Unix).ok_or_else(|| {
        let looked: Vec<_> = sockets.iter().map(|path| path.display().to_string()).collect();
        format!(
            "no container engine found: DOCKER_HOST is not set, and there is none of {}; start \
             one (dockerd, or systemctl --user start podman.socket) or name it as docker:unix:///PATH",
            looked.join(", ")
        )
    })
}

fn sockets(system: &dyn System) -> Vec<PathBuf> {
    let mut sockets = Vec::new();
    if let Some(own) = system.variable("XDG_RUNTIME_DIR") {
        let own = PathBuf::from(own);
        sockets.push(own.join("docker.sock"));
        sockets.push(own.join("podman/podman.sock"));
    }
    for path in ["/var/run/docker.sock", "/run/podman/podman.sock"] {
        sockets.push(path.into());
    }
    // Docker's own stands before Podman's where both are.
    sockets.sort_by_key(|path| path.ends_with("podman.sock"));
    sockets
}

fn config_dir(system: &dyn System) -> Option<PathBuf> {
    let home = || Some(PathBuf::from(system.variable("HOME")?).join(".docker"));
    system
        .variable("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(home)
}

fn tls(system: &dyn System) -> Option<Tls> {
    system.variable("DOCKER_TLS_VERIFY")?;
    let folder = system.variable("DOCKER_CERT_PATH").map(PathBuf::from);
    Some(tls_in(&folder.or_else(|| config_dir(system))?, system))
}

fn tls_in(folder: &Path, system: &dyn System) -> Tls {
    let file = |name: &str| Some(folder.join(name)).filter(|path| system.exists(path));
    Tls {
        ca: file("ca.pem"),
        cert: file("cert.pem"),
        key: file("key.pem"),
    }
}

/// A context of the Docker command, which keeps them below the hashes of their
/// names.
fn context(name: &str, system: &dyn System) -> Result<Host, String> {
    let missing = || format!("there is no context {name:?}: docker context ls names them");
    let folder = config_dir(system).ok_or_else(missing)?.join("contexts");
    let hash: String = Sha256::digest(name)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let meta = folder.join("meta").join(&hash).join("meta.json");
    let meta = system.read(&meta).ok_or_else(missing)?;
    let meta: Value =
        serde_json::from_str(&meta).map_err(|_| format!("context {name:?} is no JSON"))?;
    let host = meta["Endpoints"]["docker"]["Host"]
        .as_str()
        .ok_or_else(missing)?;
    let tls = tls_in(&folder.join("tls").join(&hash).join("docker"), system);
    let has_tls = host.starts_with("tcp://") && tls != Tls::default();
    Host::parse(host, has_tls.then_some(tls)).map_err(|error| format!("context {name:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Fake {
        variables: &'static [(&'static str, &'static str)],
        files: &'static [(&'static str, &'static str)],
    }

    impl System for Fake {
        fn variable(&self, name: &str) -> Option<String> {
            let found = self.variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }

        fn exists(&self, path: &Path) -> bool {
            self.files.iter().any(|(known, _)| Path::new(known) == path)
        }

        fn read(&self, path: &Path) -> Option<String> {
            let found = self
                .files
                .iter()
                .find(|(known, _)| Path::new(known) == path);
            found.map(|(_, text)| (*text).to_owned())
        }
    }

    fn found(system: &Fake) -> String {
        find(&Place::Infer, system).map_or_else(|error| error, |host| host.to_string())
    }

    #[test]
    fn the_host_of_the_environment_comes_first_then_the_context_then_sockets() {
        let sockets = &[
            ("/var/run/docker.sock", ""),
            ("/run/user/1/podman/podman.sock", ""),
        ];
        let system = Fake {
            variables: &[("XDG_RUNTIME_DIR", "/run/user/1")],
            files: sockets,
        };
        assert_eq!(found(&system), "unix:///var/run/docker.sock");
        let rootless = Fake {
            variables: &[("XDG_RUNTIME_DIR", "/run/user/1")],
            files: &[("/run/user/1/podman/podman.sock", "")],
        };
        assert_eq!(found(&rootless), "unix:///run/user/1/podman/podman.sock");
        let named = Fake {
            variables: &[
                ("DOCKER_HOST", "tcp://a:1"),
                ("DOCKER_TLS_VERIFY", "1"),
                ("HOME", "/h"),
            ],
            files: &[("/h/.docker/ca.pem", "")],
        };
        let Ok(Host::Tcp(_, Some(tls))) = find(&Place::Infer, &named) else {
            panic!("it is TLS");
        };
        assert_eq!(tls.ca.as_deref(), Some(Path::new("/h/.docker/ca.pem")));
        let none = found(&Fake::default());
        assert!(
            none.contains("/var/run/docker.sock") && none.contains("DOCKER_HOST"),
            "{none}"
        );
    }

    #[test]
    fn contexts_are_found_below_the_hashes_of_their_names() {
        let hash = "2a97516c354b68848cdbd8f54a226a0a55b21ed138e207ad6c5cbb9c00aa5aea";
        let path: &'static str = format!("/h/.docker/contexts/meta/{hash}/meta.json").leak();
        let files: &'static [(&str, &str)] = vec![
            ("/h/.docker/config.json", r#"{"currentContext":"demo"}"#),
            (path, r#"{"Endpoints":{"docker":{"Host":"ssh://me@far"}}}"#),
        ]
        .leak();
        let system = Fake {
            variables: &[("HOME", "/h")],
            files,
        };
        assert_eq!(found(&system), "ssh://me@far");
        let other = find(&Place::Context("other".to_owned()), &system).unwrap_err();
        assert!(other.contains("docker context ls"), "{other}");
    }
}
