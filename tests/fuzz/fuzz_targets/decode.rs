//! Decodes, validates and unwraps whatever the fuzzer thinks of.
#![no_main]

#[path = "../probe.rs"]
mod probe;
#[path = "../../it/events/vocabulary.rs"]
#[allow(dead_code)] // the payloads are for the tests
mod vocabulary;

libfuzzer_sys::fuzz_target!(|data: &[u8]| probe::probe(data));
