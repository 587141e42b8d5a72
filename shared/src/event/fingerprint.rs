//! What tells an event from another one that has its id.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::Incoming;

/// 128 bits of a hash of type, subject and data: two events with the same are the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 16]);

impl Fingerprint {
    pub(crate) fn of(incoming: &Incoming) -> Self {
        let mut hash = Sha256::new();
        for text in [&incoming.metadata.event_type, &incoming.metadata.subject] {
            // the length first: no text runs over into the next one
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.update(&incoming.data);
        let digest: [u8; 32] = hash.finalize().into();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Self(first)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
