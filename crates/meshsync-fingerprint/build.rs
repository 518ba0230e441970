//! Lists the rule files, so that a new one needs no second entry anywhere, and
//! writes them as JSON, which a program reads faster than YAML when it starts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for build scripts");
    let rules = Path::new(&manifest).join("rules");
    println!("cargo::rerun-if-changed={}", rules.display());
    let mut files: Vec<PathBuf> = std::fs::read_dir(&rules)
        .expect("the folder of rules is part of the crate")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .collect();
    files.sort();
    let mut list = String::from("&[\n");
    for file in files {
        let name = file
            .file_name()
            .expect("a file has a name")
            .to_string_lossy();
        let text = std::fs::read_to_string(&file).expect("a readable file");
        // What is no YAML is told by the tests, with its place.
        let json = serde_saphyr::from_str::<serde_json::Value>(&text)
            .map(|rule| rule.to_string())
            .unwrap_or_default();
        writeln!(list, "    ({name:?}, {json:?}, {text:?}),").expect("a String takes all");
    }
    list.push_str("]\n");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets it for build scripts");
    std::fs::write(Path::new(&out).join("rules.rs"), list).expect("OUT_DIR can be written");
}
