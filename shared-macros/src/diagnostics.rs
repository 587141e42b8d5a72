//! What a macro has to say about one item: every mistake, once, at its cause.

use std::fmt::Display;
use std::ops::Range;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The mistakes found in one item, reported together.
///
/// Dropping it without asking [`finish`](Self::finish) would lose them, so that panics.
pub(crate) struct Errors {
    list: Vec<syn::Error>,
    finished: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { list: Vec::new(), finished: false }
    }

    /// Reports a mistake at the tokens that made it.
    pub(crate) fn report(&mut self, at: &impl ToTokens, message: impl Display) {
        self.list.push(syn::Error::new_spanned(at, message));
    }

    /// Reports a mistake at a place that is no token of its own.
    pub(crate) fn report_at(&mut self, at: Span, message: impl Display) {
        self.list.push(syn::Error::new(at, message));
    }

    /// Reports what syn or darling found.
    pub(crate) fn push(&mut self, error: impl Into<syn::Error>) {
        self.list.push(error.into());
    }

    /// The value, or its mistake reported.
    pub(crate) fn take<T, E: Into<syn::Error>>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// How many mistakes there are so far.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// The value if there was no mistake, otherwise all of them as `compile_error!` calls.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, TokenStream> {
        self.finished = true;
        match value {
            Some(value) if self.list.is_empty() => return Ok(value),
            None if self.list.is_empty() => {
                self.report_at(
                    Span::call_site(),
                    "this was refused without a reason; please report this as a bug of `shared`",
                );
            }
            _ => {}
        }
        Err(self.list.iter().map(syn::Error::to_compile_error).collect())
    }

    #[cfg(test)]
    pub(crate) fn messages(mut self) -> Vec<String> {
        self.finished = true;
        self.list.iter().map(ToString::to_string).collect()
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "the errors of an item were not reported");
    }
}

/// A text with a caret under the part at fault, to go below a message about a literal: the compiler can only
/// underline the whole literal.
///
/// Control characters are shown as escapes, so that the caret stays below its character.
pub(crate) fn caret(text: &str, at: Range<usize>) -> String {
    let shown = |part: &str| {
        part.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.into() }).collect::<String>()
    };
    let (before, rest) = text.split_at(at.start);
    let (inside, after) = rest.split_at(at.end - at.start);
    let indent = " ".repeat(shown(before).chars().count());
    let marks = "^".repeat(shown(inside).chars().count().max(1));
    format!("\n    {}{}{}\n    {indent}{marks}", shown(before), shown(inside), shown(after))
}

/// `; did you mean `subject`?` when one of the candidates is close enough to be meant, otherwise nothing.
pub(crate) fn did_you_mean<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, candidates).map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// The candidate that is most likely meant: a typo away, or the given name extended or cut.
fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (given.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|name| {
            let distance = distance(given, name);
            let related = given.len() >= 3 && (name.starts_with(given) || given.starts_with(name));
            (distance <= limit || related).then_some((distance, name))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edits that make one text of the other: insert, delete, replace or swap neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// Names as a sentence lists them: `` `a`, `b` and `c` ``.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_what_was_meant() {
        let keys = ["subject", "key", "version", "type"];
        assert_eq!(nearest("subjct", keys), Some("subject"));
        assert_eq!(nearest("yek", keys), None);
        assert_eq!(nearest("kye", keys), Some("key"));
        assert_eq!(nearest("clinic", ["clinic_id", "doctor_id"]), Some("clinic_id"));
        assert_eq!(nearest("payload", keys), None);
    }

    #[test]
    fn the_caret_stands_below_its_character() {
        assert_eq!(caret("a..b", 2..2), "\n    a..b\n      ^");
        assert_eq!(caret("ä\u{7}.b c", 5..6), "\n    ä\\u{7}.b c\n            ^");
    }

    #[test]
    #[should_panic(expected = "were not reported")]
    fn errors_cannot_be_forgotten() {
        let mut errors = Errors::new();
        errors.report_at(Span::call_site(), "lost");
    }

    #[test]
    fn every_error_is_reported() {
        let mut errors = Errors::new();
        errors.report_at(Span::call_site(), "one");
        errors.report_at(Span::call_site(), "two");
        let tokens = errors.finish(Some(())).unwrap_err().to_string();
        assert!(tokens.contains("one") && tokens.contains("two"), "{tokens}");
    }
}
