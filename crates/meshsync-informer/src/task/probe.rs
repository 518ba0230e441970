//! Reading how new a server's state is.

use http::Response;
use kube::client::Body;

use crate::api::read;
use crate::frame::ListFramer;
use crate::machine::Answer;

/// The resourceVersion of a list of at most one object.
pub(super) async fn read_version(response: Response<Body>, path: &str) -> Answer {
    let Ok(body) = read(response, path).await else {
        return Answer::Broken;
    };
    let mut framer = ListFramer::new();
    let end = framer.push(&body, |_| {}).and_then(|()| framer.finish());
    match end {
        Ok(end) => Answer::Probed {
            version: end.resource_version,
        },
        Err(_) => Answer::Broken,
    }
}
