//! Percent-encoding, of header values and of URIs.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The CloudEvents encoding of header values: blanks, quotes, percent signs and all that is not visible ASCII.
pub(crate) fn encode(text: &str) -> String {
    encode_except(text, |byte| byte.is_ascii_graphic() && byte != b'%' && byte != b'"')
}

/// One segment of a URI's path (RFC 3986, 3.3).
pub(in crate::event) fn encode_segment(text: &str) -> String {
    encode_except(text, |byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte))
}

fn encode_except(text: &str, stays: impl Fn(u8) -> bool) -> String {
    if text.bytes().all(&stays) {
        return text.to_owned();
    }
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// One round of decoding. What is not encoded well stays as it is; `None` when the result is not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, tail) {
            (b'%', [high, low, tail @ ..]) if let (Some(high), Some(low)) = (hex(*high), hex(*low)) => {
                bytes.push(high << 4 | low);
                rest = tail;
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A header's value: first out of double quotes, which older producers write, then percent-decoded.
pub(in crate::event) fn decode_header(value: &str) -> Option<Cow<'_, str>> {
    if !value.bytes().any(|byte| matches!(byte, b'%' | b'"' | b' ' | b'\t')) {
        return Some(Cow::Borrowed(value));
    }
    let value = value.trim_matches([' ', '\t']);
    let Some(quoted) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return decode(value).map(Cow::Owned);
    };
    let mut text = String::with_capacity(quoted.len());
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        text.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    decode(&text).map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        let text = "Euro € 😀";
        assert_eq!(encode(text), "Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(decode(&encode(text)).as_deref(), Some(text));
    }

    #[test]
    fn whatever_is_encoded_is_visible_ascii_and_comes_back() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let text: String = (0..random.usize(..24)).map(|_| random.char(..)).collect();
            let encoded = encode(&text);
            assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'), "{text:?} as {encoded:?}");
            assert_eq!(decode(&encoded).as_deref(), Some(text.as_str()));
            assert_eq!(decode_header(&encoded).as_deref(), Some(text.as_str()));
            let segment = encode_segment(&text);
            assert!(
                segment.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#[]\"<>".contains(&byte)),
                "{segment:?}"
            );
            assert_eq!(decode(&segment).as_deref(), Some(text.as_str()));
        }
    }

    #[test]
    fn decoding_takes_any_text_and_decodes_once() {
        let mut random = fastrand::Rng::with_seed(8);
        for _ in 0..20_000 {
            let text: String = (0..random.usize(..12))
                .map(|_| *random.choice(&['%', 'a', '2', '5', 'F', '"', '\\', 'ä']).unwrap())
                .collect();
            let _any_answer = (decode(&text), decode_header(&text));
        }
        assert_eq!(decode("%2541").as_deref(), Some("%41"));
        assert_eq!(decode("%e2%82%ac").as_deref(), Some("€"));
        assert_eq!(decode("%41bc").as_deref(), Some("Abc"), "needless encoding is accepted");
        for stays in ["%", "%2", "100%", "%zz", "%+1"] {
            assert_eq!(decode(stays).as_deref(), Some(stays));
        }
        for refused in ["%C0%A0", "%FF", "%ED%A0%80", "a%80"] {
            assert_eq!(decode(refused), None, "{refused}");
        }
    }

    #[test]
    fn quoted_values_of_older_producers_are_unquoted() {
        assert_eq!(decode_header(r#""a \"b\" \\ c""#).as_deref(), Some(r#"a "b" \ c"#));
        assert_eq!(decode_header(r#""50%25""#).as_deref(), Some("50%"));
        assert_eq!(decode_header(" a ").as_deref(), Some("a"));
        assert_eq!(decode_header("\"").as_deref(), Some("\""));
    }
}
