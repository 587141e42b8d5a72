//! What the services of this suite speak of.

use shared::entity::EntityDef;
use shared::prelude::*;

/// A note was taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "note.taken", key = topic, version = 2)]
pub(crate) struct NoteTaken {
    #[validate(length(min = 1))]
    pub(crate) topic: String,
    #[validate(range(max = 1000))]
    pub(crate) number: u32,
    #[validate(length(max = 20))]
    pub(crate) text: Option<Phi<String>>,
}

/// A note was erased.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "note.erased", key = topic)]
pub(crate) struct NoteErased {
    pub(crate) topic: String,
    pub(crate) number: u32,
}

/// Everything that happens to a note.
#[derive(Debug, Clone, PartialEq, Event)]
#[event(domain = "note")]
pub(crate) enum NoteEvent {
    Taken(NoteTaken),
    Erased(NoteErased),
}

/// A copy of a note was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "copy.made", key = topic)]
pub(crate) struct CopyMade {
    pub(crate) topic: String,
    #[validate(range(max = 1000))]
    pub(crate) number: u32,
}

/// What a handler leaves in the database. Nothing is unique, so that a handler that runs twice shows.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "notes")]
pub(crate) struct Note {
    #[entity(id)]
    pub(crate) id: Uuid,
    pub(crate) subscriber: String,
    pub(crate) topic: String,
    pub(crate) number: i32,
}

pub(crate) fn tables() -> [&'static EntityDef; 1] {
    entities![Note]
}

pub(crate) fn taken(topic: &str, number: u32) -> NoteTaken {
    NoteTaken { topic: topic.to_owned(), number, text: None }
}

/// The payload of [`taken`], as another program writes it.
pub(crate) fn taken_json(topic: &str, number: u32) -> String {
    format!(r#"{{"topic":"{topic}","number":{number},"text":null}}"#)
}
