//! A clinic's services on FHIR records: scheduling, reminders, billing and a timeline, tied by events.
//!
//! Each service is a module with its entities and its subscribers; [`events`](mod@events) is the vocabulary they share.

pub mod api;
pub mod billing;
pub mod events;
pub mod fhir;
pub mod import;
pub mod reminders;
pub mod report;
pub mod scheduling;
pub mod timeline;

use shared::prelude::*;

/// Every service of the clinic.
#[must_use]
pub fn services() -> Vec<Service> {
    vec![scheduling::service(), reminders::service(), billing::service(), timeline::service()]
}
