//! The list and the wait of manifests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshsync_informer::source::{ListWatch, Next, Shown, SourceError};
use meshsync_model::{ClusterId, Gvk, Platform, ResourceId};
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use super::events::Events;
use super::file::{self, Stamp, place};
use super::kinds::Kinds;
use super::prepare::{Identity, Prepared, gvk_of, prepare};
use super::url::ManifestsUrl;
use super::walk::{Found, walk};

/// Manifests to be listed and watched.
#[derive(Debug)]
pub struct Manifests {
    url: ManifestsUrl,
    kinds: Kinds,
    /// What every file said when it could be read last.
    files: HashMap<PathBuf, File>,
    /// Which folder is listened to, and how.
    events: Option<((u64, u64), Events)>,
    /// What standard input said.
    input: Option<Result<Vec<Value>, String>>,
}

/// A file that was read.
#[derive(Clone, Debug)]
struct File {
    stamp: Stamp,
    objects: Vec<Identity>,
    problems: Vec<String>,
}

/// One pass over all files.
#[derive(Default)]
struct Pass {
    files: HashMap<PathBuf, File>,
    /// Files that are as they were.
    same: Vec<PathBuf>,
    /// Which file says what an object is: the first.
    claimed: HashMap<(ResourceId, Option<String>, String), PathBuf>,
    /// Objects whose kind is not known yet: a later file may define it.
    deferred: Vec<(PathBuf, Gvk, Value)>,
}

impl Manifests {
    pub(super) fn new(url: ManifestsUrl) -> Self {
        Self {
            url,
            kinds: Kinds::default(),
            files: HashMap::new(),
            events: None,
            input: None,
        }
    }

    async fn list_folder(&mut self, root: &Path, shown: &mut Shown<'_>) -> Result<(), SourceError> {
        self.listen(root).await;
        let known = self.files.iter();
        let known = known
            .map(|(path, file)| (path.clone(), file.stamp))
            .collect();
        let mut found = walk(root.to_owned(), Arc::new(known));
        let mut pass = Pass::default();
        loop {
            match found.recv().await {
                Some(Found::Same(path)) => self.same(&mut pass, path, shown).await,
                Some(Found::Read(path, stamp, documents)) => {
                    self.take(&mut pass, path, stamp, documents, shown).await;
                }
                Some(Found::Unreadable(path, problem)) => {
                    self.keep_below(&mut pass, &path, shown);
                    shown.problem(problem);
                }
                Some(Found::NoRoot(error)) => {
                    let message = format!("failed to read {}: check the path", root.display());
                    return Err(SourceError::unreachable(message).because(error));
                }
                Some(Found::End) => break,
                None => {
                    let message = format!("failed to read {} to its end", root.display());
                    return Err(SourceError::unreachable(message));
                }
            }
        }
        for (path, gvk, document) in std::mem::take(&mut pass.deferred) {
            self.object(&mut pass, &path, &gvk, document, shown).await;
        }
        for path in pass.same {
            if let Some(file) = self.files.remove(&path) {
                pass.files.insert(path, file);
            }
        }
        self.files = pass.files;
        if let Some((_, events)) = &self.events
            && let Some(deaf) = &events.deaf
        {
            let name = root.display();
            shown.problem(format!(
                "{name}: changes are found by looking every 2 s, since the system does not tell of them: {deaf}"
            ));
        }
        Ok(())
    }

    /// Listens to the folder, if it is not listened to already.
    async fn listen(&mut self, root: &Path) {
        let now = std::fs::metadata(root)
            .map(|metadata| place(&metadata))
            .ok();
        match (&mut self.events, now) {
            (Some((before, events)), Some(now)) if *before == now || !root.is_dir() => {
                events.begin();
            }
            (events, Some(now)) => {
                *events = Some((now, Events::listen(root.to_owned()).await));
            }
            (events, None) => *events = None,
        }
    }

    /// A file is as it was.
    async fn same(&mut self, pass: &mut Pass, path: PathBuf, shown: &mut Shown<'_>) {
        let Some(file) = self.files.get(&path) else {
            return;
        };
        let stamp = file.stamp;
        let is_enough = file.objects.iter().all(|object| {
            pass.claimed.contains_key(&key(object))
                || shown.still(&object.resource, object.object_ref(), &object.version)
        });
        // What two files say is decided anew, since the other one may be gone.
        if !is_enough || !file.problems.is_empty() {
            let again = path.clone();
            let documents = tokio::task::spawn_blocking(move || file::read(&again)).await;
            let documents = documents.unwrap_or_else(|error| Err(error.to_string()));
            return self.take(pass, path, stamp, documents, shown).await;
        }
        for object in &file.objects {
            pass.claimed.insert(key(object), path.clone());
        }
        pass.same.push(path);
    }

    /// A file was read, or could not be.
    async fn take(
        &mut self,
        pass: &mut Pass,
        path: PathBuf,
        stamp: Stamp,
        documents: Result<Vec<Value>, String>,
        shown: &mut Shown<'_>,
    ) {
        let documents = match documents {
            Ok(documents) => documents,
            Err(problem) => {
                self.keep(pass, &path, shown);
                shown.problem(problem);
                return;
            }
        };
        let file = File {
            stamp,
            objects: Vec::new(),
            problems: Vec::new(),
        };
        pass.files.insert(path.clone(), file);
        for document in documents {
            let Some(gvk) = gvk_of(&document) else {
                continue;
            };
            if gvk.kind == "CustomResourceDefinition" {
                self.kinds.learn(&document["spec"]);
            }
            if self.kinds.knows(&gvk) {
                self.object(pass, &path, &gvk, document, shown).await;
            } else {
                pass.deferred.push((path.clone(), gvk, document));
            }
        }
    }

    /// One object of a file.
    async fn object(
        &mut self,
        pass: &mut Pass,
        path: &Path,
        gvk: &Gvk,
        document: Value,
        shown: &mut Shown<'_>,
    ) {
        let prepared = prepare(document, gvk, &mut self.kinds, &self.url.namespace);
        let problem = match prepared {
            Ok(prepared) => self.show(pass, path, prepared, shown).await.err(),
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem {
            let problem = format!("{}: {problem}", path.display());
            if let Some(file) = pass.files.get_mut(path) {
                file.problems.push(problem.clone());
            }
            shown.problem(problem);
        }
    }

    async fn show(
        &self,
        pass: &mut Pass,
        path: &Path,
        Prepared { identity, json }: Prepared,
        shown: &mut Shown<'_>,
    ) -> Result<(), String> {
        let kind = &identity.resource.gvk.kind;
        let name = identity.object_ref().to_string();
        if let Some(first) = pass.claimed.get(&key(&identity)) {
            let first = first.display();
            return Err(format!(
                "{kind} {name} is in {first} too, which counts: keep one"
            ));
        }
        shown
            .state(&identity.resource, &json)
            .await
            .map_err(|error| format!("{kind} {name}: {error}"))?;
        pass.claimed.insert(key(&identity), path.to_owned());
        if let Some(file) = pass.files.get_mut(path) {
            file.objects.push(identity);
        }
        Ok(())
    }

    /// A file cannot be read: what it said when it could be is kept.
    fn keep(&mut self, pass: &mut Pass, path: &Path, shown: &mut Shown<'_>) {
        let Some(mut file) = self.files.get(path).cloned() else {
            return;
        };
        file.objects.retain(|object| {
            let is_free = !pass.claimed.contains_key(&key(object));
            if is_free {
                pass.claimed.insert(key(object), path.to_owned());
                shown.unreadable(&object.resource, object.object_ref());
            }
            is_free
        });
        // It is read again at the next look, whatever its stamp.
        file.problems.push(String::new());
        pass.files.insert(path.to_owned(), file);
    }

    fn keep_below(&mut self, pass: &mut Pass, folder: &Path, shown: &mut Shown<'_>) {
        let below = self.files.keys().filter(|path| path.starts_with(folder));
        for path in below.cloned().collect::<Vec<_>>() {
            self.keep(pass, &path, shown);
        }
    }

    async fn list_input(&mut self, shown: &mut Shown<'_>) -> Result<(), SourceError> {
        let documents = match &self.input {
            Some(documents) => documents.clone(),
            None => {
                let read = || file::parse("standard input", std::io::stdin().lock(), false);
                let read = tokio::task::spawn_blocking(read).await;
                let read = read.unwrap_or_else(|error| Err(error.to_string()));
                self.input.insert(read).clone()
            }
        };
        let documents = documents.map_err(SourceError::refused)?;
        let mut pass = Pass::default();
        let definitions = documents
            .iter()
            .filter(|d| d["kind"] == "CustomResourceDefinition");
        definitions.for_each(|definition| self.kinds.learn(&definition["spec"]));
        let path = Path::new("standard input");
        for document in documents {
            if let Some(gvk) = gvk_of(&document) {
                self.object(&mut pass, path, &gvk, document, shown).await;
            }
        }
        Ok(())
    }
}

fn key(object: &Identity) -> (ResourceId, Option<String>, String) {
    (
        object.resource.id(),
        object.namespace.clone(),
        object.name.clone(),
    )
}

impl ListWatch for Manifests {
    fn name(&self) -> String {
        self.url.name()
    }

    fn platform(&self) -> Platform {
        Platform::MANIFESTS
    }

    async fn identify(&mut self) -> Result<ClusterId, SourceError> {
        let id = match (&self.url.id, &self.url.path) {
            (Some(id), _) => id.clone(),
            (None, None) => "manifests-stdin".to_owned(),
            (None, Some(path)) => {
                let full = std::fs::canonicalize(path).map_err(|error| {
                    let message = format!("failed to read {}: check the path", path.display());
                    SourceError::configuration(message).because(error)
                })?;
                let hash = xxh3_128(full.as_os_str().as_encoded_bytes());
                format!("manifests-{hash:032x}")
            }
        };
        ClusterId::on(Platform::MANIFESTS, id)
            .ok_or_else(|| SourceError::configuration("the id of the manifests is empty"))
    }

    async fn list(&mut self, shown: &mut Shown<'_>) -> Result<(), SourceError> {
        match self.url.path.clone() {
            Some(root) => self.list_folder(&root, shown).await,
            None => self.list_input(shown).await,
        }
    }

    async fn watch(&mut self, _shown: &mut Shown<'_>) -> Result<Next, SourceError> {
        match &mut self.events {
            Some((_, events)) => events.next().await,
            // Standard input says no more.
            None => std::future::pending().await,
        }
        Ok(Next::List)
    }
}
