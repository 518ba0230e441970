//! Who else says what `run` observes, and who is told what became of it.

use meshsync::{Builder, Config, EventsHow, MeshSyncResource, Regarding};

use crate::cli::RunArgs;
use crate::failure::Failure;
use crate::settings;

/// The pod we run in, by the downward API: name and uid.
const POD: &str = "MESHSYNC_POD";
const POD_UID: &str = "MESHSYNC_POD_UID";

/// Where Kubernetes mounts the namespace of the pod.
const NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// The source of what is neither in a file nor in the cluster.
const COMMAND_LINE: &str = "the command line";

/// Follows the custom resources that are asked for, below what options and file say.
pub(crate) fn follow(builder: Builder, args: &RunArgs, file: &Config) -> Result<Builder, Failure> {
    let source = args.config.as_deref();
    let source = source.map_or_else(
        || COMMAND_LINE.to_owned(),
        |file| file.display().to_string(),
    );
    let said = settings::selecting(&args.cluster, file)?;
    let mut builder = builder
        .select(settings::base(&args.cluster))
        .configure(source, said);
    let name = args.discovery_resource.as_ref();
    if let Some(name) = name.or(file.discovery_resource.as_ref()) {
        builder = builder.follow_discovery_resource(name.clone());
    }
    let how = args.meshsync_resource.or(file.meshsync_resource);
    if how == Some(MeshSyncResource::Followed) {
        builder = builder.follow_meshsync_resource();
    }
    if args.events.or(file.events) == Some(EventsHow::Written) {
        builder = builder.kubernetes_events(pod());
    }
    Ok(builder)
}

/// The pod we run in, where the environment says so.
fn pod() -> Option<Regarding> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let namespace = std::fs::read_to_string(NAMESPACE).ok()?;
    let mut pod = Regarding::pod(namespace.trim(), &variable(POD)?);
    pod.uid = variable(POD_UID);
    Some(pod)
}
