//! The contract of an event type, as its declaration says it: what `schema` makes documents of.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::validate::FieldRules;

/// What the payload of an event type looks like.
///
/// ```
/// use shared::prelude::*;
///
/// /// An appointment was booked.
/// #[derive(Serialize, Deserialize, Event)]
/// #[event(subject = "appointment.booked", key = patient_id)]
/// pub struct AppointmentBooked {
///     /// Whose appointment it is.
///     pub patient_id: Uuid,
///     pub reason: Option<Phi<String>>,
/// }
///
/// const SCHEMA: &shared::event::EventSchema = AppointmentBooked::SCHEMA;
/// assert_eq!((SCHEMA.docs, SCHEMA.key), ("An appointment was booked.", Some("patient_id")));
/// assert_eq!(SCHEMA.fields[0].docs, "Whose appointment it is.");
/// assert_eq!((SCHEMA.fields[1].name, SCHEMA.fields[1].rust()), ("reason", "Option<Phi<String>>".to_owned()));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct EventSchema {
    /// The declaration's documentation.
    pub docs: &'static str,
    /// The field that is the ordering key, by its name in JSON.
    pub key: Option<&'static str>,
    /// The fields in the subject's slots, from left to right, by their names in JSON.
    pub slots: &'static [&'static str],
    /// Whether fields that it does not know are refused (`#[serde(deny_unknown_fields)]`).
    pub closed: bool,
    /// `#[serde(tag = "…")]`: a key that always holds this text.
    pub tag: Option<(&'static str, &'static str)>,
    /// The payload's keys.
    pub fields: &'static [FieldSchema],
    /// What is valid in them.
    pub rules: &'static [FieldRules],
}

impl EventSchema {
    /// A payload of these fields.
    #[must_use]
    pub const fn new(fields: &'static [FieldSchema]) -> Self {
        Self { docs: "", key: None, slots: &[], closed: false, tag: None, fields, rules: &[] }
    }

    /// With this documentation.
    #[must_use]
    pub const fn docs(self, docs: &'static str) -> Self {
        Self { docs, ..self }
    }

    /// With these rules, by the fields' names in JSON.
    #[must_use]
    pub const fn rules(self, rules: &'static [FieldRules]) -> Self {
        Self { rules, ..self }
    }

    /// With this field as the ordering key.
    #[must_use]
    pub const fn key(self, field: &'static str) -> Self {
        Self { key: Some(field), ..self }
    }

    /// With these fields in the subject's slots.
    #[must_use]
    pub const fn slots(self, fields: &'static [&'static str]) -> Self {
        Self { slots: fields, ..self }
    }

    /// Refuses fields that it does not know.
    #[must_use]
    pub const fn closed(self) -> Self {
        Self { closed: true, ..self }
    }

    /// With a key that always holds this text.
    #[must_use]
    pub const fn tagged(self, key: &'static str, text: &'static str) -> Self {
        Self { tag: Some((key, text)), ..self }
    }
}

/// One key of a payload.
#[derive(Debug, Clone, Copy)]
pub struct FieldSchema {
    /// The key.
    pub name: &'static str,
    /// The field's documentation.
    pub docs: &'static str,
    /// Whether it may be absent although its type is no `Option`.
    pub defaulted: bool,
    /// Whether it must be there although its type is an `Option`: a function reads it.
    pub stated: bool,
    /// Whether its own fields stand in its place (`#[serde(flatten)]`).
    pub flattened: bool,
    ty: FieldType,
}

impl FieldSchema {
    /// A field of this type.
    #[must_use]
    pub const fn new(name: &'static str, ty: FieldType) -> Self {
        Self { name, docs: "", defaulted: false, stated: false, flattened: false, ty }
    }

    /// With this documentation.
    #[must_use]
    pub const fn docs(self, docs: &'static str) -> Self {
        Self { docs, ..self }
    }

    /// One that may be absent.
    #[must_use]
    pub const fn defaulted(self) -> Self {
        Self { defaulted: true, ..self }
    }

    /// One that must be there, even if it is `null`.
    #[must_use]
    pub const fn stated(self) -> Self {
        Self { stated: true, ..self }
    }

    /// One whose own fields stand in its place.
    #[must_use]
    pub const fn flattened(self) -> Self {
        Self { flattened: true, ..self }
    }

    /// The Rust type, without the modules that its names are in.
    #[must_use]
    pub fn rust(&self) -> String {
        let mut short = String::new();
        for c in (self.ty.name)().chars() {
            if c == ':' {
                let start = short.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |mark| mark + 1);
                short.truncate(start);
            } else {
                short.push(c);
            }
        }
        short
    }

    /// Whether the type is an `Option`, also by another name.
    pub(crate) fn is_option(&self) -> bool {
        (self.ty.name)().starts_with("core::option::Option<")
    }

    /// The JSON Schema of the field's type. Named types end up among the generator's definitions.
    pub fn json_schema(&self, generator: &mut SchemaGenerator) -> Schema {
        (self.ty.schema)(generator)
    }
}

/// What a field's values look like in JSON.
#[derive(Clone, Copy)]
pub struct FieldType {
    name: fn() -> &'static str,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl FieldType {
    /// That of a type with a JSON Schema.
    #[must_use]
    pub const fn of<T: JsonSchema>() -> Self {
        Self { name: std::any::type_name::<T>, schema: SchemaGenerator::subschema_for::<T> }
    }
}

impl fmt::Debug for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FieldType")
    }
}
