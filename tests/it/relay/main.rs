//! From the outbox to the bus when things go wrong: servers that lose what they acknowledged, relays that die or freeze.

#![cfg_attr(not(all(feature = "sqlite", feature = "postgres")), allow(dead_code, unused_imports))]

mod batches;
mod child;
mod crashes;
#[cfg(feature = "sqlite")]
mod crossing;
mod ledger;
mod nudges;
mod surroundings;
mod vocabulary;
