//! Services in Rust and programs in Python on one NATS server: the CloudEvents SDK for Python reads what the library
//! writes and writes what the library reads, and a service of nats-py and pydantic goes on as it is.

mod from_python;
mod old_service;
mod surroundings;
mod to_python;
