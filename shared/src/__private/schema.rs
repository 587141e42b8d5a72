//! For the schemas of events.

use schemars::JsonSchema;

pub use crate::event::{EventSchema, FieldSchema, FieldType};

/// A field of an event: a type whose form in JSON is known.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema, so nobody could know what an event with it looks like",
    label = "does not implement `JsonSchema`",
    note = "derive it for each type of yours in it, along with serde's traits: `#[derive(Serialize, Deserialize, JsonSchema)]`",
    note = "a type of somebody else's is described by one of the same form: `#[event(json(String))]`"
)]
pub trait Typed {
    const TYPE: FieldType;
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> Typed for T {
    const TYPE: FieldType = FieldType::of::<T>();
}
