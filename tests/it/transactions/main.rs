//! Transactions: rows and events together or neither, and a clean pool whatever happens.
//!
//! Each case runs on SQLite in memory, on a SQLite file and on Postgres.

// Each case is there whatever `shared` is built with; which of them run depends on it.
#![cfg_attr(not(all(feature = "sqlite", feature = "postgres")), allow(dead_code, unused_imports))]

mod surroundings;

mod after_commit;
mod dropped;
#[cfg(feature = "postgres")]
mod encrypted;
mod ending;
mod failed;
mod migrations;
mod nested;
mod options;
#[cfg(feature = "postgres")]
mod pgbouncer;
#[cfg(feature = "postgres")]
mod ready;
#[cfg(feature = "postgres")]
mod silence;
mod spawned;
mod statements;
mod tables;
mod waiting;
