//! The clinic as its users run it: real processes, real servers, real kills.

mod clinic;
mod configuration;
mod embedded;
mod http;
mod input;
mod leaks;
mod processes;
mod questions;
