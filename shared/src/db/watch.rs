//! Statements in the log: their text, which never holds a value, and how long they took.

use std::time::{Duration, Instant};

use sqlx::SqlStr;

use super::failure::Names;

/// What is known of a statement while it runs.
pub(super) struct Watch {
    sql: SqlStr,
    entity: &'static str,
    started: Instant,
    slow: Duration,
}

impl Watch {
    pub(super) fn start(sql: &SqlStr, names: Option<&Names>, slow: Duration) -> Self {
        let entity = names.map_or("", |names| names.entity);
        Self { sql: sql.clone(), entity, started: Instant::now(), slow }
    }

    /// It has ended, one way or another.
    pub(super) fn ended(self) {
        let elapsed = self.started.elapsed();
        let (entity, statement) = (self.entity, self.sql.as_str());
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        if elapsed >= self.slow {
            tracing::warn!(target: "shared::statement", entity, statement, elapsed_ms, "slow statement");
        } else {
            tracing::debug!(target: "shared::statement", entity, statement, ?elapsed);
        }
    }
}
