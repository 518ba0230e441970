//! From the text of a pattern to its parts.

use globset::GlobBuilder;

use super::PatternProblem;
use super::pattern::{Form, Part};

/// Longer than the longest name Kubernetes allows, 63 + 1 + 63 + 1 + 253.
pub(super) const LENGTH_BYTES_MAX: usize = 512;

/// A problem and the byte it begins at.
pub(super) type Problem = (usize, PatternProblem);

/// The form of a pattern.
pub(super) fn form(text: &str) -> Result<Form, Problem> {
    check(text)?;
    let slashes: Vec<usize> = text.match_indices('/').map(|(at, _)| at).collect();
    match slashes[..] {
        [] => dotted(text),
        [at] if is_version(&text[..at]) || is_glob(&text[..at]) => {
            slashed(text, "", 0, &text[..at], at)
        }
        [at] => Err((0, PatternProblem::VersionMissing(text[..at].to_owned()))),
        [first, second] => {
            let (group, version) = (&text[..first], &text[first + 1..second]);
            slashed(text, group, first + 1, version, second)
        }
        [_, _, third, ..] => Err((third, PatternProblem::TooManyParts)),
    }
}

fn check(text: &str) -> Result<(), Problem> {
    if text.is_empty() {
        return Err((0, PatternProblem::Empty));
    }
    if text.len() > LENGTH_BYTES_MAX {
        let length_max = LENGTH_BYTES_MAX;
        return Err((0, PatternProblem::TooLong { length_max }));
    }
    let mut in_braces = false;
    for (at, character) in text.char_indices() {
        match character {
            // The glob engine panics on braces nested deeper than its regular expressions may be.
            '{' if in_braces => return Err((at, PatternProblem::NestedBraces)),
            '{' | '}' => in_braces = character == '{',
            ',' if in_braces => {}
            '-' | '.' | '/' | '*' | '?' | '[' | ']' => {}
            character if character.is_ascii_alphanumeric() => {}
            character => return Err((at, PatternProblem::Character(character))),
        }
    }
    Ok(())
}

fn slashed(
    text: &str,
    group: &str,
    version_at: usize,
    version: &str,
    kind_slash_at: usize,
) -> Result<Form, Problem> {
    let kind_at = kind_slash_at + 1;
    Ok(Form::Slashed {
        group: part(group, 0)?,
        version: part(not_empty(version, version_at)?, version_at)?,
        kind: part(not_empty(&text[kind_at..], kind_at)?, kind_at)?,
    })
}

fn dotted(text: &str) -> Result<Form, Problem> {
    let Some((name, rest)) = text.split_once('.') else {
        return part(text, 0).map(Form::Bare);
    };
    let rest_at = name.len() + 1;
    if is_version(rest) {
        let (name, version) = (name.to_owned(), rest.to_owned());
        return Err((rest_at, PatternProblem::GroupMissing { name, version }));
    }
    if rest.starts_with('.') || rest.contains("..") {
        return Err((rest_at, PatternProblem::EmptyPart));
    }
    Ok(Form::Dotted {
        name: part(not_empty(name, 0)?, 0)?,
        rest: part(rest, rest_at)?,
    })
}

fn not_empty(text: &str, at: usize) -> Result<&str, Problem> {
    if text.is_empty() {
        Err((at, PatternProblem::EmptyPart))
    } else {
        Ok(text)
    }
}

fn part(text: &str, at: usize) -> Result<Part, Problem> {
    if !is_glob(text) {
        return Ok(Part::Literal(text.to_owned()));
    }
    GlobBuilder::new(text)
        .case_insensitive(true)
        .build()
        .map(|glob| Part::Glob(glob.compile_matcher()))
        .map_err(|error| (at, PatternProblem::Glob(error.kind().to_string())))
}

/// A glob over names such as namespaces; `None` where the text cannot be one.
pub(super) fn glob(text: &str) -> Option<globset::GlobMatcher> {
    check(text).ok()?;
    let glob = GlobBuilder::new(text).build().ok()?;
    Some(glob.compile_matcher())
}

pub(super) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '[', ']', '{', '}'])
}

/// `v1`, `v2beta1`: the form of every version Kubernetes knows an order for.
fn is_version(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = text.strip_prefix(['v', 'V']) else {
        return false;
    };
    match number
        .split_once("alpha")
        .or_else(|| number.split_once("beta"))
    {
        Some((major, minor)) => digits(major) && digits(minor),
        None => digits(number),
    }
}
