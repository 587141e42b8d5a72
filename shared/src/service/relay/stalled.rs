//! What could not be published and is tried again.

use std::collections::{BTreeMap, BTreeSet};

/// Rows to be read and sent again, by key. Later rows of such a key join them.
#[derive(Debug, Default)]
pub(super) struct Stalled {
    keys: BTreeMap<String, BTreeSet<i64>>,
    keyless: BTreeSet<i64>,
    /// Whose turn was last, by its first number.
    last: i64,
}

impl Stalled {
    pub(super) fn insert(&mut self, key: Option<&str>, seq: i64) {
        match key {
            Some(key) => self.keys.entry(key.to_owned()).or_default().insert(seq),
            None => self.keyless.insert(seq),
        };
    }

    /// Takes a row in if an earlier one of its key is here, and returns whether there is one.
    pub(super) fn join(&mut self, key: Option<&str>, seq: i64) -> bool {
        let Some(stalled) = key.and_then(|key| self.keys.get_mut(key)) else { return false };
        let is_later = stalled.first().is_some_and(|first| *first < seq);
        if is_later {
            stalled.insert(seq);
        }
        is_later
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.keyless.is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// So many rows to try next, of each key the first ones. Keys take turns, so that none waits for what fails again and
    /// again.
    pub(super) fn next(&mut self, most: usize) -> Vec<i64> {
        let keyless = self.keyless.iter().map(|seq| (*seq, None));
        let keyed = self.keys.values().filter_map(|numbers| Some((*numbers.first()?, Some(numbers))));
        let mut turns: Vec<_> = keyless.chain(keyed).collect();
        turns.sort_unstable_by_key(|(first, _)| *first);
        let next = turns.partition_point(|(first, _)| *first <= self.last);
        turns.rotate_left(next);
        let mut numbers = Vec::new();
        for (first, of_key) in turns {
            if numbers.len() >= most {
                break;
            }
            self.last = first;
            match of_key {
                Some(of_key) => numbers.extend(of_key.iter().take(most - numbers.len())),
                None => numbers.push(first),
            }
        }
        numbers
    }

    /// These were read, or are not there any more.
    pub(super) fn remove(&mut self, numbers: &[i64]) {
        for seq in numbers {
            self.keyless.remove(seq);
        }
        let gone: BTreeSet<i64> = numbers.iter().copied().collect();
        self.keys.retain(|_, numbers| {
            // the first ones of a key are removed first
            while numbers.first().is_some_and(|first| gone.contains(first)) {
                numbers.pop_first();
            }
            !numbers.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stalled(rows: &[(Option<&str>, i64)]) -> Stalled {
        let mut stalled = Stalled::default();
        rows.iter().for_each(|(key, seq)| stalled.insert(*key, *seq));
        stalled
    }

    #[test]
    fn all_is_tried_at_once_where_there_is_room() {
        let mut stalled = stalled(&[(Some("a"), 3), (None, 2), (Some("a"), 1), (Some("b"), 4)]);
        let mut numbers = stalled.next(10);
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3, 4]);
        stalled.remove(&numbers);
        assert!(stalled.is_empty());
    }

    #[test]
    fn a_key_that_fails_again_and_again_lets_others_have_their_turn() {
        let rows: Vec<_> = (1..=100).map(|seq| (Some("bad"), seq)).chain([(Some("good"), 101), (None, 102)]).collect();
        let mut stalled = stalled(&rows);
        assert_eq!(stalled.next(4), [1, 2, 3, 4]);
        assert_eq!(stalled.next(4), [101, 102, 1, 2]);
        stalled.remove(&[101, 102]);
        assert_eq!(stalled.next(4), [1, 2, 3, 4]);
    }

    #[test]
    fn later_rows_join_their_key_until_none_of_it_is_left() {
        let mut stalled = stalled(&[(Some("a"), 1), (Some("a"), 2), (None, 3)]);
        assert!(stalled.join(Some("a"), 5));
        assert!(!stalled.join(Some("b"), 6) && !stalled.join(None, 7));
        stalled.remove(&[1]);
        assert!(!stalled.join(Some("a"), 1), "it was read, and goes before those that are left");
        assert!(stalled.join(Some("a"), 8), "some of it are left");
        stalled.remove(&[2, 3, 5, 8]);
        assert!(!stalled.join(Some("a"), 9) && stalled.is_empty());
    }
}
