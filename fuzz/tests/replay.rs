//! The corpora of the fuzz targets as ordinary tests: each file as it is, cut off
//! at every byte, and with random bytes changed.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]

use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Variants of each file with random changes.
const VARIANTS: u32 = 300;

/// Bytes that matter to a parser of JSON, YAML or lines.
const INTERESTING: &[u8] = b"{}[]\",:\\\n \t0-.ue/\xff\xc3\x00#'&*|>!%@";

fn check(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let mut files: Vec<_> = std::fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", corpus.display());
    let seed = meshsync_testkit::seed(&format!("replay::{target}"), 1);
    let mut rng = StdRng::seed_from_u64(seed);
    for file in files {
        let data = std::fs::read(&file).unwrap();
        // If the body panics, this says of which input.
        let _context = Context(&file);
        body(&data);
        let step = (data.len() / 200).max(1);
        for end in (0..data.len()).step_by(step) {
            body(&data[..end]);
        }
        for _ in 0..meshsync_testkit::cases(VARIANTS) {
            body(&vary(&data, &mut rng));
        }
    }
}

/// Names the file when a body panics.
struct Context<'a>(&'a Path);

impl Drop for Context<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the file: {}", self.0.display());
        }
    }
}

fn vary(data: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let mut data = data.to_vec();
    for _ in 0..rng.random_range(1..4) {
        if data.is_empty() {
            break;
        }
        let at = rng.random_range(0..data.len());
        match rng.random_range(0..5) {
            0 => data[at] = rng.random(),
            1 => data[at] = INTERESTING[rng.random_range(0..INTERESTING.len())],
            2 => drop(data.remove(at)),
            3 => data.insert(at, INTERESTING[rng.random_range(0..INTERESTING.len())]),
            // A piece of it once more somewhere else.
            _ => {
                let end = data.len().min(at + rng.random_range(1..40));
                let piece = data[at..end].to_vec();
                let to = rng.random_range(0..=data.len());
                data.splice(to..to, piece);
            }
        }
    }
    data
}

#[test]
fn watch_lines() {
    check("watch_line", meshsync_fuzz::watch_line);
}

#[test]
fn list_pages() {
    check("list_page", meshsync_fuzz::list_page);
}

#[test]
fn discovery_documents() {
    check("discovery", meshsync_fuzz::discovery);
}

#[test]
fn configuration_files() {
    check("config", meshsync_fuzz::config);
}

#[test]
fn records() {
    check("record", meshsync_fuzz::record);
}
