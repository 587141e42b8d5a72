//! What makes a query the same query: its values, as bytes.

use std::sync::Arc;

use uuid::Uuid;

/// Values, one after the other. Different ones never become the same bytes.
#[derive(Default)]
pub(crate) struct Identity(Vec<u8>);

impl Identity {
    pub(super) fn add(&mut self, value: &impl Identify) {
        value.identify(&mut self.0);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// What can be bound: as bytes that start with the kind of value, and say their length if it varies.
pub(crate) trait Identify {
    fn identify(&self, out: &mut Vec<u8>);
}

impl<T: Identify> Identify for Option<T> {
    fn identify(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.identify(out),
            None => out.push(b'0'),
        }
    }
}

fn sized(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

macro_rules! identify {
    ($($rust:ty: $value:ident => $kind:literal, $bytes:expr;)*) => {$(
        impl Identify for $rust {
            fn identify(&self, out: &mut Vec<u8>) {
                let $value = self;
                sized($kind, $bytes.as_ref(), out);
            }
        }
    )*};
}
identify! {
    i16: value => b'i', i64::from(*value).to_le_bytes();
    i32: value => b'i', i64::from(*value).to_le_bytes();
    i64: value => b'i', value.to_le_bytes();
    bool: value => b'b', [u8::from(*value)];
    f64: value => b'f', value.to_bits().to_le_bytes();
    String: value => b't', value.as_bytes();
    Arc<str>: value => b't', value.as_bytes();
    Vec<u8>: value => b'x', value;
    Uuid: value => b'u', value.as_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(values: &[Option<String>]) -> Vec<u8> {
        let mut identity = Identity::default();
        values.iter().for_each(|value| identity.add(value));
        identity.into_bytes()
    }

    #[test]
    fn different_values_are_different_bytes() {
        let text = |text: &str| Some(text.to_owned());
        let all = [
            bytes(&[]),
            bytes(&[None]),
            bytes(&[None, None]),
            bytes(&[text("")]),
            bytes(&[text("ab")]),
            bytes(&[text("a"), text("b")]),
            bytes(&[text("0")]),
            bytes(&[text("a"), None]),
            bytes(&[None, text("a")]),
        ];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| one != other), "{i}");
        }
    }
}
