//! From a URL to a sink, those of other crates than the broker's included.

use meshsync_broker::{Sink, SinkUrlError};

/// Opens the sink that a URL names: see [`sinks::open`](crate::sinks::open), and,
/// with the feature `store`, `store:PATH`. Nothing is connected or written yet.
///
/// # Errors
///
/// When the scheme is unknown or a part is missing.
pub fn open_sink(url: &str) -> Result<Box<dyn Sink>, SinkUrlError> {
    #[cfg(feature = "store")]
    if let Some(path) = store_path(url)? {
        return Ok(Box::new(meshsync_store::StoreSink::new(path)));
    }
    meshsync_broker::open(url).map_err(|error| match error {
        SinkUrlError::UnknownScheme { url, known } if cfg!(feature = "store") => {
            let known = format!("{known}, store:PATH");
            SinkUrlError::UnknownScheme { url, known }
        }
        error => error,
    })
}

/// The path of a store URL, `store:PATH`; `None` for any other URL.
///
/// # Errors
///
/// When the path is missing.
#[cfg(feature = "store")]
pub fn store_path(url: &str) -> Result<Option<&std::path::Path>, SinkUrlError> {
    let Some(path) = url.strip_prefix("store:") else {
        return Ok(None);
    };
    // Both `store:PATH` and `store:///PATH`.
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err(SinkUrlError::Invalid {
            url: url.to_owned(),
            problem: "the path is missing: write store:PATH".to_owned(),
        });
    }
    Ok(Some(path.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_open_the_sink_they_name() {
        let name = |url: &str| open_sink(url).map(|sink| sink.name());
        assert_eq!(name("stdout:").unwrap(), "stdout:");
        let unknown = open_sink("ftp://x").err().unwrap().to_string();
        assert!(unknown.contains("stdout:"), "{unknown}");
        #[cfg(feature = "store")]
        {
            assert!(unknown.contains("store:PATH"), "{unknown}");
            assert_eq!(name("store:/tmp/a.db").unwrap(), "store:/tmp/a.db");
            assert_eq!(name("store:///tmp/a.db").unwrap(), "store:/tmp/a.db");
            assert!(
                name("store:")
                    .unwrap_err()
                    .to_string()
                    .contains("store:PATH")
            );
        }
    }
}
