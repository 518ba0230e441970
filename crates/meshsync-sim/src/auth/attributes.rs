//! What a request wants to do, in the words of authorisation.

use serde_json::Value;

/// Verb and object of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) verb: String,
    pub(crate) object: Object,
}

/// What the verb is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// A resource, or one object of it. Empty texts mean "none", as in the API.
    Resource {
        group: String,
        resource: String,
        subresource: String,
        namespace: String,
        name: String,
    },
    /// A path that is no resource.
    Path(String),
}

impl Attributes {
    /// Reads the `spec` of an access review; `None` when it names neither a resource nor a path.
    pub(crate) fn of_review(spec: &Value) -> Option<Self> {
        let text = |part: &Value, key: &str| part[key].as_str().unwrap_or_default().to_owned();
        let resource = &spec["resourceAttributes"];
        if resource.is_object() {
            return Some(Self {
                verb: text(resource, "verb"),
                object: Object::Resource {
                    group: text(resource, "group"),
                    resource: text(resource, "resource"),
                    subresource: text(resource, "subresource"),
                    namespace: text(resource, "namespace"),
                    name: text(resource, "name"),
                },
            });
        }
        let path = &spec["nonResourceAttributes"];
        path.is_object().then(|| Self {
            verb: text(path, "verb"),
            object: Object::Path(text(path, "path")),
        })
    }

    pub(crate) fn namespace(&self) -> &str {
        match &self.object {
            Object::Resource { namespace, .. } => namespace,
            Object::Path(_) => "",
        }
    }
}
