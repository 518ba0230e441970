//! What the page is made of.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshsync::store::{Store, StoreError, StoreSink};

use crate::feed::Feed;
use crate::readers::Readers;
use crate::{Access, TellingSink};

/// The page of one pipeline. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Web {
    pub(crate) path: PathBuf,
    pub(crate) access: Access,
    pub(crate) feed: Arc<Feed>,
    pub(crate) readers: Arc<Readers>,
}

/// Why there can be no page.
#[derive(Debug, thiserror::Error)]
#[error("failed to prepare the store of the web page")]
pub struct WebError(#[from] StoreError);

impl Web {
    /// A page over the store at `path`, which is made where there is none. Give
    /// the pipeline [`Web::sink`], which fills it.
    ///
    /// # Errors
    ///
    /// When the store cannot be made or is of another version.
    pub fn new(path: impl Into<PathBuf>, access: Access) -> Result<Self, WebError> {
        let path = path.into();
        // Readers find it there, whatever the sink does first.
        drop(Store::open(&path)?);
        Ok(Self {
            access,
            feed: Arc::default(),
            readers: Arc::new(Readers::new(path.clone())),
            path,
        })
    }

    /// The sink that fills the store and tells the page what it wrote.
    pub fn sink(&self) -> TellingSink {
        TellingSink::new(StoreSink::new(&self.path), Arc::clone(&self.feed))
    }

    /// Where the store is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
