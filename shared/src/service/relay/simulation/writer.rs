//! Transactions that publish events.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use tokio::sync::OwnedMutexGuard;

use super::database::Row;
use super::world::World;
use crate::event::{Headers, Outgoing, Shape};

/// One transaction that publishes events.
pub(super) async fn write(world: &World) {
    let sim = &world.sim;
    let events = sim.among(1..=3);
    let mut keys: Vec<Option<usize>> = Vec::new();
    for _ in 0..events {
        keys.push(sim.chance(80).then(|| *sim.pick(&[0, 0, 1, 2])));
    }
    let mut sorted: Vec<usize> = keys.iter().flatten().copied().collect();
    sorted.sort_unstable();
    sorted.dedup();
    let crashes = world.tables().crashes;
    let mut held: Vec<OwnedMutexGuard<()>> = Vec::new();
    for key in sorted {
        let lock = Arc::clone(&world.tables().keys[key]);
        held.push(lock.lock_owned().await);
    }
    if world.tables().down {
        return;
    }
    let mut mine = Vec::new();
    for key in keys {
        let event = event(world, key);
        let mut tables = world.tables();
        tables.last += 1;
        mine.push(tables.last);
        let seq = tables.last;
        tables.open.insert(seq, event);
    }
    if sim.chance(world.rates().long) {
        // some for longer than a gap is looked for
        sim.pause(if sim.chance(2) { 60_000..=70_000 } else { 1..=3_000 }).await;
    }
    let commits = !sim.chance(world.rates().rolled_back);
    let mut tables = world.tables();
    if tables.crashes != crashes || !commits {
        sim.note(|| format!("rolled back: {mine:?}"));
        for seq in mine {
            tables.open.remove(&seq);
        }
        return;
    }
    sim.note(|| format!("committed: {mine:?}"));
    for seq in mine {
        let Some(event) = tables.open.remove(&seq) else { continue };
        world.history().committed(seq, &event);
        tables.rows.insert(seq, Row { event, published: None });
    }
}

fn event(world: &World, key: Option<usize>) -> Outgoing {
    let id = world.history().new_id();
    let subject = if world.sim.chance(85) { "note.written" } else { "bed.freed" };
    Outgoing {
        id,
        subject: subject.into(),
        event_type: subject.into(),
        key: key.map(|key| ["a", "b", "c"][key].to_owned()),
        headers: Headers::new(),
        // by which the history knows the event, whatever id it comes with
        payload: Bytes::copy_from_slice(id.as_bytes()),
        time: DateTime::<Utc>::UNIX_EPOCH,
        shape: Shape::Binary,
    }
}
