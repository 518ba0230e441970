//! Reference files: recorded API server traffic and the golden files of the contract.

use std::{
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

use crate::skip::skip;

/// Names the folder that holds the reference files; they are not part of the repository.
pub const REFERENCE_DIR_ENV: &str = "MESHSYNC_REFERENCE_DIR";

/// The folder of reference files, where [`REFERENCE_DIR_ENV`] names one that exists.
pub fn reference_dir() -> Option<PathBuf> {
    find().ok()
}

/// The folder of reference files for a test that needs it.
///
/// `None` means that the test should return; the reason is already printed.
pub fn require_reference(test_name: &str) -> Option<PathBuf> {
    match find() {
        Ok(dir) => Some(dir),
        Err(reason) => {
            skip(test_name, &reason);
            None
        }
    }
}

/// The whole content of a gzip file.
///
/// # Panics
///
/// When the file cannot be read or is not gzip; the message names the path.
pub fn gunzip(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| MultiGzDecoder::new(file).read_to_end(&mut content))
        .unwrap_or_else(|error| panic!("failed to unzip {}: {error}", path.display()));
    content
}

fn find() -> Result<PathBuf, String> {
    let dir = env::var_os(REFERENCE_DIR_ENV)
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from)
        .ok_or_else(|| format!("{REFERENCE_DIR_ENV} is not set"))?;
    if dir.is_dir() {
        Ok(dir)
    } else {
        Err(format!(
            "{REFERENCE_DIR_ENV} names no folder: {}",
            dir.display()
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn gunzip_reads_every_member_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("two.gz");
        let mut file = File::create(&path).unwrap();
        for part in ["first ", "second"] {
            let mut member = GzEncoder::new(&mut file, Compression::fast());
            member.write_all(part.as_bytes()).unwrap();
            member.finish().unwrap();
        }
        assert_eq!(gunzip(&path), b"first second");
    }

    #[test]
    #[should_panic(expected = "failed to unzip /no/such/file.gz")]
    fn gunzip_names_the_path_it_cannot_read() {
        gunzip("/no/such/file.gz");
    }
}
