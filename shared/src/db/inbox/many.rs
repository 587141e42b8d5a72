//! Noting many events at once.

use std::collections::{BTreeMap, HashSet};

use super::id_of;
use crate::db::dialect::{Engine, SqlText};
use crate::db::executor::{Access, Executor};
use crate::entity::EntityValue;
use crate::error::Result;
use crate::event::Metadata;

/// Rows of one statement on SQLite, which takes 32,766 parameters.
const SQLITE_ROWS: usize = 1_000;

/// Notes events as handled by a subscription, each once; returns the identities of those that were not noted before, as
/// [`insert`](super::insert) does for one.
///
/// In the order of their identities: of two processes that note the same events, one waits for the other.
pub(crate) async fn insert_all(
    executor: &Executor,
    subscription: &str,
    events: impl IntoIterator<Item = &Metadata>,
) -> Result<HashSet<String>> {
    let events: BTreeMap<String, &Metadata> = events.into_iter().map(|metadata| (id_of(metadata), metadata)).collect();
    let events: Vec<(String, &Metadata)> = events.into_iter().collect();
    let now = crate::time::now();
    let mut new = HashSet::with_capacity(events.len());
    match executor.engine() {
        Engine::Postgres => {
            let mut args = executor.args();
            subscription.to_owned().bind(&mut args);
            now.bind(&mut args);
            EntityValue::bind_array(events.iter().map(|(id, _)| Some(id)), &mut args);
            EntityValue::bind_array(events.iter().map(|(_, event)| event.time.as_ref()), &mut args);
            let fingerprints: Vec<Option<Vec<u8>>> = events.iter().map(|(_, event)| fingerprint(event)).collect();
            EntityValue::bind_array(fingerprints.iter().map(Option::as_ref), &mut args);
            let sql = "INSERT INTO shared_inbox (subscription, event_id, handled_at, event_time, duplicates, fingerprint) \
                 SELECT $1, e.id, $2, e.made, 0, e.print FROM UNNEST($3::text[], $4::timestamptz[], $5::bytea[]) AS e (id, made, print) \
                 ON CONFLICT (subscription, event_id) DO NOTHING RETURNING event_id";
            for row in executor.fetch_all(Access::Write, sql, args, None).await? {
                new.insert(row.required(0)?);
            }
        }
        Engine::Sqlite => {
            for chunk in events.chunks(SQLITE_ROWS) {
                let mut args = executor.args();
                subscription.to_owned().bind(&mut args);
                now.bind(&mut args);
                for (id, event) in chunk {
                    id.bind(&mut args);
                    event.time.bind(&mut args);
                    fingerprint(event).bind(&mut args);
                }
                for row in executor.fetch_all(Access::Write, SqlText::built(rows(chunk.len())), args, None).await? {
                    new.insert(row.required(0)?);
                }
            }
        }
    }
    Ok(new)
}

fn fingerprint(event: &Metadata) -> Option<Vec<u8>> {
    event.fingerprint.map(|fingerprint| fingerprint.as_bytes().to_vec())
}

fn rows(count: usize) -> String {
    let row = |index: usize| {
        let first = 3 + 3 * index;
        format!("($1, ${first}, $2, ${}, 0, ${})", first + 1, first + 2)
    };
    let rows: Vec<String> = (0..count).map(row).collect();
    format!(
        "INSERT INTO shared_inbox (subscription, event_id, handled_at, event_time, duplicates, fingerprint) VALUES {} \
         ON CONFLICT (subscription, event_id) DO NOTHING RETURNING event_id",
        rows.join(", ")
    )
}
