//! What a snapshot says of itself, on standard error.

use std::time::Duration;

use meshsync::{ResourceSnapshot, ResourceState};

use super::write::Written;

/// Warns of what is not, or not all, in the snapshot.
pub(super) fn warn_incomplete(resources: &[ResourceSnapshot]) {
    for resource in resources {
        if let Some(warning) = warning(resource) {
            eprintln!("meshsync: warning: {warning}");
        }
    }
}

fn warning(resource: &ResourceSnapshot) -> Option<String> {
    let id = resource.resource.id();
    let what = match resource.state {
        _ if resource.synced && resource.malformed == 0 => return None,
        _ if resource.synced => format!("{id}: {} objects could not be read", resource.malformed),
        ResourceState::Forbidden => format!("{id} is not in the snapshot: it is forbidden"),
        ResourceState::Partial => {
            format!("{id} is in the snapshot only as far as it is permitted")
        }
        state => format!("{id} is not in the snapshot: it is {}", state.as_str()),
    };
    Some(match &resource.last_error {
        Some(error) => format!("{what}: {error}"),
        None => what,
    })
}

/// Says how much there is.
pub(super) fn summary(written: &Written, elapsed: Duration) {
    eprintln!(
        "meshsync: {} objects of {} resources in {:.1} s",
        written.objects,
        written.resources,
        elapsed.as_secs_f64()
    );
}
