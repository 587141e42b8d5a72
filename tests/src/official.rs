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
        Self::schema(schema).mistakes(value)
    }

    /// A JSON Schema that is asked about many values.
    ///
    /// # Panics
    /// When the schema is none.
    #[must_use]
    pub fn schema(schema: &Value) -> OfficialSchema {
        let schema = jsonschema::options().should_validate_formats(true).build(schema);
        OfficialSchema(schema.expect("the schema is valid"))
    }
}

/// See [`Official::schema`].
#[derive(Debug)]
pub struct OfficialSchema(Validator);

impl OfficialSchema {
    /// What is wrong with a value; formats count.
    #[must_use]
    pub fn mistakes(&self, value: &Value) -> Vec<String> {
        mistakes(&self.0, value)
    }
}

fn mistakes(schema: &Validator, value: &Value) -> Vec<String> {
    schema.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}
