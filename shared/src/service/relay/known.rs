//! What a relay has in hand, and how much there is room for.

use std::collections::HashMap;

use crate::db::outbox::{Pending, Room};

/// The most bytes of events that are read and not noted as published. One event is always taken, however large it is.
pub(super) const BYTES: usize = 16 << 20;

/// How many windows of rows are at most read and not noted as published: the next ones are read while those before are
/// being noted.
const WINDOWS: usize = 4;

/// Rows that were read and are not marked yet, with the sizes of the events that are still held for them: the bus has not
/// taken those.
#[derive(Debug, Default)]
pub(super) struct Known {
    rows: HashMap<i64, Option<usize>>,
    bytes: usize,
    taken: usize,
}

impl Known {
    /// Returns whether it was not known.
    pub(super) fn insert(&mut self, pending: &Pending) -> bool {
        if self.rows.contains_key(&pending.seq) {
            return false;
        }
        let bytes = pending.event.bytes();
        self.rows.insert(pending.seq, Some(bytes));
        self.bytes += bytes;
        true
    }

    /// The bus has taken it.
    pub(super) fn taken(&mut self, seq: i64) {
        if let Some(bytes) = self.rows.get_mut(&seq).and_then(Option::take) {
            self.bytes -= bytes;
            self.taken += 1;
        }
    }

    pub(super) fn remove(&mut self, seq: i64) {
        match self.rows.remove(&seq) {
            Some(Some(bytes)) => self.bytes -= bytes,
            Some(None) => self.taken -= 1,
            None => {}
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many the bus has not taken.
    pub(super) fn untaken(&self) -> usize {
        self.rows.len() - self.taken
    }

    /// Whether anything more may be read.
    pub(super) fn has_room(&self, window: usize) -> bool {
        self.untaken() < window && self.rows.len() < WINDOWS * window && self.bytes < BYTES
    }

    /// Whether so much has been done that it is worth reading more.
    pub(super) fn is_half_empty(&self, window: usize) -> bool {
        self.untaken() < window / 2 && self.rows.len() < WINDOWS * window && self.bytes < BYTES / 2
    }

    /// What there is room for.
    pub(super) fn room(&self, events: usize) -> Room {
        Room { events, bytes: BYTES.saturating_sub(self.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chrono::Utc;

    use super::*;
    use crate::event::{Headers, Outgoing, Shape};

    fn pending(seq: i64) -> Pending {
        let event = Outgoing {
            id: crate::id::new(),
            subject: "note.taken".to_owned(),
            event_type: "note.taken".to_owned(),
            key: None,
            headers: Headers::new(),
            payload: Bytes::from_static(b"{}"),
            time: Utc::now(),
            shape: Shape::Binary,
        };
        Pending { seq, event }
    }

    #[test]
    fn what_the_bus_has_taken_makes_room_before_it_is_noted() {
        let mut known = Known::default();
        assert!((1..=4).all(|seq| known.insert(&pending(seq))) && !known.insert(&pending(4)));
        assert!(!known.has_room(4) && !known.is_half_empty(4));
        (1..=3).for_each(|seq| known.taken(seq));
        known.taken(3);
        assert_eq!((known.len(), known.untaken()), (4, 1));
        assert!(known.has_room(4) && known.is_half_empty(4));
        (1..=4).for_each(|seq| known.remove(seq));
        known.remove(4);
        assert_eq!((known.len(), known.untaken(), known.bytes), (0, 0, 0));
    }

    #[test]
    fn what_is_not_noted_is_bounded() {
        let mut known = Known::default();
        for seq in 0..16 {
            known.insert(&pending(seq));
            known.taken(seq);
        }
        assert!(!known.has_room(4) && !known.is_half_empty(4));
        known.remove(0);
        assert!(known.has_room(4) && known.is_half_empty(4));
    }
}
