//! Entities and their repositories: one suite, run on a SQLite file, on SQLite in memory and on Postgres.

mod engines;
mod vocabulary;

mod deletion;
mod emits;
mod errors;
mod queries;
mod queries_json;
mod tables;
mod values;
mod writes;
