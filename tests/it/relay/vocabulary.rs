//! What the services of this suite speak of, and who listens.

use shared::prelude::*;

/// Something was counted, under a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "tally.counted", key = topic)]
pub(crate) struct Counted {
    pub(crate) topic: String,
    pub(crate) number: u32,
}

/// What a handler leaves in the database. Nothing is unique, so that a handler that runs twice shows.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "marks")]
pub(crate) struct Mark {
    #[entity(id)]
    pub(crate) id: Uuid,
    pub(crate) subscriber: String,
    pub(crate) topic: String,
    pub(crate) number: i32,
}

async fn mark(tx: &Tx, subscriber: &str, event: Counted) -> Result<()> {
    let mark = NewMark {
        subscriber: subscriber.to_owned(),
        topic: event.topic,
        number: i32::try_from(event.number).map_err(Error::permanent)?,
    };
    tx.repo::<Mark>().create(mark).await.map(|_| ())
}

/// There from the beginning.
#[subscribe("tally.counted")]
pub(crate) async fn early(event: Counted, tx: &mut Tx) -> Result<()> {
    mark(tx, "early", event).await
}

/// Joins when everything has happened, and is told everything that the server has kept.
#[subscribe("tally.counted")]
pub(crate) async fn late(event: Counted, tx: &mut Tx) -> Result<()> {
    mark(tx, "late", event).await
}

pub(crate) fn counted(topic: &str, number: u32) -> Counted {
    Counted { topic: topic.to_owned(), number }
}

pub(crate) fn counting() -> Service {
    Service::new("counting").entities(entities![Mark]).subscribe(subscribers![early])
}

pub(crate) fn checking() -> Service {
    Service::new("checking").entities(entities![Mark]).subscribe(subscribers![late])
}
