//! The ports that a server picked, read from the file in which it tells them.

use std::{fs, path::Path};

use serde::Deserialize;

/// The ports of one server, as far as they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ports {
    pub(super) client: Option<u16>,
    pub(super) monitoring: Option<u16>,
}

/// The server writes one `*.ports` file once it listens; `None` until that is complete.
pub(super) fn read_ports(dir: &Path) -> Option<Ports> {
    #[derive(Deserialize)]
    struct PortsFile {
        #[serde(default)]
        nats: Vec<String>,
        #[serde(default)]
        monitoring: Vec<String>,
    }

    let path = fs::read_dir(dir)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ext| ext == "ports"))?;
    let file: PortsFile = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    Some(Ports {
        client: file.nats.first().and_then(|url| port_of(url)),
        monitoring: file.monitoring.first().and_then(|url| port_of(url)),
    })
}

fn port_of(url: &str) -> Option<u16> {
    url.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_the_last_part_of_the_url() {
        assert_eq!(port_of("nats://127.0.0.1:34265"), Some(34265));
        assert_eq!(port_of("nats://127.0.0.1"), None);
    }
}
