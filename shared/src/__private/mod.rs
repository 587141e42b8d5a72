//! What generated code may name. Nothing here is for anybody else, and any of it may change in any version.
#![allow(missing_docs)] // the documentation is that of the macros

mod captures;
mod entity;
mod event;
mod message;
mod pairs;
mod respond;
mod routing;
mod schema;
mod subscribe;
mod validate;

pub use std::time::Duration;

pub use self::captures::*;
pub use self::entity::*;
pub use self::event::*;
pub use self::respond::*;
pub use self::routing::*;
pub use self::schema::*;
pub use self::subscribe::*;
pub use self::validate::*;
pub use crate::db::compare_migrations;
pub use crate::error::Result;
pub use crate::event::{Codec, Draft, Event, EventInfo, EventSet, Handled, Publish, decodes, draft_event};
pub use crate::query::Query;
pub use crate::service::{Batch, Call, OnUnknown, Outcome, Respond, ResponderSpec, States, Subscribe, SubscriberSpec};
/// What a set of events is written as in generated code.
pub type Events = &'static [&'static EventInfo];
pub use crate::validate::{Checker, Validate};
