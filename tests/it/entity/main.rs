//! Entities and their repositories: one suite, run on a SQLite file, on SQLite in memory and on Postgres.

mod engines;
mod vocabulary;

mod actors;
mod deletion;
mod emits;
mod errors;
mod indexes;
mod queries;
mod queries_json;
mod tables;
mod upserts;
mod values;
mod writes;
