//! Random operations, compared one by one with what a model in memory says: on every engine the same values, the same
//! errors, the same order. A failure says its seed and the fewest operations that show it:
//! `OPERATIONS_SEED=<seed> cargo test -p tests --test entity operations_at_random` runs that sequence again,
//! `OPERATIONS=<number>` says how many operations there are.

mod engine;
mod entities;
mod model;
mod operation;
mod outcome;
mod value;

use std::collections::HashMap;

use fastrand::Rng;
use shared::error::ErrorKind;
use shared::{Db, entities};

use self::engine::Engine;
use self::entities::{Kind, Line, Person, Place, Stay, Task};
use self::model::Model;
use self::operation::Operation;
use crate::engines::{execute, on_every_empty_database};

on_every_empty_database!(random_operations_come_to_what_the_model_says,);

/// On each engine.
const OPERATIONS: usize = 10_000;

async fn random_operations_come_to_what_the_model_says(db: Db) {
    let number = |variable: &str| {
        let text = std::env::var(variable).ok()?;
        Some(text.parse::<u64>().unwrap_or_else(|_| panic!("`{variable}` is a number")))
    };
    let operations = number("OPERATIONS").map_or(OPERATIONS, |operations| usize::try_from(operations).unwrap());
    let (first, operations) = match number("OPERATIONS_SEED") {
        Some(seed) => (seed, 1),
        None => (fastrand::u64(..), operations),
    };
    db.create_tables(&entities![Place, Person, Stay, Task, Line]).await.unwrap();
    let (mut seed, mut done, mut seen) = (first, 0, HashMap::new());
    while done < operations {
        let sequence = sequence(seed);
        done += sequence.iter().map(Operation::steps).sum::<usize>();
        match compare(&db, &sequence).await {
            Ok(kinds) => kinds.into_iter().for_each(|kind| *seen.entry(kind).or_default() += 1),
            Err(difference) => {
                let (sequence, difference) = shortest(&db, sequence, difference).await;
                panic!("seed {seed}, of which these {} operations are enough:\n{difference}", sequence.len());
            }
        }
        seed = seed.wrapping_add(1);
    }
    if done >= OPERATIONS {
        look_at(&seen);
    }
}

/// Operations that come to nothing would prove nothing.
fn look_at(seen: &HashMap<Option<ErrorKind>, usize>) {
    use ErrorKind::{Check, ForeignKey, Invalid, NotFound, Stale, Unique, Usage};
    let times = |kind| seen.get(&kind).copied().unwrap_or_default();
    assert!(times(None) > OPERATIONS / 3, "{seen:?}");
    for kind in [Check, ForeignKey, Invalid, NotFound, Stale, Unique, Usage] {
        assert!(times(Some(kind)) > OPERATIONS / 500, "{kind:?}: {seen:?}");
    }
}

fn sequence(seed: u64) -> Vec<Operation> {
    let mut rng = Rng::with_seed(seed);
    let first = [Kind::Place, Kind::Place, Kind::Person, Kind::Person, Kind::Stay, Kind::Stay, Kind::Task, Kind::Line];
    let mut sequence: Vec<_> = first.into_iter().map(|kind| Operation::creation(&mut rng, kind)).collect();
    sequence.extend((0..rng.usize(20..100)).map(|_| Operation::random(&mut rng, 0)));
    sequence
}

/// Runs the operations on empty tables, up to the first that comes to something else.
async fn compare(db: &Db, sequence: &[Operation]) -> Result<Vec<Option<ErrorKind>>, String> {
    execute(
        db,
        "DELETE FROM tasks; DELETE FROM lines; DELETE FROM stays; DELETE FROM people; DELETE FROM places; \
         DELETE FROM shared_outbox",
    )
    .await
    .unwrap();
    let (mut model, mut engine) = (Model::default(), Engine::new(db.clone()));
    let (mut log, mut kinds) = (String::new(), Vec::new());
    for operation in sequence {
        let (operation, expected) = model.run(operation);
        log.push_str(&format!("{operation:?}\n"));
        let outcome = engine.run(&operation).await;
        if !expected.allows(&outcome) {
            return Err(format!("{log}came to\n{outcome:#?}\ninstead of\n{expected:#?}"));
        }
        expected.tally(&mut kinds);
    }
    for kind in [Kind::Place, Kind::Person, Kind::Stay, Kind::Task, Kind::Line] {
        let (rows, expected) = (engine.rows(kind).await, model.rows(kind));
        if rows != expected {
            return Err(format!("{log}left as {kind:?}\n{rows:#?}\ninstead of\n{expected:#?}"));
        }
    }
    let (events, expected) = (engine.events().await, model.events());
    if events != expected {
        return Err(format!("{log}published\n{events:#?}\ninstead of\n{expected:#?}"));
    }
    Ok(kinds)
}

/// Leaves out operations as long as there is a difference.
async fn shortest(db: &Db, mut sequence: Vec<Operation>, mut difference: String) -> (Vec<Operation>, String) {
    let mut length = sequence.len();
    while length > 0 {
        let mut start = 0;
        while start < sequence.len() {
            let mut shorter = sequence.clone();
            shorter.drain(start..(start + length).min(sequence.len()));
            match compare(db, &shorter).await {
                Ok(_) => start += length,
                Err(found) => (sequence, difference) = (shorter, found),
            }
        }
        length /= 2;
    }
    for position in 0..sequence.len() {
        let mut inner = 0;
        while let Operation::Transaction(operations, ending) = &sequence[position]
            && inner < operations.len()
        {
            let mut fewer = operations.clone();
            fewer.remove(inner);
            let mut shorter = sequence.clone();
            shorter[position] = Operation::Transaction(fewer, *ending);
            match compare(db, &shorter).await {
                Ok(_) => inner += 1,
                Err(found) => (sequence, difference) = (shorter, found),
            }
        }
    }
    (sequence, difference)
}
