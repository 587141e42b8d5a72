//! The grammar of subjects and patterns, as the compiler sees them: with a place for every mistake.
//!
//! Tokens are separated by dots. In a pattern `*` stands for one token and `>` for one or more at the end
//! (<https://docs.nats.io/nats-concepts/subjects>). An event's subject may have slots, `{clinic_id}`.

use std::ops::Range;

use crate::diagnostics::caret;

/// The longest subject that the library publishes to.
const MAX_BYTES: usize = 255;

/// What a text is meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// The subject of an event: concrete, with slots.
    Subject,
    /// The first tokens that the subjects of a domain share: concrete, without slots.
    Domain,
    /// What a subscriber subscribes to: with wildcards, without slots.
    Pattern,
}

impl Grammar {
    fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Domain => "domain",
            Self::Pattern => "pattern",
        }
    }
}

/// One token of a well-formed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// Stands for itself; also a wildcard, which the expansion has no need to tell apart.
    Literal(String),
    /// Stands for the value of a field.
    Slot { field: String, at: Range<usize> },
}

/// Reads a text, or says what the first mistake in it is, with a caret below it.
pub(crate) fn parse(text: &str, grammar: Grammar) -> Result<Vec<Token>, String> {
    tokens(text, grammar).map_err(|mistake| match mistake.at {
        Some(at) => format!("{}{}", mistake.message, caret(text, at)),
        None => mistake.message,
    })
}

struct Mistake {
    message: String,
    at: Option<Range<usize>>,
}

fn mistake(message: impl Into<String>, at: Range<usize>) -> Mistake {
    Mistake { message: message.into(), at: Some(at) }
}

fn tokens(text: &str, grammar: Grammar) -> Result<Vec<Token>, Mistake> {
    let name = grammar.name();
    if text.is_empty() {
        return Err(Mistake { message: format!("the {name} is empty"), at: None });
    }
    if text.len() > MAX_BYTES {
        return Err(Mistake {
            message: format!("the {name} has {} bytes; at most {MAX_BYTES} are allowed", text.len()),
            at: None,
        });
    }
    if let Some((at, bad)) = text.char_indices().find(|(_, c)| c.is_whitespace() || c.is_control()) {
        let what = if bad.is_control() { "control character" } else { "blank" };
        return Err(mistake(format!("{what} in {name}"), at..at + bad.len_utf8()));
    }
    for reserved in ["$", "_INBOX"] {
        if text.starts_with(reserved) {
            return Err(mistake(
                format!("subjects starting with `{reserved}` are reserved by NATS"),
                0..reserved.len(),
            ));
        }
    }
    let mut tokens = Vec::new();
    let mut start = 0;
    for part in text.split('.') {
        let at = start..start + part.len();
        tokens.push(token(part, at.clone(), at.end == text.len(), grammar)?);
        start = at.end + 1;
    }
    Ok(tokens)
}

fn token(part: &str, at: Range<usize>, last: bool, grammar: Grammar) -> Result<Token, Mistake> {
    if part.is_empty() {
        return Err(mistake(format!("empty token in {}", grammar.name()), at));
    }
    if let Some(wildcard) = part.find(['*', '>']) {
        let place = at.start + wildcard..at.start + wildcard + 1;
        return match (grammar, part) {
            (Grammar::Pattern, "*") => Ok(Token::Literal(part.to_owned())),
            (Grammar::Pattern, ">") if last => Ok(Token::Literal(part.to_owned())),
            (Grammar::Pattern, ">") => Err(mistake("`>` must be the last token", place)),
            (Grammar::Pattern, _) => {
                let wildcard = &part[wildcard..=wildcard];
                Err(mistake(format!("`{wildcard}` must stand alone in its token"), place))
            }
            (Grammar::Subject, _) => {
                Err(mistake("an event is published to one concrete subject; wildcards belong in `#[subscribe]`", place))
            }
            (Grammar::Domain, _) => {
                Err(mistake("a domain is the start of its events' subjects; wildcards belong in `#[subscribe]`", place))
            }
        };
    }
    if !part.contains(['{', '}']) {
        return Ok(Token::Literal(part.to_owned()));
    }
    match (grammar, part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'))) {
        (Grammar::Pattern, _) => Err(mistake("a pattern has no slots; write `*` for any value", at)),
        (Grammar::Domain, _) => Err(mistake("a domain has no slots", at)),
        (Grammar::Subject, Some(_)) if at.start == 0 => Err(mistake(
            "a subject starts with its domain, which is the same for every event\nhelp: put it before the slot, such as `clinic.{clinic_id}`",
            at,
        )),
        (Grammar::Subject, Some(field)) if !field.is_empty() && !field.contains(['{', '}']) => {
            Ok(Token::Slot { field: field.to_owned(), at })
        }
        (Grammar::Subject, _) => Err(mistake("a slot is a whole token that names a field, such as `{clinic_id}`", at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake_in(text: &str, grammar: Grammar) -> String {
        parse(text, grammar).unwrap_err()
    }

    #[test]
    fn well_formed_texts_are_read() {
        let slot = Token::Slot { field: "clinic_id".into(), at: 7..18 };
        let literal = |text: &str| Token::Literal(text.into());
        assert_eq!(
            parse("clinic.{clinic_id}.opened", Grammar::Subject).unwrap(),
            [literal("clinic"), slot, literal("opened")]
        );
        for pattern in ["a", "*", ">", "a.*", "*.b", "a.>", "a.*.>"] {
            assert!(parse(pattern, Grammar::Pattern).is_ok(), "{pattern}");
        }
        assert_eq!(parse("clinic.billing", Grammar::Domain).unwrap().len(), 2);
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for (text, grammar, message) in [
            ("", Grammar::Subject, "the subject is empty"),
            ("a..b", Grammar::Subject, "empty token in subject\n    a..b\n      ^"),
            (".a", Grammar::Subject, "empty token in subject\n    .a\n    ^"),
            ("a.", Grammar::Pattern, "empty token in pattern\n    a.\n      ^"),
            ("a. b", Grammar::Subject, "blank in subject\n    a. b\n      ^"),
            ("a.\u{7}", Grammar::Subject, "control character in subject\n    a.\\u{7}\n      ^^^^^"),
            ("$SYS.x", Grammar::Subject, "subjects starting with `$` are reserved by NATS\n    $SYS.x\n    ^"),
            (
                "_INBOX.x",
                Grammar::Pattern,
                "subjects starting with `_INBOX` are reserved by NATS\n    _INBOX.x\n    ^^^^^^",
            ),
            (
                "a.{b",
                Grammar::Subject,
                "a slot is a whole token that names a field, such as `{clinic_id}`\n    a.{b\n      ^^",
            ),
            (
                "a.x{b}",
                Grammar::Subject,
                "a slot is a whole token that names a field, such as `{clinic_id}`\n    a.x{b}\n      ^^^^",
            ),
            ("a.>.b", Grammar::Pattern, "`>` must be the last token\n    a.>.b\n      ^"),
            ("book*", Grammar::Pattern, "`*` must stand alone in its token\n    book*\n        ^"),
            ("a.{b}", Grammar::Pattern, "a pattern has no slots; write `*` for any value\n    a.{b}\n      ^^^"),
            (
                "a.*",
                Grammar::Subject,
                "an event is published to one concrete subject; wildcards belong in `#[subscribe]`\n    a.*\n      ^",
            ),
        ] {
            assert_eq!(mistake_in(text, grammar), message, "{text:?}");
        }
        assert!(mistake_in(&"a".repeat(256), Grammar::Subject).contains("256 bytes"));
    }
}
