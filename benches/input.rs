//! Realistic bytes: objects of a generated cluster, as an API server sends them.

use anyhow::ensure;
use meshsync_sim::{Generate, Sim};

/// Objects of the generated cluster.
const OBJECTS: usize = 2_000;

/// Objects of one kind that a benchmark goes through: more than fit a first-level
/// cache together, so that no benchmark runs on one hot object.
const SAMPLE: usize = 200;

/// Objects as bytes.
#[derive(Debug)]
pub struct Input {
    /// Pods of about 5 kB.
    pub pods: Vec<Vec<u8>>,
    /// Secrets.
    pub secrets: Vec<Vec<u8>>,
}

impl Input {
    /// Generates it; the same every time.
    ///
    /// # Errors
    ///
    /// When the simulator cannot start, or generates too little.
    pub fn generate() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let sim = Sim::builder().generate(Generate::objects(OBJECTS)).start();
        let sim = runtime.block_on(sim)?;
        let of = |plural: &str| {
            let objects = sim
                .snapshot()
                .filter(|o| o.group.is_empty() && o.plural == plural);
            objects
                .map(|o| o.bytes.to_vec())
                .take(SAMPLE)
                .collect::<Vec<_>>()
        };
        let input = Self {
            pods: of("pods"),
            secrets: of("secrets"),
        };
        ensure!(input.pods.len() == SAMPLE, "only {} pods", input.pods.len());
        ensure!(!input.secrets.is_empty(), "no secrets");
        Ok(input)
    }
}

/// A watch that brings these objects.
pub fn watch(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut text = Vec::new();
    for object in objects {
        text.extend_from_slice(br#"{"type":"ADDED","object":"#);
        text.extend_from_slice(object);
        text.extend_from_slice(b"}\n");
    }
    text
}

/// A list of these objects.
pub fn list(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut text =
        br#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":["#
            .to_vec();
    text.extend_from_slice(&objects.join(&b','));
    text.extend_from_slice(b"]}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_as_large_as_real_ones() {
        let input = Input::generate().unwrap();
        let bytes: usize = input.pods.iter().map(Vec::len).sum();
        let mean = bytes / input.pods.len();
        assert!((3_000..10_000).contains(&mean), "{mean}");
    }
}
