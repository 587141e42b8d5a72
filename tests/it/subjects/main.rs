//! The matcher, the map of patterns and a NATS server are of one mind.
//!
//! Patterns and subjects are drawn at random out of a small alphabet, so that many match. When a test fails it says
//! its seed: `SUBJECTS_SEED=<seed> cargo test -p tests --test subjects` runs it again with the same texts.

mod generate;
mod map;
#[cfg(feature = "nats")]
mod server;
