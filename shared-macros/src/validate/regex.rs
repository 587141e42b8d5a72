//! Regular expressions, checked while the program is compiled.

use regex_syntax::Parser;
use regex_syntax::hir::{Class, Hir, HirKind};

use crate::diagnostics::caret;

/// Parts of a regular expression with every repetition written out. Above this it would take more memory than
/// the runtime allows one (`shared::__private::regex`).
const MAX_PARTS: u64 = 250_000;

/// What is wrong with a regular expression, with a caret below it.
pub(crate) fn defect(pattern: &str) -> Option<String> {
    match Parser::new().parse(pattern) {
        Ok(hir) if parts(&hir) > MAX_PARTS => Some(String::from(
            "the regular expression is too large once its repetitions are written out\nhelp: limit the length with `length(max = …)` instead",
        )),
        Ok(_) => None,
        Err(regex_syntax::Error::Parse(error)) => Some(explain(pattern, error.kind(), *error.span())),
        Err(regex_syntax::Error::Translate(error)) => Some(explain(pattern, error.kind(), *error.span())),
        Err(error) => Some(format!("invalid regular expression: {error}")),
    }
}

fn explain(pattern: &str, reason: impl std::fmt::Display, at: regex_syntax::ast::Span) -> String {
    format!("invalid regular expression: {reason}{}", caret(pattern, at.start.offset..at.end.offset))
}

fn parts(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len() as u64,
        HirKind::Class(Class::Unicode(class)) => class.ranges().len() as u64,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() as u64,
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(1);
            parts(&repetition.sub).saturating_mul(times.into())
        }
        HirKind::Capture(capture) => parts(&capture.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => all.iter().map(parts).fold(0, u64::saturating_add),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_ones_pass() {
        for good in ["^[A-Z]{2}[0-9]{6}$", r"^\w{1,255}$", r"\p{Greek}+", ""] {
            assert_eq!(defect(good), None, "{good}");
        }
    }

    #[test]
    fn bad_ones_are_explained() {
        assert_eq!(defect("a(b").as_deref(), Some("invalid regular expression: unclosed group\n    a(b\n     ^"));
        assert_eq!(
            defect(r"\p{Nope}").as_deref(),
            Some("invalid regular expression: Unicode property not found\n    \\p{Nope}\n    ^^^^^^^^")
        );
        assert!(defect(r"\w{1000}").is_some_and(|defect| defect.contains("too large")));
        assert!(defect("(((a{1000}){1000}){1000}){1000}").is_some_and(|defect| defect.contains("too large")));
    }
}
