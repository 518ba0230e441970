//! Expressions on the head of an object, in CEL.

use std::fmt;

use meshsync_model::{Object, Resource};
use thiserror::Error;

/// Longer ones are not read: what is nested is read and evaluated on the stack.
#[cfg(feature = "cel")]
const LENGTH_BYTES_MAX: usize = 4 << 10;

/// Brackets, conditions and signs within each other.
#[cfg(feature = "cel")]
const DEPTH_MAX: usize = 12;

/// Operators other than `&&` and `||`, and indices.
#[cfg(feature = "cel")]
const OPERATORS_MAX: usize = 32;

/// What parsing an expression of that depth takes even where nothing is optimised.
#[cfg(feature = "cel")]
const STACK_BYTES: usize = 16 << 20;

/// A condition in the Common Expression Language on the head of an object.
///
/// It sees `apiVersion`, `kind` and `metadata` (without `managedFields`), and nothing else: so it
/// means the same whatever the tier. Where it has no truth value, such as where it reads a label
/// that is not there, it does not hold; `has(..)` and `in` ask first.
#[derive(Clone)]
pub struct Expression {
    text: String,
    #[cfg(feature = "cel")]
    program: std::sync::Arc<cel::Program>,
}

/// A text that is no [`Expression`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no CEL expression: {problem}")]
pub struct ExpressionError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub problem: String,
}

impl Expression {
    /// An expression from its text.
    ///
    /// # Errors
    ///
    /// When it cannot be parsed, or speaks of something else than the head. Always where this
    /// crate is built without the feature `cel`.
    #[cfg(feature = "cel")]
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let wrong = |problem: String| ExpressionError {
            text: text.chars().take(LENGTH_BYTES_MAX).collect(),
            problem,
        };
        if text.len() > LENGTH_BYTES_MAX {
            return Err(wrong(format!("it is longer than {LENGTH_BYTES_MAX} bytes")));
        }
        let (depth, operators) = depth(text);
        if depth > DEPTH_MAX || operators > OPERATORS_MAX {
            return Err(wrong(format!(
                "it has more than {OPERATORS_MAX} operators, or is nested deeper than {DEPTH_MAX}; \
                 write several rules, or `in` with a list"
            )));
        }
        let program = compile(text)
            .map_err(|message| wrong(message.lines().next().unwrap_or_default().to_owned()))?;
        let unknown = program
            .references()
            .variables()
            .into_iter()
            .find(|name| !VARIABLES.contains(name))
            .map(str::to_owned);
        if let Some(unknown) = unknown {
            return Err(wrong(format!(
                "there is no {unknown:?}; there are {}",
                VARIABLES.join(", ")
            )));
        }
        Ok(Self {
            text: text.to_owned(),
            program: std::sync::Arc::new(program),
        })
    }

    /// An expression from its text: none, without the feature `cel`.
    ///
    /// # Errors
    ///
    /// Always.
    #[cfg(not(feature = "cel"))]
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        Err(ExpressionError {
            text: text.to_owned(),
            problem: "this program was built without CEL; use name=, labels= or fields=".to_owned(),
        })
    }

    /// Whether it holds for an object.
    #[cfg(feature = "cel")]
    pub fn holds(&self, resource: &Resource, object: &Object<'_>) -> bool {
        let mut context = cel::Context::default();
        let head = [
            ("apiVersion", resource.gvk.api_version().into()),
            ("kind", resource.gvk.kind.as_str().into()),
            ("metadata", metadata(object)),
        ];
        for (name, value) in head {
            let value: serde_json::Value = value;
            if context.add_variable(name, value).is_err() {
                return false;
            }
        }
        matches!(self.program.execute(&context), Ok(cel::Value::Bool(true)))
    }

    /// Whether it holds for an object.
    #[cfg(not(feature = "cel"))]
    pub fn holds(&self, _: &Resource, _: &Object<'_>) -> bool {
        // There is none.
        false
    }

    /// The text it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// How deep anything in it can be nested at most: brackets by their pairs, and what needs no
/// bracket by its signs; and how many operators there are, since a chain is as deep as it is long.
#[cfg(feature = "cel")]
fn depth(text: &str) -> (usize, usize) {
    let (mut brackets, mut deepest, mut signs) = (0_usize, 0, 0);
    let (mut conditions, mut operators) = (0, 0);
    let mut quote = None;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (Some(_), b'\\') => drop(bytes.next()),
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => brackets += 1,
            (None, b')' | b']' | b'}') => brackets = brackets.saturating_sub(1),
            (None, b'?') => conditions += 1,
            (None, b'!' | b'-') => signs += 1,
            (None, byte) if byte.is_ascii_whitespace() => {}
            (None, _) => signs = 0,
        }
        if quote.is_none() && b"+-*/%=<>[".contains(&byte) {
            operators += 1;
        }
        deepest = deepest.max(brackets + signs);
    }
    (deepest + conditions, operators)
}

/// Parses on a stack of its own: a few levels of brackets take more than threads usually have.
#[cfg(feature = "cel")]
fn compile(text: &str) -> Result<cel::Program, String> {
    let text = text.to_owned();
    std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || cel::Program::compile(&text).map_err(|errors| errors.to_string()))
        .map_err(|error| error.to_string())?
        .join()
        .unwrap_or_else(|_panic| Err("the parser of CEL gave up".to_owned()))
}

/// What an expression may speak of.
#[cfg(feature = "cel")]
const VARIABLES: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// `metadata` as a value; the only place where one is made of an object, and only for rules
/// with an expression.
#[cfg(feature = "cel")]
fn metadata(object: &Object<'_>) -> serde_json::Value {
    let members = object.metadata_members();
    let members = members.filter(|member| member.name() != "managedFields");
    let read = members.filter_map(|member| {
        let value = serde_json::from_str(member.value).ok()?;
        Some((member.name().into_owned(), value))
    });
    serde_json::Value::Object(read.collect())
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

#[cfg(all(test, feature = "cel"))]
#[expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails where it stands"
)]
mod tests {
    use meshsync_model::{Gvk, Index};

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        let raw = br#"{"metadata":{"name":"web-1","namespace":"shop","labels":{"app":"web"},
            "annotations":{"a/b":"c"},"generation":3,"managedFields":[{}]},"spec":{"x":1}}"#;
        let mut index = Index::new();
        let object = index.parse(raw).unwrap();
        let pods = Resource::new(Gvk::new("", "v1", "Pod"), "pods", true);
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.holds(&pods, &object), expected, "{text}");
    }

    #[test]
    fn the_head_can_be_asked() {
        check(r#"metadata.name.startsWith("web-") && kind == "Pod""#, true);
        check(r#"apiVersion == "v1""#, true);
        check(r#"metadata.labels.app == "db""#, false);
        check(r#"has(metadata.labels.app)"#, true);
        check(r#""a/b" in metadata.annotations"#, true);
        check(r#"metadata.generation > 2"#, true);
        check(r#"metadata.name.matches("^web-[0-9]+$")"#, true);
        check(r#"has(metadata.managedFields)"#, false);
    }

    #[test]
    fn what_has_no_truth_value_does_not_hold() {
        check(r#"metadata.labels.none == "x""#, false);
        check(r#"metadata.name"#, false);
        check(r#"metadata.name > 1"#, false);
    }

    #[test]
    fn what_is_no_expression_on_the_head_is_said() {
        let error = |text: &str| Expression::parse(text).unwrap_err().to_string();
        assert!(error("spec.x == 1").contains("there is no \"spec\""));
        assert!(error("metadata.name ==").contains("is no CEL expression"));
        assert!(error(&"a".repeat(5000)).contains("longer than"));
        // Nested however deep: an error, and no end of the stack.
        for open in ["(", "[", "!", "-", "{1:", "a?", "- ", "!("] {
            error(&open.repeat(1000 / open.len()));
        }
    }

    #[test]
    fn a_chain_as_long_as_it_may_be_is_evaluated() {
        let most = |link: &str| {
            let (_, operators) = depth(link);
            OPERATORS_MAX.checked_div(operators).unwrap_or(300)
        };
        for link in ["+1", "||true", "&&true", "==1", ".a", "[0]"] {
            let text = format!("metadata.generation{}", link.repeat(most(link)));
            check(&text, link == "||true");
        }
    }

    #[test]
    fn lists_of_names_are_no_operators() {
        let names = vec!["\"a-b/c.d\""; 200].join(", ");
        check(&format!("metadata.name in [{names}]"), false);
    }
}
