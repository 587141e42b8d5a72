//! Entities and their repositories: one suite, run on a SQLite file, on SQLite in memory and on Postgres.

mod engines;
mod refusals;
mod vocabulary;

mod actors;
mod checks;
mod deletion;
mod drift;
mod emits;
mod errors;
mod foreign_keys;
mod indexes;
mod operations_at_random;
mod queries;
mod queries_at_random;
mod queries_json;
mod queries_locks;
mod queries_pages;
mod queries_parts;
mod queries_streams;
mod schemas;
mod tables;
mod upserts;
mod value_objects;
mod values;
mod values_lists;
mod writes;
