//! How long the database remembers what was done: what is old is deleted a little at a time.

use std::time::Duration;

use crate::bus::Kept;
use crate::config::Config;
use crate::db::{Db, dead_letter, inbox};
use crate::error::{Error, Result};

/// How often old rows are looked for.
const SWEEP: Duration = Duration::from_secs(600);

/// The pause between two batches: others want to write too.
const BREATH: Duration = Duration::from_millis(20);

/// Longer than anything that an event can come again after, by this much.
const MARGIN: Duration = Duration::from_secs(24 * 3600);

/// How long rows are kept; `None` is for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Retention {
    inbox: Option<Duration>,
    dead_letters: Option<Duration>,
    replayed: Duration,
}

impl Retention {
    /// What the configuration says, unless the inbox would forget an event that can come again. It can as long as the
    /// outbox has it, which publishes it again when the bus has lost it, and from then on as long as the stream has it.
    ///
    /// # Errors
    /// [`Error::Config`], naming both.
    pub(crate) fn new(config: &Config, streams: &[Kept]) -> Result<Self> {
        let inbox = match config.inbox_retention {
            Some(inbox) => {
                streams.iter().try_for_each(|stream| check(inbox, config.outbox_retention, stream))?;
                Some(inbox)
            }
            None => streams
                .iter()
                .try_fold(Duration::ZERO, |longest, stream| stream.max_age.map(|age| longest.max(age)))
                .map(|longest| longest + config.outbox_retention + MARGIN),
        };
        Ok(Self { inbox, dead_letters: config.dead_letter_retention, replayed: config.outbox_retention })
    }
}

fn check(inbox: Duration, outbox: Duration, stream: &Kept) -> Result<()> {
    let Kept { stream, max_age } = stream;
    let Some(max_age) = max_age else {
        return Err(Error::config(
            "INBOX_RETENTION",
            format!(
                "it is {}, but the stream `{stream}` keeps its events for ever: one that comes again would be handled again",
                span(inbox)
            ),
            format!("unset it, or limit the stream: `nats stream edit {stream} --max-age 30d` deletes what is older"),
        ));
    };
    let needed = *max_age + outbox;
    if inbox >= needed {
        return Ok(());
    }
    Err(Error::config(
        "INBOX_RETENTION",
        format!(
            "it is {}, but the stream `{stream}` keeps events for {} (its `max_age`) after the outbox has published them, \
             for up to {} (`OUTBOX_RETENTION`): one that comes again later would be handled again",
            span(inbox),
            span(*max_age),
            span(outbox)
        ),
        format!("unset it, or set it to {} or more", span(needed)),
    ))
}

/// A duration as a variable has it.
pub(crate) fn span(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let whole = units.into_iter().find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{millis}ms"), |(unit, name)| format!("{}{name}", millis / unit))
}

/// Rows of one kind that are too old after some time.
#[derive(Debug, Clone, Copy)]
enum Old {
    Inbox(Duration),
    Replayed(Duration),
    Waiting(Duration),
}

impl Old {
    fn name(self) -> &'static str {
        match self {
            Self::Inbox(_) => "inbox",
            Self::Replayed(_) => "replayed dead letters",
            Self::Waiting(_) => "dead letters",
        }
    }

    /// Deletes a small batch; returns how many.
    async fn prune(self, db: &Db) -> Result<u64> {
        match self {
            Self::Inbox(age) => inbox::prune(db, age).await,
            Self::Replayed(age) => dead_letter::prune_replayed(db, age).await,
            Self::Waiting(age) => dead_letter::prune_waiting(db, age).await,
        }
    }
}

/// Deletes what is too old, now and then, as long as it is polled.
pub(crate) async fn sweep(db: &Db, retention: &Retention) {
    let old = [
        retention.inbox.map(Old::Inbox),
        Some(Old::Replayed(retention.replayed)),
        retention.dead_letters.map(Old::Waiting),
    ];
    loop {
        for old in old.into_iter().flatten() {
            delete(db, old).await;
        }
        tokio::time::sleep(SWEEP).await;
    }
}

async fn delete(db: &Db, old: Old) {
    let (of, mut deleted) = (old.name(), 0);
    loop {
        match old.prune(db).await {
            Ok(0) => break,
            Ok(rows) => deleted += rows,
            Err(error) => {
                tracing::warn!(of, error = error.report(), "old rows cannot be deleted; trying again later");
                break;
            }
        }
        tokio::time::sleep(BREATH).await;
    }
    if deleted > 0 {
        tracing::info!(of, deleted, "old rows were deleted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn kept(days: Option<u32>) -> Kept {
        Kept { stream: "NOTE".into(), max_age: days.map(|days| DAY * days) }
    }

    fn config(inbox: Option<Duration>) -> Config {
        Config { inbox_retention: inbox, ..Config::embedded() }
    }

    #[test]
    fn the_default_outlasts_stream_and_outbox() {
        let inbox = |streams: &[Kept]| Retention::new(&config(None), streams).unwrap().inbox;
        assert_eq!(inbox(&[]), Some(DAY * 8));
        assert_eq!(inbox(&[kept(Some(3)), kept(Some(30))]), Some(DAY * 38));
        assert_eq!(inbox(&[kept(Some(3)), kept(None)]), None, "for ever");
    }

    #[test]
    fn too_short_a_retention_is_refused_with_both_named() {
        let refused = |days, stream| Retention::new(&config(Some(DAY * days)), &[stream]).unwrap_err().to_string();
        let text = refused(36, kept(Some(30)));
        for part in [
            "`INBOX_RETENTION`: it is 36d",
            "`NOTE`",
            "30d",
            "7d (`OUTBOX_RETENTION`)",
            "help: unset it, or set it to 37d",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(refused(400, kept(None)).contains("for ever"));
        assert!(Retention::new(&config(Some(DAY * 37)), &[kept(Some(30))]).is_ok());
    }

    #[test]
    fn spans_are_written_as_they_are_read() {
        for text in ["500ms", "1500ms", "90s", "5m", "36h", "7d", "0ms"] {
            assert_eq!(span(crate::config::parse_span(text).unwrap()), text);
        }
    }
}
