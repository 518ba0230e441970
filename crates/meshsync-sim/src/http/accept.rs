//! Which representation a client asks for.

use crate::api::Status;

/// The representation of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Representation {
    /// The object itself.
    Object,
    /// `PartialObjectMetadata` or its list.
    Metadata,
    /// A `Table` of columns and rows.
    Table,
    /// The aggregated discovery document.
    AggregatedDiscovery,
}

/// The first representation in `Accept` that can be served. Only JSON can.
pub(crate) fn representation(accept: &str) -> Result<Representation, Status> {
    if accept.trim().is_empty() {
        return Ok(Representation::Object);
    }
    for range in accept.split(',') {
        let mut parameters = range.split(';').map(str::trim);
        let media = parameters.next().unwrap_or_default();
        if !matches!(media, "application/json" | "*/*" | "application/*") {
            continue;
        }
        match parameters.find_map(|parameter| parameter.strip_prefix("as=")) {
            None => return Ok(Representation::Object),
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => {
                return Ok(Representation::Metadata);
            }
            Some("Table") => return Ok(Representation::Table),
            Some("APIGroupDiscoveryList")
                if range.contains("v=v2;") || range.trim_end().ends_with("v=v2") =>
            {
                return Ok(Representation::AggregatedDiscovery);
            }
            Some(_) => {}
        }
    }
    Err(Status::new(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json",
    ))
}

/// Whether a client asks for objects without `managedFields` (KEP-5958).
pub(crate) fn asks_to_drop_managed_fields(accept: &str) -> bool {
    accept
        .split([',', ';'])
        .any(|parameter| parameter.trim() == "drop=metadata.managedFields")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_servable_range_wins() {
        let check =
            |accept, expected| assert_eq!(representation(accept).unwrap(), expected, "{accept}");
        check("", Representation::Object);
        check("*/*", Representation::Object);
        check(
            "application/vnd.kubernetes.protobuf, application/json",
            Representation::Object,
        );
        check(
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            Representation::Table,
        );
        check(
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Representation::Metadata,
        );
        check(
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
            Representation::AggregatedDiscovery,
        );
        check(
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
            Representation::Object,
        );
        assert_eq!(
            representation("application/vnd.kubernetes.protobuf")
                .unwrap_err()
                .code,
            406
        );
    }
}
