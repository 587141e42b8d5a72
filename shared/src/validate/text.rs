//! The rules for texts: `email`, `url`, `pattern`, `one_of`.

use std::borrow::Cow;

use regex::Regex;

use super::Checker;

/// Types that are text, for the rules `email`, `url`, `pattern`, `one_of` and `length(bytes, ..)`.
#[diagnostic::on_unimplemented(
    message = "this validation rule needs text, but `{Self}` is not text",
    label = "is not text",
    note = "it works on `String`, and on `Option`, `Phi` and `Box` of it"
)]
pub trait Text {
    /// The text, if present.
    fn text(&self) -> Option<&str>;
}

impl Text for str {
    #[inline]
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl Text for String {
    #[inline]
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

impl Text for Cow<'_, str> {
    #[inline]
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

/// Whether a text is an e-mail address, by the HTML standard's definition.
///
/// ```
/// assert!(shared::validate::is_email("ada@example.org"));
/// assert!(!shared::validate::is_email("ada@"));
/// ```
#[must_use]
pub fn is_email(text: &str) -> bool {
    garde::rules::email::parse_email(text).is_ok()
}

/// Whether a text is an absolute URL, by the WHATWG's definition. Its scheme may be any.
///
/// ```
/// assert!(shared::validate::is_url("https://example.org/a?b=c"));
/// assert!(!shared::validate::is_url("example.org"));
/// ```
#[must_use]
pub fn is_url(text: &str) -> bool {
    garde::rules::url::Url::validate_url(&text).is_ok()
}

/// The text is an e-mail address.
#[inline]
pub fn email<T: Text + ?Sized>(checker: &mut Checker, value: &T) {
    if value.text().is_some_and(|text| !is_email(text)) {
        checker.violation("email", "an e-mail address");
    }
}

/// The text is an absolute URL.
#[inline]
pub fn url<T: Text + ?Sized>(checker: &mut Checker, value: &T) {
    if value.text().is_some_and(|text| !is_url(text)) {
        checker.violation("url", "an absolute URL");
    }
}

/// The text matches the regular expression somewhere; anchor it with `^` and `$` for the whole.
#[inline]
pub fn pattern<T: Text + ?Sized>(checker: &mut Checker, value: &T, pattern: &Regex) {
    if value.text().is_some_and(|text| !pattern.is_match(text)) {
        unmatched(checker, pattern);
    }
}

#[cold]
fn unmatched(checker: &mut Checker, pattern: &Regex) {
    checker.violation("pattern", format!("text that matches {}", pattern.as_str()));
}

/// The text is one of these.
#[inline]
pub fn one_of_texts<T: Text + ?Sized>(checker: &mut Checker, value: &T, allowed: &[&str]) {
    if value.text().is_some_and(|text| !allowed.contains(&text)) {
        super::choice::violated(checker, allowed);
    }
}
