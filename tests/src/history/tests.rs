//! Wrong histories: each kind of violation is found.

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
    finds(|history| history.writes.retain(|write| write.name != "4"), &[Violation::NeverWritten { name: named("4") }]);
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
