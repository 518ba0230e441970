//! The one way in which the generator writes objects: seeded names, uids and times.

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{managed_fields::managed_fields, sizes::Sizes};
use crate::{
    api::GroupResource,
    store::{Store, WriteOptions},
};

/// Writer of generated objects.
pub(super) struct Emit<'a> {
    pub(super) store: &'a mut Store,
    pub(super) rng: StdRng,
    /// Objects written so far.
    pub(super) count: usize,
    pub(super) nodes: usize,
    pub(super) sizes: Sizes,
}

/// What other objects need to know of a written one.
#[derive(Clone, Debug)]
pub(super) struct Ref {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) uid: String,
}

impl Ref {
    /// The owner reference of a controller.
    pub(super) fn owner(&self) -> Value {
        json!([{
            "apiVersion": self.api_version, "kind": self.kind, "name": self.name, "uid": self.uid,
            "controller": true, "blockOwnerDeletion": true,
        }])
    }
}

impl<'a> Emit<'a> {
    pub(super) fn new(store: &'a mut Store, seed: u64, sizes: Sizes) -> Self {
        Self {
            store,
            rng: StdRng::seed_from_u64(seed),
            count: 0,
            nodes: 0,
            sizes,
        }
    }

    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        self.rng.random_range(low..=high)
    }

    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.rng.random_range(0..choices.len())]
    }

    pub(super) fn uid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.rng.random())
            .into_uuid()
            .to_string()
    }

    /// A suffix as Kubernetes makes them: no vowels, no easily confused characters.
    pub(super) fn suffix(&mut self, length: usize) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..length)
            .map(|_| char::from(self.pick(ALPHABET)))
            .collect()
    }

    pub(super) fn text(&mut self, length: usize) -> String {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        (0..length)
            .map(|_| char::from(self.pick(ALPHABET)))
            .collect()
    }

    pub(super) fn ip(&mut self, second: u8) -> String {
        format!(
            "10.{second}.{}.{}",
            self.between(0, 255),
            self.between(1, 254)
        )
    }

    /// A time in the weeks before the middle of 2026, the same for the same seed.
    pub(super) fn time(&mut self) -> String {
        let seconds = 1_780_000_000 - i64::try_from(self.between(0, 3_000_000)).unwrap_or(0);
        jiff::Timestamp::from_second(seconds)
            .map(|t| t.to_string())
            .unwrap_or_default()
    }

    pub(super) fn node(&mut self) -> String {
        let node = self.between(0, self.nodes.max(1) - 1);
        node_name(node)
    }

    /// A size with a long tail: most are small, a few reach `max`.
    pub(super) fn zipf(&mut self, min: usize, max: usize) -> usize {
        let uniform: f64 = self.rng.random_range(0.0005..1.0);
        ((min as f64 / uniform) as usize).clamp(min, max)
    }

    /// Writes an object with `metadata.name`, and `metadata.namespace` when it has one.
    pub(super) fn put(
        &mut self,
        group: &str,
        plural: &str,
        api_version: &'static str,
        kind: &'static str,
        mut object: Value,
    ) -> Ref {
        let uid = self.uid();
        let created = self.time();
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
        let metadata = &mut object["metadata"];
        metadata["uid"] = uid.as_str().into();
        metadata["creationTimestamp"] = created.as_str().into();
        let name = metadata["name"].as_str().unwrap_or_default().to_owned();
        let namespace = metadata["namespace"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let fields = managed_fields(&object, api_version, &created);
        object["metadata"]["managedFields"] = fields;
        self.resize(&mut object);
        let gr = GroupResource::new(group, plural);
        match self
            .store
            .create(&gr, &namespace, object, WriteOptions::default())
        {
            Ok(_) => self.count += 1,
            Err(status) => tracing::debug!(%gr, name, %status, "generated object not stored"),
        }
        Ref {
            api_version,
            kind,
            name,
            uid,
        }
    }
}

pub(super) fn node_name(number: usize) -> String {
    format!("ip-10-0-{}-{}.ec2.internal", number / 250, number % 250 + 4)
}
