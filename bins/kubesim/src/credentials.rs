//! What clients need to get in: a kubeconfig, a certificate, a token that is renewed.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use meshsync_sim::{Credential, Sim, User};

use crate::arguments::Arguments;

/// A token that lives in a file.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    user: User,
    rotation: Option<Duration>,
}

impl TokenFile {
    /// Writes a new token, good until the one after the next is due.
    fn renew(&self, sim: &Sim) -> anyhow::Result<()> {
        let users = sim.users();
        let token = match self.rotation {
            Some(every) => users.issue_for(self.user.clone(), 2 * every),
            None => users.issue(self.user.clone()),
        };
        // A reader must never find half a token.
        let beside = self.path.with_added_extension("new");
        write_private(&beside, &token)
            .and_then(|()| fs::rename(&beside, &self.path))
            .with_context(|| format!("write {}", self.path.display()))
    }

    /// Renews the token for as long as the simulator runs.
    pub(crate) async fn rotate(&self, sim: &Sim) -> anyhow::Result<()> {
        let Some(every) = self.rotation else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(every).await;
            self.renew(sim)?;
        }
    }
}

/// Writes what the arguments ask for.
pub(crate) fn write_credentials(
    sim: &Sim,
    arguments: &Arguments,
) -> anyhow::Result<Option<TokenFile>> {
    if let (Some(path), Some(certificate)) = (&arguments.ca_out, sim.ca_certificate()) {
        fs::write(path, certificate).with_context(|| format!("write {}", path.display()))?;
    }
    let user = arguments.kubeconfig_user.as_deref().map(user);
    let file = match &arguments.token_file {
        Some(path) => {
            let file = TokenFile {
                path: std::path::absolute(path).context("find the token file")?,
                user: user.clone().unwrap_or_else(User::admin),
                rotation: arguments.token_rotation,
            };
            file.renew(sim)?;
            Some(file)
        }
        None => None,
    };
    if let Some(path) = &arguments.kubeconfig_out {
        let kubeconfig = match (&file, user) {
            (Some(file), _) => sim.kubeconfig_with(Credential::TokenFile(&file.path)),
            (None, Some(user)) => sim.kubeconfig_as(user),
            (None, None) => sim.kubeconfig(),
        };
        write_private(path, &kubeconfig).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(file)
}

fn user(name: &str) -> User {
    let service_account = name
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'));
    match service_account {
        Some((namespace, name)) => User::service_account(namespace, name),
        None => User::new(name),
    }
}

/// Kubeconfigs and tokens are for their owner only.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)?.write_all(text.as_bytes())
}
