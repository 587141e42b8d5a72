//! The official schemas of the documents that the library makes.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

const ASYNCAPI: &str = include_str!("../schemas/asyncapi-3.0.0.json");

/// Documents against the official schemas of their formats.
#[derive(Debug)]
pub struct Official;

impl Official {
    /// What is wrong with an AsyncAPI 3.0 document, by the schema of the AsyncAPI Initiative.
    #[must_use]
    pub fn asyncapi(document: &Value) -> Vec<String> {
        static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
            let schema = serde_json::from_str(ASYNCAPI).expect("the file is JSON");
            jsonschema::validator_for(&schema).expect("the file is a JSON Schema")
        });
        mistakes(&SCHEMA, document)
    }

    /// What is wrong with a JSON Schema, by the meta-schema that it names in `$schema`.
    #[must_use]
    pub fn json_schema(schema: &Value) -> Vec<String> {
        match jsonschema::meta::validate(schema) {
            Ok(()) => Vec::new(),
            Err(error) => vec![format!("{}: {error}", error.instance_path())],
        }
    }

    /// What is wrong with a value, by a JSON Schema; formats count.
    ///
    /// # Panics
    /// When the schema is none.
    #[must_use]
    pub fn value(schema: &Value, value: &Value) -> Vec<String> {
        let schema = jsonschema::options().should_validate_formats(true).build(schema);
        mistakes(&schema.expect("the schema is valid"), value)
    }
}

fn mistakes(schema: &Validator, value: &Value) -> Vec<String> {
    schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
