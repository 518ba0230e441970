//! From a request to its answer: resolve the target, ask the faults, hand over.

use std::{sync::Arc, time::SystemTime};

use futures::stream;
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use tokio_util::sync::CancellationToken;

use super::{
    accept::{Representation, asks_to_drop_managed_fields, representation},
    discovery::{discovery, unknown_path},
    identity::{attributes, authenticate, authorize, impersonate},
    list::{ListRequest, list},
    metered::metered,
    objects::ObjectRequest,
    pod_streams,
    reply::{Body, streamed},
    target::Target,
    versions::wait_for_version,
    watch::{WatchRequest, error_line, watch},
};
use crate::{
    api::{GroupResource, ListOptions, Query, Status},
    auth::User,
    faults::RequestFacts,
    requests::{LoggedRequest, Meter},
    shared::Shared,
    store::{Filter, Framing, object_key},
};

/// Largest request body read; a real server takes about 3 MB, tests may want more.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Answers one request and logs it.
pub(crate) async fn route(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    stop: CancellationToken,
) -> Response<Body> {
    let meter = Meter::start();
    let latency = shared.faults.latency_now();
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let mut entry = LoggedRequest {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        status: 0,
        user_agent: header_text(request.headers(), &header::USER_AGENT).to_owned(),
        accept: header_text(request.headers(), &header::ACCEPT).to_owned(),
        user: String::new(),
        verb: request.method().as_str().to_lowercase(),
        resource: None,
        subresource: String::new(),
        namespace: String::new(),
        name: String::new(),
        started: SystemTime::now(),
        bytes: 0,
        took: None,
    };
    let mut response = answer(&shared, request, stop, &mut entry)
        .await
        .unwrap_or_else(Response::from);
    let skew = shared.faults.clock_skew_seconds();
    if skew != 0 {
        let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(skew);
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(date) = date.parse() {
            response.headers_mut().insert(header::DATE, date);
        }
    }
    entry.status = response.status().as_u16();
    tracing::debug!(
        method = entry.method,
        path = entry.path,
        query = entry.query,
        status = entry.status,
        "served"
    );
    shared.requests.push(entry, &meter);
    response.map(|body| metered(body, meter))
}

fn header_text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

async fn answer(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    stop: CancellationToken,
    entry: &mut LoggedRequest,
) -> Result<Response<Body>, Status> {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let target = Target::parse(path);
    let gr = target
        .as_ref()
        .map(|t| GroupResource::new(t.group.as_str(), t.plural.as_str()));
    let verb = verb(&parts.method, target.as_ref(), &query);
    if let Some(target) = &target {
        entry.verb = verb.to_owned();
        entry.resource.clone_from(&gr);
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        entry.subresource = text(&target.subresource);
        entry.namespace = text(&target.namespace);
        entry.name = text(&target.name);
    }
    let health = matches!(path, "/healthz" | "/livez" | "/readyz" | "/version");
    let user = if health && !parts.headers.contains_key(header::AUTHORIZATION) {
        User::anonymous()
    } else {
        let user = authenticate(shared, &parts.headers)?;
        impersonate(shared, &parts.headers, user)?
    };
    entry.user.clone_from(&user.name);
    let facts = RequestFacts {
        resource: gr.as_ref(),
        subresource: &entry.subresource,
        namespace: &entry.namespace,
        name: &entry.name,
        verb,
        user: &user.name,
        version: query
            .value("resourceVersion")
            .and_then(|version| version.parse().ok()),
        current: shared.read().rv,
    };
    let facts_version = facts.version;
    if let Some(refusal) = shared.faults.refusal(facts) {
        if refusal.in_stream {
            let line = error_line(&refusal.status);
            return Ok(streamed(stream::iter([Ok(line)])));
        }
        return Ok(refusal.into());
    }
    if shared.authorizer.enforces() {
        let wanted = attributes(&parts.method, path, target.as_ref(), verb, &query);
        authorize(shared, &shared.read(), &user, &wanted)?;
    }
    if let Some(response) = discovery(shared, path, &parts.headers) {
        return Ok(response);
    }
    let (Some(target), Some(gr)) = (target, gr) else {
        return Ok(unknown_path());
    };
    if let (true, Some(pod), Some(stream @ ("log" | "exec"))) = (
        gr.group.is_empty() && gr.plural == "pods",
        &target.name,
        target.subresource.as_deref(),
    ) {
        let key = object_key(target.namespace.as_deref().unwrap_or_default(), pod);
        if shared.read().get(&gr, &key).is_none() {
            return Err(Status::not_found(&gr, pod));
        }
        return match stream {
            "log" => Ok(pod_streams::log(pod, &query, stop)),
            _ => {
                let upgrade = parts.extensions.remove::<OnUpgrade>();
                pod_streams::shell(&parts.headers, upgrade, stop)
            }
        };
    }
    let mut framing = resolve(shared, &target, verb)?;
    let representation = representation(header_text(&parts.headers, &header::ACCEPT))?;
    framing.drops_managed_fields = shared.drops_managed_fields
        && asks_to_drop_managed_fields(header_text(&parts.headers, &header::ACCEPT));
    framing.metadata_only = representation == Representation::Metadata;
    if matches!(verb, "list" | "watch") {
        let options = ListOptions::parse(&query)?;
        let filter = filter(&target, &options);
        let as_table = representation == Representation::Table;
        return if verb == "watch" {
            watch(
                shared,
                WatchRequest {
                    gr,
                    filter,
                    framing,
                    options,
                    as_table,
                },
                stop,
            )
            .await
        } else {
            list(
                shared,
                ListRequest {
                    gr,
                    filter,
                    framing,
                    options,
                    as_table,
                },
                stop,
            )
            .await
        };
    }
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let body = body
        .map_err(|e| Status::new(413, "RequestEntityTooLarge", e.to_string()))?
        .to_bytes();
    let content_type = header_text(&parts.headers, &header::CONTENT_TYPE).to_owned();
    let collection_filter = match verb {
        "deletecollection" => Some(filter(&target, &ListOptions::parse(&query)?)),
        _ => None,
    };
    if verb == "get"
        && let Some(version) = facts_version
    {
        wait_for_version(shared, &gr, verb, version).await?;
    }
    let request = ObjectRequest {
        gr,
        framing,
        representation,
        user,
        namespace: target.namespace.unwrap_or_default(),
        name: target.name,
        subresource: target.subresource,
        query,
        content_type,
        body,
    };
    match collection_filter {
        Some(filter) => request.delete_collection(shared, &filter),
        None => request.answer(shared, &parts.method),
    }
}

fn verb(method: &Method, target: Option<&Target>, query: &Query) -> &'static str {
    let named = target.is_none_or(|t| t.name.is_some());
    match (method.as_str(), named) {
        ("GET" | "HEAD", true) => "get",
        ("GET" | "HEAD", false) if query.flag("watch") => "watch",
        ("GET" | "HEAD", false) => "list",
        ("POST", _) => "create",
        ("PUT", true) => "update",
        ("PATCH", true) => "patch",
        ("DELETE", true) => "delete",
        ("DELETE", false) => "deletecollection",
        _ => "",
    }
}

/// The resource behind a target, if it exists, has the right scope and allows the verb.
fn resolve(shared: &Shared, target: &Target, verb: &str) -> Result<Framing, Status> {
    let store = shared.read();
    let found = store
        .catalog
        .find(&target.group, &target.version, &target.plural)
        .ok_or_else(Status::no_resource)?;
    let namespaced = found.resource.namespaced();
    if target.namespace.is_some() != namespaced
        && (target.namespace.is_some() || target.name.is_some())
    {
        return Err(Status::no_resource());
    }
    let allowed = match target.subresource.as_deref() {
        None => {
            found.resource.allows(verb)
                && !(verb == "create" && namespaced && target.namespace.is_none())
                && !(verb == "create" && target.name.is_some())
        }
        Some(name @ ("status" | "finalize")) => {
            let sub = found
                .resource
                .subresource(name)
                .ok_or_else(Status::no_resource)?;
            sub.verbs.iter().any(|v| v == verb)
        }
        Some("token") if found.resource.subresource("token").is_some() => verb == "create",
        Some("scale") if found.resource.subresource("scale").is_some() => verb == "get",
        Some(_) => return Err(Status::no_resource()),
    };
    if !allowed {
        return Err(Status::method_not_allowed());
    }
    Ok(Framing::new(&target.group, found))
}

fn filter(target: &Target, options: &ListOptions) -> Filter {
    Filter {
        namespace: target.namespace.clone(),
        labels: options.labels.clone(),
        fields: options.fields.clone(),
    }
}
