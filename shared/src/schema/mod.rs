//! Documents about events: JSON Schema, AsyncAPI, a page to read, and the lock that keeps contracts from drifting.
//!
//! An event type is a contract between teams. Its declaration says all of it, so every document is made of
//! declarations and cannot be out of date:
//!
//! - [`json_schema`] of an event's payload (2020-12), [`asyncapi`] of a service (3.0), [`page`] for people. A service's
//!   commands `schema` and `asyncapi` print them.
//! - [`check!`] in a test compares the declarations with what was released, as recorded in `events.lock.json`.
//!
//! What a service publishes and takes is its [`Contract`]: `Service::contract`.

mod asyncapi;
mod change;
mod check;
mod compare;
mod contract;
mod definitions;
mod form;
mod json;
mod keywords;
mod lock;
mod object;
mod page;
mod pattern;
mod report;
mod sample;
#[cfg(feature = "cli")]
mod veil;
mod words;

pub use self::asyncapi::{Server, asyncapi};
pub use self::change::{Change, ChangeKind};
pub use self::check::{ACCEPT_VARIABLE, assert_released};
pub use self::contract::{Contract, Receiver};
pub use self::json::json_schema;
pub use self::lock::{LOCK_FILE, Lock};
pub use self::page::page;
pub use self::report::{Finding, Report};
#[cfg(feature = "cli")]
pub(crate) use self::veil::veiled;
pub use crate::__schema_check as check;
