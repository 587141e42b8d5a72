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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phi::Phi;

    fn holds(rule: impl FnOnce(&mut Checker)) -> bool {
        let mut checker = Checker::default();
        rule(&mut checker);
        checker.finish("Test").is_ok()
    }

    #[test]
    fn addresses_are_those_of_the_html_standard() {
        for good in ["ada@example.org", "a@b", "a.b+c@d-e.f", "o'neil@example.org", "a@[127.0.0.1]"] {
            assert!(is_email(good), "{good}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for bad in ["", "@", "ada", "ada@", "@example.org", "a b@c", "a@b..c", "a@-b", "ä@example.org", "a@b\n", &long]
        {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn urls_are_absolute() {
        for good in ["https://example.org", "http://[::1]:80/?q#f", "mailto:ada@example.org", "urn:oid:2.16.840"] {
            assert!(is_url(good), "{good}");
        }
        for bad in ["", "example.org", "/a/b", "https://", "http://a b", "https://example.org:99999"] {
            assert!(!is_url(bad), "{bad}");
        }
    }

    #[test]
    fn a_pattern_matches_anywhere_unless_it_is_anchored() {
        let digits = Regex::new("[0-9]{2}").unwrap();
        assert!(holds(|checker| pattern(checker, "ab12cd", &digits)));
        let only_digits = Regex::new("^[0-9]{2}$").unwrap();
        assert!(!holds(|checker| pattern(checker, "ab12cd", &only_digits)));
        assert!(!holds(|checker| pattern(checker, "12\n", &only_digits)), "`$` is the end of the text");
    }

    #[test]
    fn a_choice_is_compared_as_it_is_written() {
        for (value, right) in [("video", true), ("Video", false), ("", false), ("video ", false)] {
            assert_eq!(holds(|checker| one_of_texts(checker, value, &["phone", "video"])), right, "{value}");
        }
        assert!(holds(|checker| one_of_texts(checker, "", &[""])));
    }

    #[test]
    fn rules_look_through_what_is_around_a_text() {
        let wrapped = |text: &str| Some(Phi::new(Box::new(Cow::Owned::<str>(text.to_owned()))));
        assert!(holds(|checker| email(checker, &wrapped("a@b"))));
        assert!(!holds(|checker| email(checker, &wrapped("a"))));
        assert!(!holds(|checker| url(checker, &Box::<str>::from("a"))));
        assert!(holds(|checker| url(checker, &None::<Phi<String>>)));
    }

    #[test]
    fn no_message_has_the_value() {
        let mut checker = Checker::default();
        let (value, none) = ("sentinel", Regex::new("^$").unwrap());
        email(&mut checker, value);
        url(&mut checker, value);
        pattern(&mut checker, value, &none);
        one_of_texts(&mut checker, value, &["phone"]);
        let said = checker.finish("Test").unwrap_err();
        assert_eq!(said.iter().count(), 4);
        assert!(!format!("{said} {said:?}").contains(value), "{said}");
    }
}
