//! The URL of a NATS server, with the credentials that the client library does
//! not take from it.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use crate::SinkUrlError;

/// How to say who we are. User information without a password is a token.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// None.
    Anonymous,
    /// `nats://TOKEN@host`
    Token(String),
    /// `nats://USER:PASSWORD@host`
    UserPassword(String, String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Token(_) => "Token(..)",
            Self::UserPassword(..) => "UserPassword(..)",
        })
    }
}

/// One or several servers of one NATS system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsUrl {
    /// Servers without user information: `nats://host:4222`.
    pub servers: Vec<String>,
    /// Credentials; those of the first server that has any.
    pub credentials: Credentials,
    /// What stands behind the `?`.
    pub options: NatsUrlOptions,
}

/// Options of a NATS URL: `?durable&keys=NAME&creds=PATH&nkey=PATH&ca=PATH`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NatsUrlOptions {
    /// Whether messages go into a JetStream stream where the broker has it.
    pub durable: bool,
    /// The name under which it is remembered in the broker what was published; for
    /// agents that publish different parts of one cluster. Only with `durable`.
    pub keys: Option<String>,
    /// A credentials file (JWT and seed), read at every connect.
    pub creds: Option<PathBuf>,
    /// A file with an nkey seed, read at every connect.
    pub nkey: Option<PathBuf>,
    /// Root certificates (PEM) that the broker's certificate is checked with, on
    /// top of the system's.
    pub ca: Option<PathBuf>,
}

impl NatsUrlOptions {
    /// Takes what is not set from `other`.
    fn or(&mut self, other: Self) {
        self.durable |= other.durable;
        self.keys = self.keys.take().or(other.keys);
        self.creds = self.creds.take().or(other.creds);
        self.nkey = self.nkey.take().or(other.nkey);
        self.ca = self.ca.take().or(other.ca);
    }
}

const SCHEMES: [&str; 4] = ["nats://", "tls://", "ws://", "wss://"];

/// Whether a sink URL is meant for NATS: one of its schemes, or `host:port`.
pub(crate) fn is_nats(url: &str) -> bool {
    SCHEMES.iter().any(|scheme| url.starts_with(scheme)) || is_host_port(url)
}

fn is_host_port(url: &str) -> bool {
    let url = url.split_once('?').map_or(url, |(servers, _)| servers);
    !url.contains("://")
        && url.split(',').all(|part| {
            let host_port = part.rsplit_once('@').map_or(part, |(_, rest)| rest);
            host_port
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        })
}

impl NatsUrl {
    /// Takes `BROKER_URL` or a sink URL: `nats://TOKEN@host:4222`,
    /// `tls://user:password@host`, `host:4222`, `nats://[::1]:4222`, or several
    /// of them separated by commas.
    ///
    /// # Errors
    ///
    /// When there is no host or the URL cannot be read.
    pub fn parse(text: &str) -> Result<Self, SinkUrlError> {
        let mut servers = Vec::new();
        let mut credentials = Credentials::Anonymous;
        let mut options = NatsUrlOptions::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let with_scheme = if part.contains("://") {
                part.to_owned()
            } else {
                format!("nats://{part}")
            };
            let (server, found, more) = parse_one(&with_scheme)?;
            if credentials == Credentials::Anonymous {
                credentials = found;
            }
            options.or(more);
            servers.push(server);
        }
        if servers.is_empty() {
            return Err(invalid(text, "no host found: write nats://HOST:4222"));
        }
        Ok(Self {
            servers,
            credentials,
            options,
        })
    }

    /// The hosts of its servers, without ports.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.servers.iter().filter_map(|server| {
            let (_, rest) = server.split_once("://")?;
            rest.rsplit_once(':').map(|(host, _)| host)
        })
    }
}

fn parse_one(text: &str) -> Result<(String, Credentials, NatsUrlOptions), SinkUrlError> {
    let url = Url::parse(text)
        .map_err(|error| invalid(text, &format!("{error}: write nats://[TOKEN@]HOST:4222")))?;
    if !SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
        return Err(invalid(text, "the scheme must be nats or tls"));
    }
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or_else(|| invalid(text, "no host found: write nats://HOST:4222"))?;
    let options = options(&url).map_err(|problem| invalid(text, &problem))?;
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(invalid(
            text,
            "nothing may follow the port: in a token or password write %2F for /, %23 for #, %3F for ?",
        ));
    }
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let credentials = match (url.username(), url.password()) {
        ("", None) => Credentials::Anonymous,
        (token, None) => Credentials::Token(decode(token)),
        (user, Some(password)) => Credentials::UserPassword(decode(user), decode(password)),
    };
    let port = url.port().unwrap_or(4222);
    let server = format!("{}://{host}:{port}", url.scheme());
    Ok((server, credentials, options))
}

fn options(url: &Url) -> Result<NatsUrlOptions, String> {
    let mut options = NatsUrlOptions::default();
    let path = |value: &str| (!value.is_empty()).then(|| PathBuf::from(value));
    for (name, value) in url.query_pairs() {
        let slot = match &*name {
            "durable" if matches!(&*value, "" | "true") => {
                options.durable = true;
                continue;
            }
            "keys" if !value.is_empty() => {
                options.keys = Some(value.into_owned());
                continue;
            }
            "keys" => return Err("keys needs a name: keys=NAME".to_owned()),
            "creds" => &mut options.creds,
            "nkey" => &mut options.nkey,
            "ca" => &mut options.ca,
            _ => {
                return Err(format!(
                    "unknown option{}: there are durable, keys=NAME, creds=PATH, nkey=PATH and ca=PATH; \
                     a token stands before the host, TOKEN@HOST",
                    option_names(url)
                ));
            }
        };
        *slot = Some(path(&value).ok_or_else(|| format!("{name} needs a path: {name}=PATH"))?);
    }
    Ok(options)
}

/// The names of a URL's options, as far as they look like names: a value is
/// never repeated.
fn option_names(url: &Url) -> String {
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    url.query_pairs()
        .filter(|(name, value)| !value.is_empty() && is_name(name))
        .map(|(name, _)| format!(" {name}"))
        .collect()
}

fn invalid(url: &str, problem: &str) -> SinkUrlError {
    SinkUrlError::Invalid {
        url: super::without_user_info(url),
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, servers: &[&str], credentials: Credentials) {
        let url = NatsUrl::parse(text).unwrap();
        assert_eq!(url.servers, servers, "{text}");
        assert_eq!(url.credentials, credentials, "{text}");
    }

    #[test]
    fn the_forms_of_the_contract_are_read() {
        let token = |t: &str| Credentials::Token(t.to_owned());
        check(
            "nats://TOKEN@host:4222",
            &["nats://host:4222"],
            token("TOKEN"),
        );
        check("nats://t%40k@host", &["nats://host:4222"], token("t@k"));
        check(
            "tls://user:p%3Ass@host:4333",
            &["tls://host:4333"],
            Credentials::UserPassword("user".into(), "p:ss".into()),
        );
        check(
            "localhost:4222",
            &["nats://localhost:4222"],
            Credentials::Anonymous,
        );
        check(
            "nats://[::1]:4222",
            &["nats://[::1]:4222"],
            Credentials::Anonymous,
        );
        check(
            "nats://t@a:1, nats://b:2",
            &["nats://a:1", "nats://b:2"],
            token("t"),
        );
    }

    #[test]
    fn options_stand_behind_the_question_mark() {
        let url =
            NatsUrl::parse("tls://a:1,b:2?durable&keys=shop&creds=/etc/x.creds&ca=/etc/ca.pem");
        let url = url.unwrap();
        assert_eq!(url.options.keys.as_deref(), Some("shop"));
        assert!(url.options.durable);
        assert_eq!(url.options.creds, Some("/etc/x.creds".into()));
        assert_eq!(url.options.ca, Some("/etc/ca.pem".into()));
        assert_eq!(url.hosts().collect::<Vec<_>>(), ["a", "b"]);
        let ipv6 = NatsUrl::parse("nats://[::1]:4222?nkey=seed").unwrap();
        assert_eq!(ipv6.hosts().collect::<Vec<_>>(), ["[::1]"]);
        let error = NatsUrl::parse("nats://h?creds=").unwrap_err().to_string();
        assert!(error.contains("creds=PATH"), "{error}");
    }

    #[test]
    fn errors_do_not_repeat_the_token() {
        for text in [
            "nats://hunter2@",
            "nats://hunter2@host:99999",
            "nats://hunter2@host?x=y",
            "nats://host:4222?token=hunter2",
            "nats://host:4222?hunter2",
            "nats://host?token=a@hunter2",
            "nats://hunter2?x=1@host",
            "nats://hunter2/y@host",
            "nats://host#hunter2",
        ] {
            let error = NatsUrl::parse(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let error = NatsUrl::parse("nats://host?token=hunter2").unwrap_err();
        assert!(error.to_string().contains("option token"), "{error}");
        assert!(NatsUrl::parse("").is_err());
    }

    #[test]
    fn only_nats_and_host_port_are_taken_for_nats() {
        for (url, expected) in [
            ("nats://h", true),
            ("h:4222", true),
            ("token@h:4222", true),
            ("h", false),
            ("kafka://h:1", false),
            ("file:4222", true),
        ] {
            assert_eq!(is_nats(url), expected, "{url}");
        }
    }
}
