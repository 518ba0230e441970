//! How large generated objects are.

use base64::{Engine, engine::general_purpose::STANDARD};
use rand::Rng;
use serde_json::{Value, json};

use super::emit::Emit;

/// How the sizes of generated objects are distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sizes {
    /// As their content makes them.
    #[default]
    Natural,
    /// Zipf's law between 1 and 200 kB, about 5 kB in the mean: most objects are small, a few are
    /// very large. An object that is larger than its share by nature loses its `managedFields`
    /// first; a smaller one gets annotations or data that differ from object to object.
    Zipf,
}

/// Smallest and largest object, in bytes of JSON.
const BYTES: (f64, f64) = (1_000.0, 200_000.0);
/// What an annotation costs beside its value.
const MEMBER_BYTES: usize = 40;

impl Emit<'_> {
    /// Brings an object to a size drawn from the distribution.
    pub(super) fn resize(&mut self, object: &mut Value) {
        if self.sizes == Sizes::Natural || object["kind"] == "CustomResourceDefinition" {
            return;
        }
        let target = self.size();
        let mut size = object.to_string().len();
        if size > target
            && let Some(metadata) = object["metadata"].as_object_mut()
            && let Some(fields) = metadata.remove("managedFields")
        {
            size = size.saturating_sub(fields.to_string().len());
        }
        let Some(missing) = target.checked_sub(size + MEMBER_BYTES) else {
            return;
        };
        match object["kind"].as_str() {
            Some("ConfigMap") => object["data"]["content"] = self.prose(missing).into(),
            Some("Secret") => {
                let content = self.prose(missing / 4 * 3);
                object["data"]["content"] = STANDARD.encode(content).into();
            }
            _ => {
                let note = self.prose(missing);
                let metadata = &mut object["metadata"];
                if !metadata["annotations"].is_object() {
                    metadata["annotations"] = json!({});
                }
                metadata["annotations"]["example.com/description"] = note.into();
            }
        }
    }

    /// A size by Zipf's law with exponent one: the inverse of its distribution function.
    fn size(&mut self) -> usize {
        let (low, high) = BYTES;
        let uniform: f64 = self.rng.random_range(0.0..1.0);
        (low / (1.0 - uniform * (1.0 - low / high))) as usize
    }

    /// Text put together from pieces of a page, so that no two are alike and none costs much to make.
    fn prose(&mut self, length: usize) -> String {
        let mut text = String::with_capacity(length + PIECE_BYTES_MAX);
        while text.len() < length {
            let at = self.rng.random_range(0..PAGE.len() - PIECE_BYTES_MAX);
            let piece = self.rng.random_range(PIECE_BYTES_MAX / 8..PIECE_BYTES_MAX);
            text.push_str(&PAGE[at..at + piece]);
        }
        text.truncate(length);
        text
    }
}

/// Longest piece taken from the page at once.
const PIECE_BYTES_MAX: usize = 160;

/// ASCII, and without characters JSON has to escape.
const PAGE: &str = "\
The service listens behind the gateway and answers within the timeout of its route; replicas are \
spread over zones, and one may be taken away at any time. The owner is the team on call, releases go \
out behind a canary and are rolled back by the pipeline when the budget of errors is spent. Storage is \
claimed per replica and backed up every night into another region, kept for thirty days. Endpoints, \
quotas and schedules follow the policy of the namespace: requests are limits for memory, twice that \
for processors. Settings: cache.bytes.max 268435456, pool.size 32, retry.count 5, retry.wait 250ms, \
log.level info, trace.ratio 0.01, region eu-central-1, queue orders.created.v2, topic audit-events. \
";
