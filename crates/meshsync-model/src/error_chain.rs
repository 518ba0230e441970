//! An error for a log line.

use std::error::Error;

/// An error with its causes, on one line. A cause that the text before it ends
/// with is not said twice.
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn causes_are_said_once() {
        let layer = |text, cause: Option<Layer>| Layer(text, cause.map(Box::new));
        let bottom = layer("refused", None);
        let error = layer("run", Some(layer("connect: refused", Some(bottom))));
        assert_eq!(error_chain(&error), "run: connect: refused");
    }
}
