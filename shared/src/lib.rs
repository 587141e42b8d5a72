//! Events, entities and subscribers for services that must not lose, duplicate, mistype or leak anything.
//!
//! Three declarations make a running service:
//!
//! - `#[derive(Event)]` says what happened: subject, schema, validation.
//! - `#[derive(Entity)]` says what is stored: table, repository, validation.
//! - `#[subscribe("appointment.*")]` says who reacts.
//!
//! Under them a runtime holds the database ([`Db`]: Postgres, or SQLite embedded) and the bus ([`Bus`]: NATS
//! JetStream, or in-process), and takes over what is easy to get wrong by hand: publishing in the transaction of
//! the change, handling each event once, retrying, parking what cannot be handled, order per key, shutting down
//! without loss, and keeping patients' data out of logs and errors ([`Phi`]).
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

// generated code says `::shared`, also when this crate uses its own derives
extern crate self as shared;

#[doc(hidden)]
pub mod __private;
pub mod bus;
pub mod config;
pub mod context;
pub mod db;
pub mod entity;
pub mod error;
pub mod event;
#[cfg(feature = "axum")]
pub mod http;
pub mod id;
#[cfg(feature = "cli")]
pub mod log;
pub mod phi;
pub mod prelude;
pub mod query;
pub mod schema;
pub mod service;
#[cfg(test)]
mod simulation;
#[cfg(feature = "sqlite")]
pub mod testing;
pub mod time;
pub mod validate;

/// The crate whose `JsonSchema` types in events implement, for impls by hand.
pub use schemars;
pub use shared_macros::{
    Entity, EntityEnum, EntityValue, Event, Projection, Query, Validate, migrations, respond, subscribe,
};
/// The `tracing` macros, so that a service needs no dependency of its own for them.
pub use tracing;

pub use self::bus::{Bus, Receipt};
pub use self::config::Config;
pub use self::context::Context;
pub use self::db::{Db, Tx};
pub use self::entity::Repo;
pub use self::error::{Error, ErrorKind, Result};
pub use self::event::Metadata;
pub use self::json_schema::JsonSchema;
pub use self::phi::Phi;
pub use self::query::Query;
pub use self::service::{Running, Service, State, run, start};

/// The trait of `schemars`, and the derive of this crate.
mod json_schema {
    pub use schemars::*;
    // of the names above it replaces the derive
    pub use shared_macros::JsonSchema;
}

#[cfg(not(any(feature = "postgres", feature = "sqlite")))]
compile_error!("`shared` needs a database: enable its feature `postgres` or `sqlite` (or both)");

/// The entities of a service: `entities![Reminder, Invoice]`.
#[macro_export]
macro_rules! entities {
    ($($entity:ty),* $(,)?) => {
        [$(<$entity as $crate::entity::Entity>::DEF),*]
    };
}

/// For `cargo test`: proves that the migrations of a service make the tables that its entities declare, on SQLite in
/// memory, and on a Postgres server if it is given one, in a database made for that moment.
///
/// ```
/// # use shared::prelude::*;
/// # #[derive(Debug, Entity)]
/// # #[entity(table = "rooms")]
/// # struct Room {
/// #     #[entity(id)]
/// #     id: Uuid,
/// #     name: String,
/// # }
/// fn scheduling() -> Service {
///     Service::new("scheduling").entities(entities![Room]).migrations(shared::migrations!("tests/migrations"))
/// }
///
/// // in a `#[test]`
/// # #[cfg(feature = "sqlite")]
/// shared::assert_schema!(scheduling());
/// # if false {
/// // the files for Postgres, where CI has a server
/// shared::assert_schema!(scheduling(), on = "postgres://me:secret@localhost/postgres");
/// # }
/// ```
///
/// # Panics
/// When they do not, with each difference and the SQL that mends it.
#[macro_export]
macro_rules! assert_schema {
    ($service:expr $(,)?) => {
        $crate::assert_schema!($service, on = "sqlite::memory:")
    };
    ($service:expr, on = $url:expr $(,)?) => {
        if let ::core::result::Result::Err(problem) = $crate::__private::compare_migrations(&$service, $url) {
            ::core::panic!("{problem}")
        }
    };
}

/// Event types: of events and of whole domains. `events![AppointmentEvent, InvoiceIssued]`.
#[macro_export]
macro_rules! events {
    ($($set:ty),* $(,)?) => {
        [$(<$set as $crate::event::EventSet>::EVENTS),*].concat()
    };
}

/// The responders of a service: `responders![get, billing::price]`.
#[macro_export]
macro_rules! responders {
    ($($responder:ty),* $(,)?) => {
        [$($crate::service::Responder::of::<$responder>()),*]
    };
}

/// The subscribers of a service: `subscribers![remind, billing::bill]`.
#[macro_export]
macro_rules! subscribers {
    ($($subscriber:ty),* $(,)?) => {
        [$($crate::service::Subscriber::of::<$subscriber>()),*]
    };
}
