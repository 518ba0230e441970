//! Lists: one frame around stored bytes, whatever their number.

use std::{collections::VecDeque, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use http::{HeaderValue, Response, header};
use tokio_util::sync::CancellationToken;

use super::{
    governed::governed,
    reply::{Body, FRAME_BYTES, JSON, complete, json, streamed},
    table::table,
    token::ContinueToken,
    versions::wait_for_version,
};
use crate::{
    api::{GroupResource, ListOptions, Match, Status},
    shared::Shared,
    store::{Filter, Framing, Object, PageRequest, Store},
};

/// A list request whose resource exists.
#[derive(Debug)]
pub(crate) struct ListRequest {
    pub(crate) gr: GroupResource,
    pub(crate) filter: Filter,
    pub(crate) framing: Framing,
    pub(crate) options: ListOptions,
    pub(crate) as_table: bool,
}

/// Answers a list.
pub(crate) async fn list(
    shared: &Arc<Shared>,
    request: ListRequest,
    stop: CancellationToken,
) -> Result<Response<Body>, Status> {
    request.options.check_list()?;
    if let Some(version) = request.options.resource_version
        && request.options.continue_token.is_none()
    {
        wait_for_version(shared, &request.gr, "list", version).await?;
    }
    let cached = request
        .options
        .may_be_cached()
        .then(|| shared.faults.lag(&request.gr, "list"))
        .flatten();
    let computed = shared.read().computed.get(&request.gr).cloned();
    if let Some(list) = computed
        && !request.as_table
        && !request.filter.selects()
    {
        return Ok(complete(200, JSON, list));
    }
    let (page, rv) = {
        let store = shared.read();
        let (page_request, rv) = place(&request.options, cached, &store, &request.gr)?;
        (store.page(&request.gr, &request.filter, &page_request)?, rv)
    };
    let token = page.last_key.map(|key| {
        ContinueToken::new(i64::try_from(rv).unwrap_or(i64::MAX), format!("/{key}\0")).encode()
    });
    let remaining = page.remaining;
    if request.as_table {
        let mut body = table(
            &request.gr,
            &request.framing,
            &page.objects,
            true,
            shared.now(),
        );
        body["metadata"]["resourceVersion"] = rv.to_string().into();
        if let Some(token) = token {
            body["metadata"]["continue"] = token.into();
        }
        if let Some(remaining) = remaining {
            body["metadata"]["remainingItemCount"] = remaining.into();
        }
        return Ok(json(200, &body));
    }
    let (head, tail) = request.framing.list_frame(rv, token.as_deref(), remaining);
    Ok(body(
        Arc::clone(shared),
        &request.gr,
        stop,
        Writer {
            framing: request.framing,
            objects: page.objects.into(),
            tail: Some(tail),
            started: false,
        },
        &head,
    ))
}

/// Where in time and keys the page lies: the request to the store, and the version of the list.
fn place(
    options: &ListOptions,
    cached: Option<u64>,
    store: &Store,
    gr: &GroupResource,
) -> Result<(PageRequest, u64), Status> {
    let current = store.rv;
    if let Some(text) = &options.continue_token {
        if options.resource_version.is_some_and(|rv| rv > 0) {
            return Err(Status::bad_request(
                "specifying resource version is not allowed when using continue",
            ));
        }
        let token = ContinueToken::decode(text)?;
        let after = token
            .start
            .trim_start_matches('/')
            .trim_end_matches('\0')
            .to_owned();
        let at = u64::try_from(token.rv).ok();
        if at.is_some_and(|at| at < store.table(gr).map_or(0, |table| table.oldest())) {
            let mut status = Status::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
            );
            let anew = ContinueToken::new(-1, token.start);
            status.continue_token = Some(anew.encode());
            return Err(status);
        }
        let request = PageRequest {
            at,
            after: Some(after),
            limit: options.limit,
        };
        return Ok((request, at.unwrap_or(current)));
    }
    let rv = options.resource_version.unwrap_or(0);
    let exact = options.version_match == Some(Match::Exact)
        || (options.version_match.is_none() && options.limit.is_some() && rv > 0);
    // A replica that lags shows an older state, as far as the history tells it.
    let oldest = store.table(gr).map_or(0, |table| table.oldest());
    let cached = cached
        .map(|cached| cached.max(oldest))
        .filter(|cached| *cached < current);
    let at = exact.then_some(rv).or(cached);
    // A list at version 0 comes from the watch cache, which does not page.
    let limit = if options.resource_version == Some(0) {
        None
    } else {
        options.limit
    };
    Ok((
        PageRequest {
            at,
            limit,
            ..PageRequest::default()
        },
        at.unwrap_or(current),
    ))
}

/// A body of stored objects between a head and a tail, in frames of about 64 KiB.
fn body(
    shared: Arc<Shared>,
    gr: &GroupResource,
    stop: CancellationToken,
    mut writer: Writer,
    head: &str,
) -> Response<Body> {
    let mut first = BytesMut::with_capacity(FRAME_BYTES + 16 * 1024);
    first.put_slice(head.as_bytes());
    let frame = writer.frame(first);
    // Small enough to be sent with a Content-Length, as the server does.
    let length = (writer.tail.is_none() && frame.len() < FRAME_BYTES).then_some(frame.len());
    let frames = stream::unfold((writer, Some(frame)), |(mut writer, ready)| async move {
        let frame = match ready {
            Some(frame) => frame,
            None if writer.tail.is_none() => return None,
            None => writer.frame(BytesMut::with_capacity(FRAME_BYTES + 16 * 1024)),
        };
        Some((Ok(frame), (writer, None)))
    });
    let mut response = streamed(governed(shared, gr, "list", stop, frames));
    if let Some(length) = length {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

struct Writer {
    framing: Framing,
    objects: VecDeque<Arc<Object>>,
    tail: Option<String>,
    started: bool,
}

impl Writer {
    fn frame(&mut self, mut out: BytesMut) -> Bytes {
        while out.len() < FRAME_BYTES {
            let Some(object) = self.objects.pop_front() else {
                if let Some(tail) = self.tail.take() {
                    out.put_slice(tail.as_bytes());
                }
                break;
            };
            if self.started {
                out.put_u8(b',');
            }
            self.started = true;
            self.framing.put_item(&mut out, &object);
        }
        out.freeze()
    }
}
