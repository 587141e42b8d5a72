//! What a service file imports: `use shared::prelude::*;`.

pub use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
pub use serde::{Deserialize, Serialize};
pub use shared_macros::{Entity, EntityEnum, EntityValue, Event, Projection, Query, Validate, respond, subscribe};
pub use uuid::Uuid;

pub use crate::bus::{Bus, Receipt};
pub use crate::context::Context;
pub use crate::db::{Db, Tx};
pub use crate::entity::{Entity, Page, PageOf, Repo};
pub use crate::error::{Error, Result};
pub use crate::event::subject::Token;
pub use crate::event::{Event, EventSet, Metadata};
pub use crate::phi::Phi;
pub use crate::query::Query;
pub use crate::service::{Batch, Captures, Service, State};
pub use crate::validate::Validate;
pub use crate::{JsonSchema, entities, events, id, responders, subscribers, time};
