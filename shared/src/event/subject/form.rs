//! What the tokens of a type look like: what can be proven of them while a program is compiled.

/// The texts that the tokens of a type may be.
///
/// By it the compiler finds patterns and captures that no event can ever fit: `clinic.seven.opened` where the slot is a
/// number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenForm {
    /// Any token, as far as is known.
    Any,
    /// A UUID.
    Uuid,
    /// A whole number.
    Integer {
        /// Whether it may be below zero.
        signed: bool,
    },
    /// `true` or `false`.
    Bool,
    /// One of these.
    OneOf(&'static [&'static str]),
}

impl TokenForm {
    /// Whether a token may be of this form. A number is not held to its range.
    #[must_use]
    pub const fn accepts(self, token: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Uuid => is_uuid(token.as_bytes()),
            Self::Integer { signed } => is_integer(token.as_bytes(), signed),
            Self::Bool => same(token, "true") || same(token, "false"),
            Self::OneOf(texts) => {
                let mut i = 0;
                while i < texts.len() {
                    if same(texts[i], token) {
                        return true;
                    }
                    i += 1;
                }
                false
            }
        }
    }

    /// Whether a token may be of both forms.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Any, _) | (_, Self::Any) => true,
            (Self::Uuid, Self::Uuid) | (Self::Integer { .. }, Self::Integer { .. }) | (Self::Bool, Self::Bool) => true,
            (Self::OneOf(texts), form) | (form, Self::OneOf(texts)) => {
                let mut i = 0;
                while i < texts.len() {
                    if form.accepts(texts[i]) {
                        return true;
                    }
                    i += 1;
                }
                false
            }
            _ => false,
        }
    }
}

/// Digits in any of the ways in which a UUID is written as one token.
const fn is_uuid(token: &[u8]) -> bool {
    let token = match token {
        [b'u', b'r', b'n', b':', b'u', b'u', b'i', b'd', b':', digits @ ..] => digits,
        digits => digits,
    };
    let (mut i, mut digits) = (0, 0);
    while i < token.len() {
        if token[i].is_ascii_hexdigit() {
            digits += 1;
        } else if !matches!(token[i], b'-' | b'{' | b'}') {
            return false;
        }
        i += 1;
    }
    digits == 32
}

const fn is_integer(token: &[u8], signed: bool) -> bool {
    let mut i = match token {
        [b'+', _, ..] => 1,
        [b'-', _, ..] if signed => 1,
        _ => 0,
    };
    while i < token.len() {
        if !token[i].is_ascii_digit() {
            return false;
        }
        i += 1;
    }
    !token.is_empty()
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: TokenForm = TokenForm::Integer { signed: true };
    const UNSIGNED: TokenForm = TokenForm::Integer { signed: false };
    const STATUS: TokenForm = TokenForm::OneOf(&["booked", "7"]);
    const FORMS: [TokenForm; 6] = [TokenForm::Any, TokenForm::Uuid, SIGNED, UNSIGNED, TokenForm::Bool, STATUS];

    /// Which of the forms accept a token.
    fn accepting(token: &str) -> Vec<TokenForm> {
        FORMS.into_iter().filter(|form| form.accepts(token)).collect()
    }

    #[test]
    fn a_token_is_of_the_forms_that_can_be_read_from_it() {
        use TokenForm::{Any, Bool, Uuid};
        assert_eq!(accepting("0190a4f0-7d1c-7bb2-9f4d-3f1a2b3c4d5e"), [Any, Uuid]);
        assert_eq!(accepting("0190A4F07D1C7BB29F4D3F1A2B3C4D5E"), [Any, Uuid]);
        assert_eq!(accepting("urn:uuid:0190a4f0-7d1c-7bb2-9f4d-3f1a2b3c4d5e"), [Any, Uuid]);
        assert_eq!(accepting("12"), [Any, SIGNED, UNSIGNED]);
        assert_eq!(accepting("+12"), [Any, SIGNED, UNSIGNED]);
        assert_eq!(accepting("-12"), [Any, SIGNED]);
        assert_eq!(accepting("7"), [Any, SIGNED, UNSIGNED, STATUS]);
        assert_eq!(accepting("true"), [Any, Bool]);
        assert_eq!(accepting("booked"), [Any, STATUS]);
        for text in ["-", "+", "True", "seven", "0190a4f0", ""] {
            assert_eq!(accepting(text), [Any], "{text}");
        }
    }

    #[test]
    fn forms_meet_when_there_is_a_token_of_both() {
        for one in FORMS {
            for other in FORMS {
                let expected = one == other
                    || [one, other].contains(&TokenForm::Any)
                    || [one, other].iter().all(|form| matches!(form, TokenForm::Integer { .. }))
                    || [one, other].contains(&STATUS)
                        && [one, other].iter().any(|form| form.accepts("7") && *form != STATUS);
                assert_eq!(one.meets(other), expected, "{one:?} and {other:?}");
                assert_eq!(other.meets(one), expected, "{other:?} and {one:?}");
            }
        }
    }
}
