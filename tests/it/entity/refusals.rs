//! What the refusal of a write names.

use shared::Error;
use shared::error::ErrorKind;

/// Its kind, the entity and the fields.
pub fn named<T: std::fmt::Debug>(result: Result<T, Error>) -> (ErrorKind, String, Vec<String>) {
    let error = result.unwrap_err();
    let kind = error.kind();
    match error {
        Error::Unique { entity, fields }
        | Error::ForeignKey { entity, fields }
        | Error::Check { entity, fields, .. } => (kind, entity.into_owned(), fields),
        other => panic!("{other:?}"),
    }
}

/// That.
pub fn is(kind: ErrorKind, entity: &str, fields: &[&str]) -> (ErrorKind, String, Vec<String>) {
    (kind, entity.to_owned(), fields.iter().map(|field| (*field).to_owned()).collect())
}
