//! Which manifests.

use std::path::PathBuf;

/// `PATH[?namespace=NAME&id=ID]`, or `-` for standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestsUrl {
    /// A folder or a file; `None` is standard input.
    pub(super) path: Option<PathBuf>,
    /// Where objects go that state no namespace and need one.
    pub(super) namespace: String,
    /// Identity in records, where the path is not good enough.
    pub(super) id: Option<String>,
}

impl ManifestsUrl {
    /// Reads what stands behind `manifests:`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (path, options) = text.split_once('?').unwrap_or((text, ""));
        // Both `manifests:PATH` and `manifests:///PATH`.
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err("the path is missing".to_owned());
        }
        let mut manifests = Self {
            path: (path != "-").then(|| PathBuf::from(path)),
            namespace: "default".to_owned(),
            id: None,
        };
        for (key, value) in ::url::form_urlencoded::parse(options.as_bytes()) {
            match (&*key, value.is_empty()) {
                ("namespace" | "id", true) => return Err(format!("{key} is empty")),
                ("namespace", false) => manifests.namespace = value.into_owned(),
                ("id", false) => manifests.id = Some(value.into_owned()),
                _ => return Err(format!("unknown option {key:?}")),
            }
        }
        Ok(manifests)
    }

    pub(super) fn name(&self) -> String {
        match &self.path {
            Some(path) => format!("manifests:{}", path.display()),
            None => "manifests:-".to_owned(),
        }
    }
}
