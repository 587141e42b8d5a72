//! Has the broker what it acknowledged? It acknowledges before it writes to the disk, so after a crash, or when somebody
//! has put an older copy of its store in place, it may have gone back in time.

use super::store::Store;
use super::transport::Transport;
use crate::bus::StreamState;
use crate::db::ledger::{Entry, Look};
use crate::error::Result;

/// How many events whose messages have been deleted are passed over, in search of one that can be compared.
const PASSED_OVER: usize = 16;

/// What a comparison has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The stream has what it acknowledged, as far as it still keeps it.
    Same,
    /// Nothing that was acknowledged above this position is there any more.
    GoneBack { to: i64, why: Why },
}

/// What shows that the broker has gone back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The stream is not there any more.
    Deleted,
    /// Another stream of the same name is there.
    Replaced,
    /// The stream is shorter than it was, or has other messages in the same places.
    Lost,
}

impl Why {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "the stream was deleted",
            Self::Replaced => "the stream was deleted and made again",
            Self::Lost => "the server has lost messages that it had acknowledged",
        }
    }
}

/// A message compared with an entry of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The event is there.
    Same,
    /// It is not: nothing was ever stored there, or something else is.
    Other,
    /// Its message was deleted, which says nothing.
    Deleted,
}

/// Where entries and messages come from.
trait Sources {
    /// The last entry above one position and not above another.
    async fn entry(&self, above: i64, most: i64) -> Result<Option<Entry>>;
    /// The event id of the message at a position.
    async fn stored_id(&self, sequence: i64) -> Result<Option<String>>;
    /// Whether messages cannot be read at all.
    fn gives_up(&self) -> bool {
        false
    }
}

struct Stream<'a, S, T> {
    store: &'a S,
    bus: &'a T,
    name: &'a str,
}

impl<S: Store, T: Transport> Sources for Stream<'_, S, T> {
    async fn entry(&self, above: i64, most: i64) -> Result<Option<Entry>> {
        self.store.last_between(self.name, above, most).await
    }

    async fn stored_id(&self, sequence: i64) -> Result<Option<String>> {
        if self.bus.may_read() {
            return self.bus.stored_id(self.name, sequence).await;
        }
        tracing::warn!(
            stream = self.name,
            "this user may not read the messages of the stream, so only its length shows whether the server has lost some; \
             help: allow it to publish to `$JS.API.STREAM.MSG.GET.{}`",
            self.name
        );
        Ok(None)
    }

    fn gives_up(&self) -> bool {
        !self.bus.may_read()
    }
}

/// Compares one stream with the ledger, and notes what was found to be there.
pub(super) async fn audit(store: &impl Store, bus: &impl Transport, stream: &str) -> Result<Found> {
    let sources = Stream { store, bus, name: stream };
    let Some(state) = bus.stream_state(stream).await? else {
        return Ok(Found::GoneBack { to: 0, why: Why::Deleted });
    };
    let look = store.look(stream).await?;
    if look.is_some_and(|look| look.created_ns != state.created_ns) {
        return Ok(Found::GoneBack { to: 0, why: Why::Replaced });
    }
    let (found, there) = compare(&sources, &state, look.map(|look| look.entry)).await?;
    if let Found::GoneBack { why, .. } = found
        && store.has_doubles(stream).await?
    {
        // It went back before and nobody noticed: which entries are older than that cannot be told any more. What is
        // published twice is handled once.
        return Ok(Found::GoneBack { to: 0, why });
    }
    let noted = match there {
        // unread, for the next comparison: until then this service's own events may hide that it was lost
        None if look.is_none() && sources.gives_up() => sources.entry(0, i64::MAX).await?,
        there => there,
    };
    if let (Found::Same, Some(entry)) = (found, noted) {
        let now = Look { created_ns: state.created_ns, entry };
        if look != Some(now) {
            store.note(stream, &now).await?;
        }
    }
    Ok(found)
}

/// Compares a stream with the ledger, by the last entry and by the one that was found at the last time: who else
/// publishes to the stream may have filled the place of the last one, and this service's own events that of both. Returns
/// the last entry that was found in its place, too.
async fn compare(sources: &impl Sources, state: &StreamState, before: Option<Entry>) -> Result<(Found, Option<Entry>)> {
    if let Some(before) = before
        && place(sources, state, before).await? == Place::Other
    {
        return Ok((lost(sources, state, before.sequence).await?, None));
    }
    let mut most = i64::MAX;
    for _ in 0..PASSED_OVER {
        let Some(entry) = sources.entry(0, most).await? else { break };
        match place(sources, state, entry).await? {
            Place::Same => return Ok((Found::Same, Some(entry))),
            Place::Other => return Ok((lost(sources, state, entry.sequence).await?, None)),
            Place::Deleted if sources.gives_up() => break,
            Place::Deleted => most = entry.sequence - 1,
        }
    }
    Ok((Found::Same, None))
}

async fn place(sources: &impl Sources, state: &StreamState, entry: Entry) -> Result<Place> {
    if entry.sequence > state.last {
        return Ok(Place::Other);
    }
    if entry.sequence < state.first {
        // its age, or an operator, has removed it
        return Ok(Place::Deleted);
    }
    Ok(match sources.stored_id(entry.sequence).await? {
        None => Place::Deleted,
        Some(id) if id == entry.event_id.to_string() => Place::Same,
        Some(_) => Place::Other,
    })
}

/// The highest position up to which the stream has what it acknowledged, below one that it has not.
async fn lost(sources: &impl Sources, state: &StreamState, missing: i64) -> Result<Found> {
    let (mut there, mut gone) = (0, missing.min(state.last.saturating_add(1)));
    while gone - there > 1 {
        let middle = there + (gone - there) / 2;
        let Some(entry) = sources.entry(there, middle).await? else {
            there = middle;
            continue;
        };
        match place(sources, state, entry).await? {
            // nothing lies between the entry and the middle
            Place::Same => there = middle,
            Place::Deleted if entry.sequence < state.first => there = middle,
            // one that was deleted says nothing; published again it does no harm
            Place::Deleted | Place::Other => gone = entry.sequence,
        }
    }
    Ok(Found::GoneBack { to: there, why: Why::Lost })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::*;

    /// A ledger and a stream, both of numbers.
    #[derive(Default)]
    struct Numbers {
        acknowledged: BTreeMap<i64, u128>,
        stored: BTreeMap<i64, u128>,
    }

    impl Sources for Numbers {
        async fn entry(&self, above: i64, most: i64) -> Result<Option<Entry>> {
            if above >= most {
                return Ok(None);
            }
            let last = self.acknowledged.range(above + 1..=most).next_back();
            Ok(last.map(|(sequence, id)| Entry { event_id: Uuid::from_u128(*id), sequence: *sequence }))
        }

        async fn stored_id(&self, sequence: i64) -> Result<Option<String>> {
            Ok(self.stored.get(&sequence).map(|id| Uuid::from_u128(*id).to_string()))
        }
    }

    impl Numbers {
        fn state(&self, first: i64) -> StreamState {
            let last = self.stored.keys().next_back().copied().unwrap_or(0);
            StreamState { created_ns: 1, first, last }
        }

        fn entry_at(&self, sequence: i64) -> Entry {
            Entry { event_id: Uuid::from_u128(self.acknowledged[&sequence]), sequence }
        }

        async fn found(&self, first: i64, before: Option<Entry>) -> Found {
            compare(self, &self.state(first), before).await.unwrap().0
        }
    }

    /// Of a stream that others publish to as well, which went back to some point and was written to since then, everything
    /// above that point is found missing, and nothing below it.
    #[tokio::test]
    async fn the_point_of_divergence_is_found() {
        for seed in 0..2_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let length = random.i64(1..200);
            let mut numbers = Numbers::default();
            for sequence in 1..=length {
                let id = u128::from(random.u64(..));
                numbers.stored.insert(sequence, id);
                if random.u8(..3) > 0 {
                    numbers.acknowledged.insert(sequence, id);
                }
            }
            let Some(top) = numbers.acknowledged.keys().next_back().copied() else { continue };
            let before = random.bool().then(|| numbers.entry_at(top));
            assert_eq!(numbers.found(1, before).await, Found::Same, "seed {seed}");
            let back_to = random.i64(0..length);
            numbers.stored.retain(|sequence, _| *sequence <= back_to);
            for sequence in back_to + 1..=back_to + random.i64(0..40) {
                numbers.stored.insert(sequence, u128::from(random.u64(..)));
            }
            let found = numbers.found(1, before).await;
            if top <= back_to {
                assert_eq!(found, Found::Same, "seed {seed}");
                continue;
            }
            let Found::GoneBack { to, why: Why::Lost } = found else { panic!("seed {seed}: {found:?}") };
            let missing = |above: i64| numbers.acknowledged.range(above + 1..).count();
            assert_eq!(missing(to), missing(back_to), "seed {seed}: {to} for {back_to}");
        }
    }

    /// The places of what was lost have been taken by later events of the same service.
    #[tokio::test]
    async fn own_events_in_the_same_places_hide_nothing() {
        let mut numbers = Numbers::default();
        numbers.acknowledged.extend([(1, 1), (2, 2), (3, 3)]);
        let before = numbers.entry_at(3);
        // gone back to 1; then 4, 5 and 6 were published
        numbers.stored.extend([(1, 1), (2, 4), (3, 5), (4, 6)]);
        numbers.acknowledged.extend([(4, 6)]);
        assert_eq!(numbers.found(1, None).await, Found::Same, "the last entry alone shows nothing");
        assert_eq!(numbers.found(1, Some(before)).await, Found::GoneBack { to: 1, why: Why::Lost });
    }

    #[tokio::test]
    async fn what_was_deleted_in_order_is_not_missed() {
        let mut numbers = Numbers::default();
        numbers.acknowledged.extend([(1, 1), (2, 2), (3, 3), (4, 4)]);
        numbers.stored.extend([(1, 1), (2, 2), (4, 9)]);
        let state = |first, last| StreamState { created_ns: 1, first, last };
        // purged: nothing is left, and the positions go on
        numbers.stored.clear();
        assert_eq!(compare(&numbers, &state(5, 4), None).await.unwrap().0, Found::Same);
        // the newest was deleted
        numbers.stored.extend([(1, 1), (2, 2), (3, 3)]);
        assert_eq!(compare(&numbers, &state(1, 4), None).await.unwrap().0, Found::Same);
        // the oldest have expired, and then the stream went back
        numbers.stored.remove(&1);
        numbers.stored.remove(&3);
        let found = compare(&numbers, &state(2, 2), None).await.unwrap().0;
        assert_eq!(found, Found::GoneBack { to: 2, why: Why::Lost });
    }
}
