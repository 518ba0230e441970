//! Where to listen, or not at all.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// An address to listen on, or none.
///
/// ```
/// use meshsync::ListenAddr;
///
/// let addr: ListenAddr = ":11000".parse().unwrap();
/// assert_eq!(addr.addr(), Some("0.0.0.0:11000".parse().unwrap()));
/// assert_eq!("none".parse::<ListenAddr>().unwrap().addr(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenAddr {
    /// `none`.
    Off,
    /// `IP:PORT`, or `:PORT` for all addresses of IPv4.
    At(SocketAddr),
}

/// A text that is no [`ListenAddr`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid address {text:?}: write IP:PORT such as 127.0.0.1:11001, :PORT for all addresses, \
     or none"
)]
pub struct ListenAddrError {
    text: String,
}

impl ListenAddr {
    /// The address, where there is one.
    pub fn addr(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(addr) => Some(addr),
        }
    }
}

impl FromStr for ListenAddr {
    type Err = ListenAddrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self::Off);
        }
        let port = text.strip_prefix(':').and_then(|port| port.parse().ok());
        match port {
            Some(port) => Ok(Self::At((Ipv4Addr::UNSPECIFIED, port).into())),
            None => text.parse().map(Self::At).map_err(|_| ListenAddrError {
                text: text.to_owned(),
            }),
        }
    }
}
