//! What must hold of all that was written and handled, whatever failed meanwhile.
//!
//! Writers note each entry before they commit it, and what they were told afterwards. An entry has a place in its book,
//! counted under the lock of the book's row, so places are commit order. Each subscriber leaves an effect for each entry,
//! with its turn in the book, counted in the same way. [`History::check`] compares the two.

mod violation;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use violation::Violation;

/// What a writer was told about its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was committed.
    Committed,
    /// It was rolled back, as the writer wanted.
    RolledBack,
    /// An error, or nothing any more: only the database knows.
    InDoubt,
}

/// An entry that a writer wanted to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The entry's name, which no other one has.
    pub name: String,
    /// What came of it.
    pub told: Told,
}

/// An entry that is in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Its ordering key.
    pub book: String,
    /// Its place among the entries of the book, in the order of their commits.
    pub place: i64,
    /// Whether every subscriber is to park it.
    pub bad: bool,
}

/// What a subscriber left in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Who left it.
    pub subscriber: String,
    /// The entry that it was left for.
    pub name: String,
    /// The entry's book.
    pub book: String,
    /// The entry's place, as its event said.
    pub place: i64,
    /// Its place among the subscriber's effects of the book, in the order of their commits.
    pub turn: i64,
}

/// A dead letter that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Who parked it.
    pub subscriber: String,
    /// The entry.
    pub name: String,
}

/// Everything that was written, handled and left over.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Who is to handle every entry, or to park it if it is bad.
    pub subscribers: Vec<String>,
    /// Who is to handle what a subscriber publishes when it has handled an entry: nothing of a bad one.
    pub followers: Vec<String>,
    /// What the writers noted.
    pub writes: Vec<Write>,
    /// What was committed.
    pub entries: Vec<Entry>,
    /// What was handled.
    pub effects: Vec<Effect>,
    /// What was parked.
    pub letters: Vec<Letter>,
    /// How many events wait in the outbox.
    pub pending: u64,
    /// How many connections to the database are inside of a transaction that nobody ends.
    pub open_transactions: u64,
}

/// How much a history was about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Entries that were committed.
    pub committed: usize,
    /// Entries that were rolled back.
    pub rolled_back: usize,
    /// Entries whose writer was told nothing, and what the database said about them: there, and not there.
    pub in_doubt: (usize, usize),
    /// Effects of all subscribers.
    pub handled: usize,
    /// Entries that were parked.
    pub parked: usize,
}

impl History {
    /// Looks for everything that must not be.
    ///
    /// # Errors
    /// Every violation.
    pub fn check(&self) -> Result<Figures, Vec<Violation>> {
        let mut found = Vec::new();
        self.check_writes(&mut found);
        let followers = self.followers.iter().map(|name| (name, true));
        for (subscriber, follows) in self.subscribers.iter().map(|name| (name, false)).chain(followers) {
            self.check_effects(subscriber, follows, &mut found);
            self.check_order(subscriber, &mut found);
        }
        if self.pending > 0 {
            found.push(Violation::Pending { events: self.pending });
        }
        if self.open_transactions > 0 {
            found.push(Violation::Unclean { connections: self.open_transactions });
        }
        if found.is_empty() { Ok(self.figures()) } else { Err(found) }
    }

    /// What was committed is there, and nothing else.
    fn check_writes(&self, found: &mut Vec<Violation>) {
        let written: HashMap<&str, Told> = self.writes.iter().map(|write| (write.name.as_str(), write.told)).collect();
        let mut seen = HashSet::new();
        for Entry { name, .. } in &self.entries {
            if !seen.insert(name.as_str()) {
                found.push(Violation::WrittenTwice { name: name.clone() });
            }
            match written.get(name.as_str()) {
                Some(Told::Committed | Told::InDoubt) => {}
                Some(Told::RolledBack) => found.push(Violation::NotRolledBack { name: name.clone() }),
                None => found.push(Violation::NeverWritten { name: name.clone() }),
            }
        }
        for Write { name, told } in &self.writes {
            if *told == Told::Committed && !seen.contains(name.as_str()) {
                found.push(Violation::Forgotten { name: name.clone() });
            }
        }
    }

    /// Each entry has one effect or, if it is bad, one letter; nothing else has any.
    fn check_effects(&self, subscriber: &str, follows: bool, found: &mut Vec<Violation>) {
        let entries: HashMap<&str, &Entry> = self.entries.iter().map(|entry| (entry.name.as_str(), entry)).collect();
        let mut effects: BTreeMap<&str, usize> = BTreeMap::new();
        for effect in self.effects.iter().filter(|effect| effect.subscriber == subscriber) {
            *effects.entry(&effect.name).or_default() += 1;
            let known = entries.get(effect.name.as_str());
            if !known.is_some_and(|entry| entry.book == effect.book && entry.place == effect.place) {
                found.push(Violation::Invented { subscriber: subscriber.to_owned(), name: effect.name.clone() });
            }
        }
        let mut letters: BTreeMap<&str, usize> = BTreeMap::new();
        for letter in self.letters.iter().filter(|letter| letter.subscriber == subscriber) {
            *letters.entry(&letter.name).or_default() += 1;
            if follows || !entries.get(letter.name.as_str()).is_some_and(|entry| entry.bad) {
                found.push(Violation::Parked { subscriber: subscriber.to_owned(), name: letter.name.clone() });
            }
        }
        for Entry { name, bad, .. } in &self.entries {
            let (subscriber, name) = (subscriber.to_owned(), name.clone());
            let (handled, parked) = (count(&effects, &name), count(&letters, &name));
            match (handled, parked, bad) {
                (1, 0, false) => {}
                (0, 0, true) if follows => {}
                // of a follower: said already
                (0, 1, true) => {}
                (0, 0, _) => found.push(Violation::Lost { subscriber, name }),
                (1, _, true) => found.push(Violation::HandledThoughBad { subscriber, name }),
                // said already
                (0 | 1, 1, false) => {}
                _ => found.push(Violation::Doubled { subscriber, name, times: handled.max(parked) }),
            }
        }
    }

    /// The turns of a book are in the order of its places.
    fn check_order(&self, subscriber: &str, found: &mut Vec<Violation>) {
        let mut books: BTreeMap<&str, Vec<&Effect>> = BTreeMap::new();
        for effect in self.effects.iter().filter(|effect| effect.subscriber == subscriber) {
            books.entry(&effect.book).or_default().push(effect);
        }
        for effects in books.values_mut() {
            effects.sort_by_key(|effect| effect.turn);
            for pair in effects.windows(2) {
                if pair[0].place > pair[1].place || pair[0].turn == pair[1].turn {
                    found.push(Violation::Reordered {
                        subscriber: subscriber.to_owned(),
                        first: pair[0].name.clone(),
                        second: pair[1].name.clone(),
                    });
                }
            }
        }
    }

    fn figures(&self) -> Figures {
        let there: HashSet<&str> = self.entries.iter().map(|entry| entry.name.as_str()).collect();
        let doubted = self.writes.iter().filter(|write| write.told == Told::InDoubt);
        let (present, absent): (Vec<_>, Vec<_>) = doubted.partition(|write| there.contains(write.name.as_str()));
        Figures {
            committed: self.entries.len(),
            rolled_back: self.writes.iter().filter(|write| write.told == Told::RolledBack).count(),
            in_doubt: (present.len(), absent.len()),
            handled: self.effects.len(),
            parked: self.letters.len(),
        }
    }
}

fn count(of: &BTreeMap<&str, usize>, name: &str) -> usize {
    of.get(name).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
