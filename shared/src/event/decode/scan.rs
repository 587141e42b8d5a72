//! One look over a payload for what serde does not mind: depth, repeated keys, and the character NUL.

use memchr::memchr2;

use super::MAX_DEPTH;

/// What the look has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing but what serde itself finds can be wrong.
    Plain,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// Somewhere an object may have a key twice, or a text has a NUL; perhaps where nobody reads it.
    Suspicious,
}

/// Looks over a text, which need not be JSON.
///
/// Most payloads have few brackets and no escapes, which a count shows; only the others, and those that may hold
/// `free_form` objects, are gone through token by token.
pub(super) fn look(text: &str, free_form: bool) -> Look {
    let count = Count::of(text.as_bytes());
    let keys = free_form && count.opened > 0;
    if count.opened <= MAX_DEPTH && !count.escapes && !keys {
        return Look::Plain;
    }
    Scan::new(text, keys).run()
}

/// What can be counted without understanding the text.
struct Count {
    /// Brackets and braces that open, also within texts.
    opened: usize,
    escapes: bool,
}

impl Count {
    /// Written so that the compiler makes vector instructions of it.
    fn of(bytes: &[u8]) -> Self {
        let mut count = Self { opened: 0, escapes: false };
        for chunk in bytes.chunks(128) {
            let (mut opened, mut escapes) = (0_u8, 0_u8);
            for byte in chunk {
                // `[` and `{` differ in this bit alone
                opened += u8::from(byte | 0x20 == b'{');
                escapes |= u8::from(*byte == b'\\');
            }
            count.opened += usize::from(opened);
            count.escapes |= escapes != 0;
        }
        count
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// The keys of all open objects, when somebody asked for them.
    keys: Option<Vec<&'a str>>,
    /// How many keys there were before each open bracket.
    before: [usize; MAX_DEPTH],
    depth: usize,
    suspicious: bool,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str, keys: bool) -> Self {
        let keys = keys.then(|| Vec::with_capacity(16));
        Self { text, at: 0, keys, before: [0; MAX_DEPTH], depth: 0, suspicious: false }
    }

    fn run(mut self) -> Look {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => {
                    let Some(before) = self.before.get_mut(self.depth) else { return Look::TooDeep };
                    *before = self.keys.as_ref().map_or(0, Vec::len);
                    self.depth += 1;
                }
                b'}' | b']' => self.close(),
                _ => {}
            }
        }
        if self.suspicious { Look::Suspicious } else { Look::Plain }
    }

    /// Goes past a string, from behind its first quote.
    fn string(&mut self) {
        let (bytes, start) = (self.text.as_bytes(), self.at);
        let mut escapes = false;
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let Some(length) = memchr2(b'"', b'\\', rest) else {
                self.at = bytes.len();
                return;
            };
            self.at += length + 1;
            if rest.get(length) == Some(&b'"') {
                break;
            }
            escapes = true;
            self.suspicious |= rest.get(length + 1..).is_some_and(|escape| escape.starts_with(b"u0000"));
            self.at += 1;
        }
        let is_key = followed_by_colon(bytes.get(self.at..).unwrap_or_default());
        if let Some(keys) = self.keys.as_mut()
            && is_key
        {
            keys.push(self.text.get(start..self.at - 1).unwrap_or_default());
            // `a` may be written as `\u0061` too
            self.suspicious |= escapes;
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        let Some(keys) = &mut self.keys else { return };
        let start = self.before.get(self.depth).copied().unwrap_or_default();
        if let Some(own) = keys.get_mut(start..) {
            self.suspicious |= repeats(own);
        }
        keys.truncate(start);
    }
}

fn followed_by_colon(rest: &[u8]) -> bool {
    rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
}

/// Whether two are the same. What is long is sorted first, so that nobody can make this slow.
fn repeats(mut keys: &mut [&str]) -> bool {
    if keys.len() > 16 {
        keys.sort_unstable();
        return keys.windows(2).any(|pair| matches!(pair, [a, b] if a == b));
    }
    while let [first, rest @ ..] = keys {
        if rest.contains(first) {
            return true;
        }
        keys = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn depth_counts_brackets_outside_of_texts() {
        assert_eq!(look(&nested(MAX_DEPTH), false), Look::Plain);
        assert_eq!(look(&nested(MAX_DEPTH + 1), false), Look::TooDeep);
        let text = format!(r#"{{"a":"{}","b":"\"{}"}}"#, "[".repeat(100), "{".repeat(100));
        assert_eq!(look(&text, true), Look::Plain);
        let siblings = format!("[{}1]", "[],{},".repeat(1_000));
        assert_eq!(look(&siblings, false), Look::Plain);
    }

    #[test]
    fn keys_are_compared_within_their_object() {
        for unique in [
            r#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#,
            r#"{"a":"a","b":"a"}"#,
            r#"["a","a"]"#,
            r#"{"a":"\"a\":","b":"a"}"#,
            "{}",
        ] {
            assert_eq!(look(unique, true), Look::Plain, "{unique}");
        }
        for repeated in [
            r#"{"a":1,"a":2}"#,
            r#"{"x":[{"a":{}, "b":2 , "a" : 3}]}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"a\"":1,"a\"":2}"#,
            r#"{"":1,"":2}"#,
        ] {
            assert_eq!(look(repeated, true), Look::Suspicious, "{repeated}");
            assert_eq!(look(repeated, false), Look::Plain, "{repeated}");
        }
    }

    #[test]
    fn many_keys_are_compared_too() {
        let object = |last: &str| {
            let keys: String = (0..1_000).map(|number| format!("\"{number}\":0,")).collect();
            format!("{{{keys}\"{last}\":0}}")
        };
        assert_eq!(look(&object("1000"), true), Look::Plain);
        assert_eq!(look(&object("7"), true), Look::Suspicious);
    }

    #[test]
    fn nul_is_seen_where_it_is_an_escape() {
        assert_eq!(look(r#"{"a":"x\u0000"}"#, false), Look::Suspicious);
        assert_eq!(look(r#"{"a\u0000":1}"#, false), Look::Suspicious);
        assert_eq!(look(r#"{"a":"x\\u0000"}"#, false), Look::Plain);
        assert_eq!(look(r#"{"a":"x\u0001"}"#, false), Look::Plain);
    }

    #[test]
    fn what_is_no_json_is_gone_through_as_well() {
        for text in ["", "\"", "\"\\", "\"\\u", "]}]}", "{{{\"a\":\"", "\\", "\"\\\u{e4}\"", "{\"\u{e4}\":1"] {
            assert_eq!(look(text, true), Look::Plain, "{text}");
        }
    }
}
