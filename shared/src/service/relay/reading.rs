//! Reading the outbox: what is new, what committed late, and what is to be tried again.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use super::known::BYTES;
use super::store::Store;
use super::transport::Transport;
use super::{POLL, Relay};
use crate::db::outbox::Room;
use crate::error::Result;

/// How long a number that was not there is looked for: its transaction was committing, or was rolled back.
const GAP: Duration = Duration::from_secs(60);

/// The most numbers in one gap that are looked for one by one; after a larger one everything unpublished is read for a
/// while.
const GAPS: i64 = 1_024;

/// How often everything unpublished is read from the start.
pub(super) const RESCAN: Duration = Duration::from_secs(5);

impl<S: Store, T: Transport> Relay<S, T> {
    /// Reads what is new and sends it. Each step takes the lower numbers of a key before the higher ones.
    pub(super) async fn read(&mut self) -> Result<()> {
        if !self.known.has_room(self.window) {
            return Ok(());
        }
        let now = Instant::now();
        if now >= self.rescan_at || now < self.wide_until {
            // for what the gaps miss: a transaction that takes longer than a gap is remembered, or that is large
            self.rescan_at = now + RESCAN;
            self.position = 0;
        }
        if !self.stalled.is_empty() && now >= self.retry_at {
            self.retry().await?;
            if !self.known.has_room(self.window) {
                return Ok(());
            }
        }
        let mut highest = match self.highest {
            Some(highest) => highest,
            None => self.look_back(now).await?,
        };
        self.gaps.retain(|_, until| *until > now);
        // One statement for the gaps and for what is new, so that both are seen at the same moment: asked one after
        // the other, a late commit and the next event of its key could come in between, and the next one would be
        // found first.
        let gaps: Vec<i64> = self.gaps.keys().copied().collect();
        // from the start on, rows that are on their way are met again
        let room = match self.position {
            0 => Room { events: self.window + self.known.len(), bytes: BYTES },
            _ => self.known.room(self.window),
        };
        let rows = self.db.unpublished(self.position, &gaps, room).await?;
        for row in &rows {
            if self.gaps.remove(&row.seq).is_none() {
                if row.seq - highest < GAPS {
                    self.gaps.extend((highest + 1..row.seq).map(|seq| (seq, now + GAP)));
                } else {
                    self.wide_until = now + GAP;
                }
            }
            highest = highest.max(row.seq);
            self.position = self.position.max(row.seq);
        }
        self.highest = Some(highest);
        let fresh = self.enqueue_all(rows).await;
        self.poll = if fresh { POLL.0 } else { (self.poll * 2).min(POLL.1) };
        Ok(())
    }

    /// Sends again what was stalled, as much as there is room for.
    async fn retry(&mut self) -> Result<()> {
        let room = self.known.room(self.window.saturating_sub(self.known.untaken()));
        let mut numbers = self.stalled.next(room.events);
        numbers.sort_unstable();
        let rows = self.db.unpublished(i64::MAX, &numbers, room).await?;
        if let Some(last) = rows.last().map(|last| last.seq) {
            // those after it were too large, or are not there any more, which shows when they are the first
            numbers.truncate(numbers.partition_point(|seq| *seq <= last));
        }
        self.stalled.remove(&numbers);
        self.enqueue_all(rows).await;
        Ok(())
    }

    /// The highest number so far; those missing right below it may belong to transactions under way.
    async fn look_back(&mut self, now: Instant) -> Result<i64> {
        let present = self.db.latest(GAPS).await?;
        let highest = present.first().copied().unwrap_or(0);
        let present: HashSet<i64> = present.into_iter().collect();
        let missing = (highest - GAPS).max(0)..highest;
        self.gaps.extend(missing.filter(|seq| *seq > 0 && !present.contains(seq)).map(|seq| (seq, now + GAP)));
        Ok(highest)
    }
}
