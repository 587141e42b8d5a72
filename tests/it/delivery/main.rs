//! The delivery contract, the same on every database and every bus.
//!
//! Each case runs in all [`surroundings`]: SQLite in memory, a SQLite file and Postgres, with the
//! in-process bus and with NATS.

// Each case is there whatever `shared` is built with; which of them run depends on it.
#![cfg_attr(not(all(feature = "sqlite", feature = "postgres", feature = "nats")), allow(dead_code, unused_imports))]

mod surroundings;

mod at_least_once;
mod batches;
#[cfg(all(feature = "sqlite", feature = "nats"))]
mod connecting;
mod context;
mod dead_letters;
mod duplicates;
mod foreign;
mod handlers;
mod malformed;
mod matching;
mod order;
mod outages;
mod publishing;
mod raw;
mod requests;
mod restart;
mod retention;
mod retries;
mod scheduling;
mod script;
mod shapes;
mod shutdown;
mod slow;
mod starting;
#[cfg(feature = "sqlite")]
mod testing;
mod topology;
mod vocabulary;
