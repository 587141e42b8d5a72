//! What is wrong with a text that should be a subject or a pattern.

/// The longest subject that the library publishes to.
const MAX_BYTES: usize = 255;

/// Why a text is no subject to publish to, or `None` when it is one: non-empty tokens without blanks,
/// control characters or wildcards, not reserved (`$…`, `_INBOX…`), at most 255 bytes.
#[must_use]
pub fn defect(subject: &str) -> Option<&'static str> {
    if subject.is_empty() {
        return Some("it is empty");
    }
    if subject.len() > MAX_BYTES {
        return Some("it is longer than 255 bytes");
    }
    if subject.starts_with('$') || subject.starts_with("_INBOX") {
        return Some("it is reserved by NATS");
    }
    if subject.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Some("it contains a blank or a control character");
    }
    subject.split('.').find_map(|token| match token {
        "" => Some("it has an empty token"),
        "*" | ">" => Some("it has a wildcard; events are published to one concrete subject"),
        _ => None,
    })
}

/// Why a text is no pattern to subscribe to, or `None` when it is one.
#[must_use]
pub fn pattern_defect(pattern: &str) -> Option<&'static str> {
    let tokens: Vec<&str> = pattern.split('.').collect();
    for (i, token) in tokens.iter().enumerate() {
        match *token {
            ">" if i + 1 != tokens.len() => return Some("`>` must be the last token"),
            "*" | ">" => {}
            _ if token.contains(['*', '>']) => return Some("a wildcard must stand alone in its token"),
            _ => {}
        }
    }
    let concrete: Vec<&str> = tokens.iter().map(|t| if matches!(*t, "*" | ">") { "x" } else { t }).collect();
    defect(&concrete.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defects_are_named() {
        assert_eq!(defect("appointment.scheduled"), None);
        for bad in ["", ".", "a..b", "a b", "a.*", "$JS.x", "_INBOX.x", "a.\u{7}", "a.b\u{a0}c", &"a".repeat(256)] {
            assert!(defect(bad).is_some(), "{bad:?}");
        }
        assert_eq!(pattern_defect("a.*.>"), None);
        for bad in ["", ".", "a.>.b", "a*", "a..b", "a. b"] {
            assert!(pattern_defect(bad).is_some(), "{bad:?}");
        }
    }
}
