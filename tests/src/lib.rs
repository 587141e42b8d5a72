//! What the integration tests stand on: real servers, real processes, real faults, and patience.
//!
//! - [`Postgres`] and [`Nats`] start private servers on free ports, with their data in temporary
//!   directories.
//! - [`PgBouncer`] stands in front of a [`Postgres`] and lends its connections out by the transaction.
//! - [`Process`] runs any program with its output captured, and can kill, stop and continue it.
//! - [`Proxy`] sits between a client and a server and cuts, silences or slows the link.
//! - [`Disk`] is small, and full when a test says so; a [`WallClock`] jumps.
//! - [`python`] is an interpreter with the packages that programs in Python need.
//! - [`Official`] judges documents by the official schemas of their formats.
//! - [`measure`] times several ways to do a thing side by side: for the benchmarks.
//! - [`dropped_after`] drops a future at one of its steps.
//! - [`eventually`] waits for a condition with a deadline, so that no test sleeps.
//! - [`history`] judges what was written and handled while all that failed.
//! - [`Scratch`] is a temporary directory.
//!
//! Everything a test binary starts ends with it, however it ends: dropped values clean up after
//! themselves, and a small shell process outlives the binary by a moment to kill and remove what a
//! static or a `kill -9` left behind.
//!
//! A server that is not installed is a failed test whose message holds the install command, never a
//! skipped one.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod clock;
mod disk;
mod dropped;
pub mod history;
mod janitor;
pub mod measure;
mod nats;
mod official;
mod pgbouncer;
mod port;
mod postgres;
mod process;
mod proxy;
mod python;
mod scratch;
mod signal;
mod target;
mod wait;

pub use clock::WallClock;
pub use disk::Disk;
pub use dropped::{Moment, dropped_after};
pub use nats::{Nats, NatsOptions};
pub use official::{Official, OfficialSchema};
pub use pgbouncer::PgBouncer;
pub use port::free_port;
pub use postgres::{Certificate, Postgres};
pub use process::{Launch, Process};
pub use proxy::Proxy;
pub use python::python;
pub use scratch::Scratch;
pub use signal::Signal;
pub use wait::{equal, eventually};
