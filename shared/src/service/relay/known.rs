//! What a relay has in hand, and how much there is room for.

use std::collections::HashMap;

use crate::db::outbox::{Pending, Room};

/// The most bytes of events that are read and not noted as published. One event is always taken, however large it is.
pub(super) const BYTES: usize = 16 << 20;

/// Rows that were read and are not marked yet, with the sizes of their events.
#[derive(Debug, Default)]
pub(super) struct Known {
    rows: HashMap<i64, usize>,
    bytes: usize,
}

impl Known {
    /// Returns whether it was not known.
    pub(super) fn insert(&mut self, pending: &Pending) -> bool {
        let bytes = pending.event.bytes();
        let fresh = self.rows.insert(pending.seq, bytes);
        self.bytes = self.bytes - fresh.unwrap_or(0) + bytes;
        fresh.is_none()
    }

    pub(super) fn remove(&mut self, seq: i64) {
        self.bytes -= self.rows.remove(&seq).unwrap_or(0);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether anything more may be read.
    pub(super) fn has_room(&self, window: usize) -> bool {
        self.rows.len() < window && self.bytes < BYTES
    }

    /// Whether so much has been done that it is worth reading more.
    pub(super) fn is_half_empty(&self, window: usize) -> bool {
        self.rows.len() < window / 2 && self.bytes < BYTES / 2
    }

    /// What there is room for.
    pub(super) fn room(&self, events: usize) -> Room {
        Room { events, bytes: BYTES.saturating_sub(self.bytes) }
    }
}
