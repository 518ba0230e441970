//! The marks Meshery leaves on what it deploys.

use std::borrow::Cow;

use crate::Object;

/// Label, or annotation, with the id of the design an object belongs to.
pub const DESIGN_ID: &str = "design.meshery.io/id";
/// Annotation with the version of that design.
pub const DESIGN_VERSION: &str = "design.meshery.io/version";
/// Annotation with the id of the component an object was made of.
pub const COMPONENT_ID: &str = "component.meshery.io/id";

/// What all marks contain: most objects have none, and are not looked at closer.
const COMMON: &[u8] = b".meshery.io/";

/// What an object says of the design it was deployed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks<'a> {
    /// The design's id, as written; empty where only another mark is there.
    pub design: Cow<'a, str>,
}

impl<'a> Marks<'a> {
    /// The marks of an object; `None` for one that Meshery did not deploy.
    pub fn of(object: &Object<'a>) -> Option<Self> {
        let may = |raw: Option<&str>| {
            raw.is_some_and(|raw| memchr::memmem::find(raw.as_bytes(), COMMON).is_some())
        };
        let mut marks = None;
        if may(object.metadata("labels"))
            && let Some((_, design)) = object.labels().find(|(key, _)| key == DESIGN_ID)
        {
            return Some(Self { design });
        }
        if may(object.metadata("annotations")) {
            for (key, value) in object.annotations() {
                match &*key {
                    DESIGN_ID => return Some(Self { design: value }),
                    DESIGN_VERSION | COMPONENT_ID => {
                        marks = Some(Self {
                            design: Cow::Borrowed(""),
                        });
                    }
                    _ => {}
                }
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Index;

    fn check(metadata: &str, expected: Option<&str>) {
        let raw = format!(r#"{{"metadata":{{"name":"a",{metadata}}}}}"#);
        let mut index = Index::new();
        let object = index.parse(raw.as_bytes()).unwrap();
        let marks = Marks::of(&object).map(|marks| marks.design.into_owned());
        assert_eq!(marks.as_deref(), expected, "{metadata}");
    }

    #[test]
    fn the_marks_are_found_as_labels_and_as_annotations() {
        check(r#""labels":{"app":"x"}"#, None);
        check(r#""labels":{"design.meshery.io/id":"d-1"}"#, Some("d-1"));
        check(
            r#""annotations":{"design.meshery.io/id":"d-2"}"#,
            Some("d-2"),
        );
        check(r#""annotations":{"component.meshery.io/id":"c"}"#, Some(""));
        check(
            r#""annotations":{"design.meshery.io/version":"1"}"#,
            Some(""),
        );
        check(r#""annotations":{"x.meshery.io/other":"1"}"#, None);
    }
}
