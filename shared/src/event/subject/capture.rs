//! What stands in a subject for the wildcards of a pattern.

use std::str::Split;

use super::matcher::covers;
use super::slot::FromToken;

/// The tokens of a subject for which the pattern has a `*`, from left to right. `None` when the pattern does not cover
/// the subject. What a `>` stands for is not among them.
///
/// ```
/// use shared::event::subject::captured;
///
/// let mut tokens = captured("clinic.*.room.*", "clinic.7.room.OR-2b").expect("it is covered");
/// assert_eq!((tokens.next(), tokens.next(), tokens.next()), (Some("7"), Some("OR-2b"), None));
/// assert!(captured("clinic.*.room.*", "clinic.7.opened").is_none());
/// ```
#[must_use]
pub fn captured<'a>(pattern: &'a str, subject: &'a str) -> Option<Captured<'a>> {
    covers(pattern, subject).then(|| Captured { pattern: pattern.split('.'), subject: subject.split('.'), position: 0 })
}

/// The tokens that [`captured`] found.
#[derive(Debug, Clone)]
pub struct Captured<'a> {
    pattern: Split<'a, char>,
    subject: Split<'a, char>,
    position: usize,
}

impl Captured<'_> {
    /// Reads the next token; `None` when it is no `T`, or there is none.
    pub fn parse<T: FromToken>(&mut self) -> Option<T> {
        self.next().and_then(T::from_token)
    }

    /// The place in the subject, counted from 1, of the token that was taken last; 0 before the first.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }
}

impl<'a> Iterator for Captured<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let (pattern, token) = (self.pattern.next()?, self.subject.next()?);
            self.position += 1;
            match pattern {
                "*" => return Some(token),
                ">" => return None,
                _ => {}
            }
        }
    }
}

/// How many `*` a pattern has: as many tokens are [`captured`].
#[must_use]
pub const fn wildcards(pattern: &str) -> usize {
    let bytes = pattern.as_bytes();
    let (mut i, mut count) = (0, 0);
    while i < bytes.len() {
        let (starts, ends) = (i == 0 || bytes[i - 1] == b'.', i + 1 == bytes.len() || bytes[i + 1] == b'.');
        if bytes[i] == b'*' && starts && ends {
            count += 1;
        }
        i += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_token_for_each_wildcard() {
        for (pattern, subject, expected) in [
            ("a.b", "a.b", &[] as &[&str]),
            ("*", "a", &["a"]),
            ("a.*.c", "a.b.c", &["b"]),
            ("*.*.>", "a.b.c.d", &["a", "b"]),
            ("a*.*", "a*.*", &["*"]),
        ] {
            let tokens: Vec<&str> = captured(pattern, subject).expect("it is covered").collect();
            assert_eq!(tokens, expected, "{pattern} over {subject}");
            assert_eq!(wildcards(pattern), expected.len(), "{pattern}");
        }
        assert!(captured("a.*", "b.c").is_none());
    }

    #[test]
    fn the_token_that_does_not_fit_can_be_named() {
        let mut tokens = captured("clinic.*.room.*", "clinic.7.room.OR-2b").expect("it is covered");
        assert_eq!(tokens.position(), 0);
        assert_eq!((tokens.parse::<u32>(), tokens.position()), (Some(7), 2));
        assert_eq!((tokens.parse::<u32>(), tokens.position()), (None, 4));
        assert_eq!(tokens.parse::<String>(), None);
    }
}
