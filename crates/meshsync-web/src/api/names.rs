//! Names of resources in addresses, and labels.

use crate::error::ApiError;

/// Group and plural of `deployments.apps` or `pods`.
pub(crate) fn resource(text: &str) -> (String, String) {
    match text.split_once('.') {
        Some((plural, group)) => (group.to_owned(), plural.to_owned()),
        None => (String::new(), text.to_owned()),
    }
}

pub(crate) fn resource_id(group: &str, plural: &str) -> String {
    if group.is_empty() {
        plural.to_owned()
    } else {
        format!("{plural}.{group}")
    }
}

const LABELS_MAX: usize = 8;

/// `app=web,tier`, as `kubectl -l` takes it, as far as it is about equality.
pub(crate) fn labels(text: &str) -> Result<Vec<(String, Option<String>)>, ApiError> {
    let parts: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    if parts.len() > LABELS_MAX {
        return Err(ApiError::Question(
            format!("{} labels are more than {LABELS_MAX}", parts.len()),
            "ask for fewer",
        ));
    }
    parts
        .into_iter()
        .map(|part| match part.split_once('=') {
            _ if part.contains(['!', '(', ')', ' ']) => Err(ApiError::Question(
                format!("`{part}` is no label that can be asked for"),
                "write KEY=VALUE or KEY, several with commas between them",
            )),
            Some((key, value)) => {
                let value = value.strip_prefix('=').unwrap_or(value);
                Ok((key.to_owned(), Some(value.to_owned())))
            }
            None => Ok((part.to_owned(), None)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_as_kubectl_reads_them() {
        let pair = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
        let read = |text| labels(text).unwrap();
        assert_eq!(read(""), []);
        assert_eq!(
            read("app=web, tier,x==y"),
            [
                pair("app", Some("web")),
                pair("tier", None),
                pair("x", Some("y"))
            ]
        );
        assert!(labels("app in (a, b)").is_err());
        assert!(labels(&"a,".repeat(9)).is_err());
    }

    #[test]
    fn resources_have_names() {
        for text in ["pods", "deployments.apps", "a.b.c"] {
            let (group, plural) = resource(text);
            assert_eq!(resource_id(&group, &plural), text);
        }
    }
}
