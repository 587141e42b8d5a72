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
mod tests {
    use super::*;

    fn entry(name: &str, book: &str, place: i64) -> Entry {
        Entry { name: name.into(), book: book.into(), place, bad: false }
    }

    fn effect(subscriber: &str, name: &str, book: &str, place: i64, turn: i64) -> Effect {
        Effect { subscriber: subscriber.into(), name: name.into(), book: book.into(), place, turn }
    }

    fn write(name: &str, told: Told) -> Write {
        Write { name: name.into(), told }
    }

    fn letter(subscriber: &str, name: &str) -> Letter {
        Letter { subscriber: subscriber.into(), name: name.into() }
    }

    /// Two books, a bad entry, one that was rolled back, and two whose writer heard nothing.
    fn right() -> History {
        let mut entries = vec![entry("1", "a", 1), entry("2", "a", 2), entry("3", "a", 3), entry("4", "b", 1)];
        entries[1].bad = true;
        let mut effects = Vec::new();
        for subscriber in ["post", "audit", "report"] {
            effects.push(effect(subscriber, "3", "a", 3, 2));
            effects.push(effect(subscriber, "1", "a", 1, 1));
            effects.push(effect(subscriber, "4", "b", 1, 1));
        }
        History {
            subscribers: vec!["post".into(), "audit".into()],
            followers: vec!["report".into()],
            writes: vec![
                write("1", Told::Committed),
                write("2", Told::Committed),
                write("3", Told::InDoubt),
                write("4", Told::Committed),
                write("5", Told::RolledBack),
                write("6", Told::InDoubt),
            ],
            entries,
            effects,
            letters: vec![letter("post", "2"), letter("audit", "2")],
            pending: 0,
            open_transactions: 0,
        }
    }

    /// What is found when something is wrong with the right history.
    #[track_caller]
    fn finds(spoil: impl FnOnce(&mut History), expected: &[Violation]) {
        let mut history = right();
        spoil(&mut history);
        assert_eq!(history.check().expect_err("something is wrong"), expected);
    }

    fn named(name: &str) -> String {
        name.to_owned()
    }

    #[test]
    fn a_right_history_passes_and_is_counted() {
        let figures = Figures { committed: 4, rolled_back: 1, in_doubt: (1, 1), handled: 9, parked: 2 };
        assert_eq!(right().check(), Ok(figures));
        assert_eq!(History::default().check(), Ok(Figures::default()));
    }

    #[test]
    fn a_commit_that_the_database_forgot_is_found() {
        finds(
            |history| {
                history.entries.retain(|entry| entry.name != "4");
                history.effects.retain(|effect| effect.name != "4");
            },
            &[Violation::Forgotten { name: named("4") }],
        );
    }

    #[test]
    fn rows_that_should_not_be_are_found() {
        finds(|history| history.writes[0].told = Told::RolledBack, &[Violation::NotRolledBack { name: named("1") }]);
        finds(
            |history| history.writes.retain(|write| write.name != "4"),
            &[Violation::NeverWritten { name: named("4") }],
        );
        finds(|history| history.entries.push(entry("4", "b", 1)), &[Violation::WrittenTwice { name: named("4") }]);
    }

    #[test]
    fn a_lost_event_is_found() {
        let lost = |name| Violation::Lost { subscriber: named("audit"), name: named(name) };
        finds(|history| history.effects.retain(|it| (&*it.subscriber, &*it.name) != ("audit", "4")), &[lost("4")]);
        finds(|history| history.letters.retain(|it| it.subscriber != "audit"), &[lost("2")]);
    }

    #[test]
    fn an_event_that_was_rolled_back_is_found() {
        let invented = |name| Violation::Invented { subscriber: named("post"), name: named(name) };
        finds(|history| history.effects.push(effect("post", "5", "b", 2, 2)), &[invented("5")]);
        // of the right name, from a transaction whose place somebody else has now
        finds(
            |history| {
                history.effects.retain(|it| (&*it.subscriber, &*it.name) != ("post", "4"));
                history.effects.push(effect("post", "4", "b", 2, 1));
            },
            &[invented("4")],
        );
    }

    #[test]
    fn what_was_done_twice_is_found() {
        let doubled = |name| Violation::Doubled { subscriber: named("post"), name: named(name), times: 2 };
        finds(|history| history.effects.push(effect("post", "4", "b", 1, 2)), &[doubled("4")]);
        finds(|history| history.letters.push(letter("post", "2")), &[doubled("2")]);
    }

    #[test]
    fn another_order_is_found() {
        let reordered = Violation::Reordered { subscriber: named("audit"), first: named("3"), second: named("1") };
        let turn = |history: &mut History, name: &str, turn| {
            let mut effects = history.effects.iter_mut();
            let effect = effects.find(|it| (&*it.subscriber, &*it.name) == ("audit", name));
            effect.expect("it is there").turn = turn;
        };
        finds(
            |history| {
                turn(history, "1", 2);
                turn(history, "3", 1);
            },
            &[reordered],
        );
        // two transactions that did not see each other
        let same = Violation::Reordered { subscriber: named("audit"), first: named("3"), second: named("1") };
        finds(|history| turn(history, "1", 2), &[same]);
    }

    #[test]
    fn wrong_dead_letters_are_found() {
        let parked = Violation::Parked { subscriber: named("post"), name: named("1") };
        finds(|history| history.letters.push(letter("post", "1")), std::slice::from_ref(&parked));
        let followed = Violation::Parked { subscriber: named("report"), name: named("2") };
        finds(|history| history.letters.push(letter("report", "2")), &[followed]);
        finds(
            |history| {
                history.effects.retain(|it| (&*it.subscriber, &*it.name) != ("post", "1"));
                history.letters.push(letter("post", "1"));
            },
            &[parked],
        );
        let handled = Violation::HandledThoughBad { subscriber: named("post"), name: named("2") };
        finds(
            |history| {
                history.letters.retain(|it| it.subscriber != "post");
                history.effects.retain(|it| it.subscriber != "post" || it.book != "a");
                history.effects.extend([effect("post", "1", "a", 1, 1), effect("post", "2", "a", 2, 2)]);
                history.effects.push(effect("post", "3", "a", 3, 3));
            },
            &[handled],
        );
    }

    #[test]
    fn what_is_left_over_is_found() {
        finds(|history| history.pending = 3, &[Violation::Pending { events: 3 }]);
        finds(|history| history.open_transactions = 1, &[Violation::Unclean { connections: 1 }]);
    }

    #[test]
    fn only_what_can_still_come_is_waited_for() {
        let name = || named("1");
        let subscriber = || named("post");
        assert!(Violation::Lost { subscriber: subscriber(), name: name() }.may_pass());
        assert!(Violation::Pending { events: 1 }.may_pass());
        assert!(Violation::Unclean { connections: 1 }.may_pass());
        for lasting in [
            Violation::Forgotten { name: name() },
            Violation::Invented { subscriber: subscriber(), name: name() },
            Violation::Doubled { subscriber: subscriber(), name: name(), times: 2 },
            Violation::Reordered { subscriber: subscriber(), first: name(), second: name() },
            Violation::Parked { subscriber: subscriber(), name: name() },
        ] {
            assert!(!lasting.may_pass(), "{lasting}");
        }
    }
}
