//! `meshsync rbac`.

use std::io::Write;

use meshsync::{RbacAnswer, RbacNeeds, Subject, rbac_in_cluster, rbac_without_cluster};

use crate::cli::RbacArgs;
use crate::failure::Failure;
use crate::logging::{self, LogFormat};
use crate::{config, settings};

/// Prints the permissions that `run` needs with the same options.
pub(crate) async fn rbac(args: RbacArgs, log_format: LogFormat) -> Result<(), Failure> {
    logging::start(log_format, "warn", None)?;
    let file = config::read(args.config.as_deref())?;
    let selection = settings::selection(&args.cluster, &file)?;
    let mut needs = RbacNeeds::default();
    needs.has_cluster_id = settings::cluster_id(&args.cluster, &file)?.is_some();
    needs.interactive = args.enable_interactive;
    needs.interactive_namespaces = args.interactive_namespaces;
    let (answer, whence) = if args.offline {
        let answer = rbac_without_cluster(&selection, &needs);
        (
            answer,
            "what Kubernetes serves by itself, as no cluster was asked",
        )
    } else {
        let cluster = settings::kubernetes(&args.cluster, &file)?;
        let answer = rbac_in_cluster(&cluster, &selection, &needs).await?;
        (answer, "what the cluster serves now")
    };
    let mut text = comment(&answer, whence);
    let (namespace, name) = args.service_account;
    let subject = match args.user {
        Some(user) => Subject::of_user(&user),
        None => Subject::ServiceAccount { namespace, name },
    };
    text.push_str(&answer.grants.manifests(&args.name, &subject).to_string());
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(Failure::other)
}

/// What whoever applies it should know.
fn comment(answer: &RbacAnswer, whence: &str) -> String {
    let mut text = format!(
        "# What meshsync takes to observe {} resources: {whence}. Beside it, it asks what is served and\n\
         # what it may do, which every authenticated user may (system:discovery, system:basic-user).\n",
        answer.resources
    );
    for pattern in &answer.unmatched {
        text.push_str(&format!(
            "# Not in it: {pattern}, which names nothing that is known to be served.\n"
        ));
    }
    text
}
