//! What it costs to find the patterns that cover a subject, by how many patterns there are.
//!
//! `cargo bench -p tests --bench subjects` prints a table: the map of patterns against asking the matcher about each
//! pattern. A subject is covered by one or two patterns, or none, however many there are.

use std::hint::black_box;

use fastrand::Rng;
use shared::event::subject::{PatternMap, covers};
use tests::measure::{self, Case};

const SUBJECTS: usize = 1_024;

/// Patterns as services have them: of one place, of one kind, and of both.
fn patterns(count: usize) -> Vec<String> {
    let of_place = |i: usize| {
        [
            format!("site.{i}.room.*.cleaned"),
            format!("site.{i}.>"),
            format!("site.{i}.ward.opened"),
            format!("site.*.kind{i}.>"),
            format!("kind{i}.*.*"),
        ]
    };
    (0..count / 5).flat_map(of_place).collect()
}

/// Subjects that those patterns are for, and some that none is for.
fn subjects(count: usize) -> Vec<String> {
    let mut rng = Rng::with_seed(7);
    let places = count / 5;
    let mut subject = |_| {
        let (i, j) = (rng.usize(..places), rng.usize(..places));
        match rng.u8(..5) {
            0 => format!("site.{i}.room.{j}.cleaned"),
            1 => format!("site.{i}.ward.opened"),
            2 => format!("site.{i}.kind{j}.seen"),
            3 => format!("kind{i}.{j}.seen"),
            _ => format!("elsewhere.{i}.kind{j}.seen"),
        }
    };
    (0..SUBJECTS).map(&mut subject).collect()
}

/// Goes through the subjects, again and again.
fn each(subjects: Vec<String>, count: impl Fn(&str) -> usize) -> impl FnMut(u64) {
    let mut next = 0;
    move |times| {
        for _ in 0..times {
            black_box(count(black_box(&subjects[next % SUBJECTS])));
            next += 1;
        }
    }
}

fn with_map(count: usize) -> impl FnMut(u64) {
    let mut map = PatternMap::new();
    for (i, pattern) in patterns(count).iter().enumerate() {
        map.insert(pattern, i);
    }
    each(subjects(count), move |subject| map.matches(subject).count())
}

fn one_by_one(count: usize) -> impl FnMut(u64) {
    let patterns = patterns(count);
    each(subjects(count), move |subject| patterns.iter().filter(|pattern| covers(pattern, subject)).count())
}

fn main() {
    let cases = [10, 1_000, 100_000].into_iter().flat_map(|count| {
        [
            Case::new(format!("{count} patterns, map"), move || with_map(count)),
            Case::new(format!("{count} patterns, one by one"), move || one_by_one(count)),
        ]
    });
    measure::run(cases.collect());
}
