//! What an event is outside of any service: reading, versions, and what happens to bad input.

mod bad_input;
mod corpus;
mod numbers;
#[path = "../../fuzz/probe.rs"]
mod probe;
#[cfg(feature = "sqlite")]
mod twin;
mod unknown_fields;
mod versions;
mod vocabulary;
