//! Configuration files.

use meshsync::Config;

/// The text of a configuration file.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Config::parse(text, "f") {
        Ok(config) => {
            // A second reading says the same.
            assert_eq!(Config::parse(text, "f"), Ok(config));
        }
        Err(error) => {
            assert!(!error.problems().is_empty());
            for problem in error.problems() {
                let problem = problem.to_string();
                assert!(problem.starts_with("f:"), "{problem}");
            }
        }
    }
}
