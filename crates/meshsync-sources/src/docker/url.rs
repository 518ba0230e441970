//! Which engine.

use std::path::PathBuf;

/// `[unix:///PATH | tcp://HOST:PORT[?ca=FILE&cert=FILE&key=FILE] | ssh://[USER@]HOST]`,
/// or nothing for the one that is there; `?context=NAME` for a context of Docker's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerUrl {
    pub(super) place: Place,
}

/// Where an engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `$DOCKER_HOST`, the current context, or the first socket that is there.
    Infer,
    /// A context of the Docker command.
    Context(String),
    At(Host),
}

/// A place to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Unix(PathBuf),
    Tcp(String, Option<Tls>),
    /// `[USER@]HOST[:PORT]`, by the program `ssh`.
    Ssh(String),
}

/// Files of certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) ca: Option<PathBuf>,
    pub(super) cert: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

const DEFAULT_PORT: u16 = 2375;
const DEFAULT_TLS_PORT: u16 = 2376;

impl DockerUrl {
    /// Reads what stands behind `docker:`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (host, options) = text.split_once('?').unwrap_or((text, ""));
        let (mut tls, mut context) = (Tls::default(), None);
        for (key, value) in ::url::form_urlencoded::parse(options.as_bytes()) {
            let path = || Some(PathBuf::from(&*value));
            match &*key {
                "ca" | "cert" | "key" | "context" if value.is_empty() => {
                    return Err(format!("{key} is empty"));
                }
                "ca" => tls.ca = path(),
                "cert" => tls.cert = path(),
                "key" => tls.key = path(),
                "context" => context = Some(value.into_owned()),
                _ => return Err(format!("unknown option {key:?}")),
            }
        }
        let has_tls = tls != Tls::default();
        let place = match (host, context) {
            ("", Some(context)) if !has_tls => Place::Context(context),
            ("", None) if !has_tls => Place::Infer,
            (_, Some(_)) => return Err("a context says which host and how: leave it".to_owned()),
            (host, None) => Place::At(Host::parse(host, has_tls.then_some(tls))?),
        };
        Ok(Self { place })
    }
}

impl Host {
    /// Reads a host as `$DOCKER_HOST` names it.
    pub(super) fn parse(text: &str, tls: Option<Tls>) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix://") {
            return match (path.is_empty(), tls) {
                (true, _) => Err("the path of the socket is missing".to_owned()),
                (_, Some(_)) => Err("ca, cert and key are for tcp://".to_owned()),
                (false, None) => Ok(Self::Unix(path.into())),
            };
        }
        if let Some(rest) = text.strip_prefix("ssh://") {
            let to = rest.split('/').next().unwrap_or_default();
            // Never an option of ssh.
            return match to.is_empty() || to.starts_with('-') {
                true => Err("the host is missing".to_owned()),
                false => Ok(Self::Ssh(to.to_owned())),
            };
        }
        let (rest, is_tls) = match text.split_once("://") {
            Some(("tcp" | "http", rest)) => (rest, tls.is_some()),
            Some(("https", rest)) => (rest, true),
            _ => return Err("the host is none of unix://, tcp:// and ssh://".to_owned()),
        };
        let authority = rest.trim_end_matches('/');
        if authority.is_empty() || authority.contains(['/', '@']) {
            return Err("write tcp://HOST:PORT".to_owned());
        }
        let has_port = authority
            .rsplit(':')
            .next()
            .is_some_and(|p| p.parse::<u16>().is_ok())
            && authority.contains(':');
        let port = match is_tls {
            true => DEFAULT_TLS_PORT,
            false => DEFAULT_PORT,
        };
        let authority = match has_port {
            true => authority.to_owned(),
            false => format!("{authority}:{port}"),
        };
        let tls = is_tls.then(|| tls.unwrap_or_default());
        Ok(Self::Tcp(authority, tls))
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(authority, _) => write!(f, "tcp://{authority}"),
            Self::Ssh(to) => write!(f, "ssh://{to}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_read() {
        let check = |text: &str, expected: Place| {
            assert_eq!(DockerUrl::parse(text).unwrap().place, expected, "{text}");
        };
        check("", Place::Infer);
        check("?context=far", Place::Context("far".to_owned()));
        check(
            "unix:///run/x.sock",
            Place::At(Host::Unix("/run/x.sock".into())),
        );
        check("tcp://a", Place::At(Host::Tcp("a:2375".to_owned(), None)));
        check("ssh://me@a:22", Place::At(Host::Ssh("me@a:22".to_owned())));
        let tls = Tls {
            ca: Some("/ca".into()),
            ..Tls::default()
        };
        check(
            "tcp://a?ca=/ca",
            Place::At(Host::Tcp("a:2376".to_owned(), Some(tls))),
        );
    }

    #[test]
    fn what_cannot_work_is_an_error() {
        for text in [
            "x",
            "unix://",
            "tcp://",
            "tcp://u@h",
            "ssh://-oProxyCommand=x",
            "?ca=",
            "?x=1",
            "unix:///a?ca=b",
            "tcp://a?context=b",
        ] {
            assert!(DockerUrl::parse(text).is_err(), "{text}");
        }
    }
}
