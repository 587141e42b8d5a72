//! The subscribers of this suite: each writes its row, then does what the script says.

use shared::prelude::*;

use crate::script::Script;
use crate::vocabulary::{CopyMade, NewNote, Note, NoteEvent, NoteTaken};

pub(crate) async fn write(tx: &Tx, subscriber: &str, topic: &str, number: u32) -> Result<()> {
    let note = NewNote {
        subscriber: subscriber.to_owned(),
        topic: topic.to_owned(),
        number: i32::try_from(number).map_err(Error::permanent)?,
    };
    tx.repo::<Note>().create(note).await?;
    Ok(())
}

/// Three tries, close together.
#[subscribe("note.taken", retry(max = 3, backoff = "5ms..20ms"))]
pub(crate) async fn keep(event: NoteTaken, tx: &mut Tx, meta: &Metadata, State(script): State<Script>) -> Result<()> {
    write(tx, "keep", &event.topic, event.number).await?;
    script.play("keep", &event.topic, event.number, meta).await
}

/// More tries than any case needs.
#[subscribe("note.taken", retry(max = 1000, backoff = "5ms..20ms"))]
pub(crate) async fn keep_trying(
    event: NoteTaken,
    tx: &mut Tx,
    meta: &Metadata,
    State(script): State<Script>,
) -> Result<()> {
    write(tx, "keep_trying", &event.topic, event.number).await?;
    script.play("keep_trying", &event.topic, event.number, meta).await
}

/// Two at a time.
#[subscribe("note.taken", concurrency = 2)]
pub(crate) async fn keep_two(
    event: NoteTaken,
    tx: &mut Tx,
    meta: &Metadata,
    State(script): State<Script>,
) -> Result<()> {
    write(tx, "keep_two", &event.topic, event.number).await?;
    script.play("keep_two", &event.topic, event.number, meta).await
}

/// Has little time.
#[subscribe("note.taken", timeout = "2s", retry(max = 2, backoff = "5ms..20ms"))]
pub(crate) async fn keep_hurried(
    event: NoteTaken,
    tx: &mut Tx,
    meta: &Metadata,
    State(script): State<Script>,
) -> Result<()> {
    write(tx, "keep_hurried", &event.topic, event.number).await?;
    script.play("keep_hurried", &event.topic, event.number, meta).await
}

/// Takes the whole domain.
#[subscribe("note.*", retry(max = 3, backoff = "5ms..20ms"))]
pub(crate) async fn keep_all(
    event: NoteEvent,
    tx: &mut Tx,
    meta: &Metadata,
    State(script): State<Script>,
) -> Result<()> {
    let (topic, number) = match &event {
        NoteEvent::Taken(event) => (&event.topic, event.number),
        NoteEvent::Erased(event) => (&event.topic, event.number),
    };
    write(tx, "keep_all", topic, number).await?;
    script.play("keep_all", topic, number, meta).await
}

/// Leaves alone what it does not know.
#[subscribe("note.*", on_unknown = "skip", retry(max = 3, backoff = "5ms..20ms"))]
pub(crate) async fn keep_known(
    event: NoteTaken,
    tx: &mut Tx,
    meta: &Metadata,
    State(script): State<Script>,
) -> Result<()> {
    write(tx, "keep_known", &event.topic, event.number).await?;
    script.play("keep_known", &event.topic, event.number, meta).await
}

/// Publishes one event through the transaction and returns another one.
#[subscribe("note.taken", retry(max = 3, backoff = "5ms..20ms"))]
pub(crate) async fn copy(
    event: NoteTaken,
    tx: &mut Tx,
    meta: &Metadata,
    State(script): State<Script>,
) -> Result<CopyMade> {
    write(tx, "copy", &event.topic, event.number).await?;
    tx.publish(CopyMade { topic: format!("{} on the way", event.topic), number: event.number }).await?;
    script.play("copy", &event.topic, event.number, meta).await?;
    Ok(CopyMade { topic: event.topic, number: event.number })
}

/// Returns an event that breaks its own rules.
#[subscribe("note.taken", retry(max = 3, backoff = "5ms..20ms"))]
pub(crate) async fn copy_badly(event: NoteTaken, tx: &mut Tx) -> Result<CopyMade> {
    write(tx, "copy_badly", &event.topic, event.number).await?;
    Ok(CopyMade { topic: event.topic, number: 1001 })
}

/// Has no transaction.
#[subscribe("note.taken", retry(max = 3, backoff = "5ms..20ms"))]
pub(crate) async fn tell(event: NoteTaken, meta: &Metadata, State(script): State<Script>) -> Result<CopyMade> {
    script.play("tell", &event.topic, event.number, meta).await?;
    Ok(CopyMade { topic: event.topic, number: event.number })
}

/// Has no transaction, and notes nothing.
#[subscribe("note.taken", no_inbox, retry(max = 3, backoff = "5ms..20ms"))]
pub(crate) async fn show(event: NoteTaken, meta: &Metadata, State(script): State<Script>) -> Result<()> {
    script.play("show", &event.topic, event.number, meta).await
}

/// Looks at copies.
#[subscribe("copy.made", retry(max = 3, backoff = "5ms..20ms"))]
pub(crate) async fn look(event: CopyMade, tx: &mut Tx, meta: &Metadata, State(script): State<Script>) -> Result<()> {
    write(tx, "look", &event.topic, event.number).await?;
    script.play("look", &event.topic, event.number, meta).await
}

/// A service of this suite, with its tables.
pub(crate) fn service(name: &str, script: &Script) -> Service {
    Service::new(name).entities(entities![Note]).state(script.clone())
}
