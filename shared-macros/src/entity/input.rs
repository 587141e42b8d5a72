//! The item and its `#[entity(..)]` attributes, as written.

use darling::FromMeta;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Ident, LitStr, Meta, MetaList, Path, Token, Type};

use super::key::KeyOf;
use crate::attribute::{CratePath, Flag, Form, Keys, Value, crate_path, options, text};
use crate::diagnostics::Errors;

/// The raw model: nothing in it has been checked but the form of each value.
pub(crate) struct Input<'a> {
    pub(crate) item: &'a DeriveInput,
    pub(crate) krate: Path,
    pub(crate) options: Options,
    pub(crate) fields: Vec<(&'a Field, FieldOptions)>,
    /// Whether every key is one that there is. What seems to be missing may be there, misspelt.
    pub(crate) understood: Understood,
}

pub(crate) struct Understood {
    pub(crate) on_struct: bool,
    pub(crate) on_fields: bool,
}

/// The keys of `#[entity(..)]` on the struct.
#[derive(Default, FromMeta)]
pub(crate) struct Options {
    pub(crate) table: Option<Value<Name>>,
    #[darling(multiple)]
    pub(crate) unique: Vec<Value<KeyOf>>,
    #[darling(multiple)]
    pub(crate) index: Vec<Value<KeyOf>>,
    #[darling(multiple)]
    pub(crate) emits: Vec<Value<EmitList>>,
    pub(crate) unchecked: Option<Value<Flag>>,
    #[darling(rename = "crate")]
    krate: Option<Value<CratePath>>,
}

const KEYS: Keys<'_> = Keys {
    of: "entity",
    noun: "key",
    known: &["table", "unique", "index", "emits", "unchecked", "crate"],
    repeatable: &["unique", "index", "emits"],
};

/// The keys of `#[entity(..)]` on a field.
#[derive(Default, FromMeta)]
pub(crate) struct FieldOptions {
    pub(crate) id: Option<Value<Flag>>,
    pub(crate) given: Option<Value<Flag>>,
    pub(crate) version: Option<Value<Flag>>,
    pub(crate) created_at: Option<Value<Flag>>,
    pub(crate) updated_at: Option<Value<Flag>>,
    pub(crate) created_by: Option<Value<Flag>>,
    pub(crate) updated_by: Option<Value<Flag>>,
    pub(crate) deleted_at: Option<Value<Flag>>,
    pub(crate) skip: Option<Value<Flag>>,
    pub(crate) unique: Option<Value<Flag>>,
    pub(crate) index: Option<Value<Flag>>,
    pub(crate) references: Option<Value<Target>>,
    pub(crate) flatten: Option<Value<Parts>>,
    pub(crate) rename: Option<Value<Name>>,
}

const FIELD_KEYS: Keys<'_> = Keys::of(
    "entity",
    &[
        "id",
        "given",
        "version",
        "created_at",
        "updated_at",
        "created_by",
        "updated_by",
        "deleted_at",
        "references",
        "unique",
        "index",
        "flatten",
        "rename",
        "skip",
    ],
);

impl<'a> Input<'a> {
    pub(crate) fn read(item: &'a DeriveInput, errors: &mut Errors) -> Self {
        let start = errors.len();
        let entries = KEYS.in_attributes(&item.attrs, errors);
        let on_struct = errors.len() == start;
        let mut given: Options = options(&entries, errors);
        let krate = crate_path(given.krate.take(), errors);
        let fields = match &item.data {
            Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => data.fields.iter().collect(),
            _ => Vec::new(),
        };
        let start = errors.len();
        let fields = fields.into_iter().map(|field| (field, field_options(&field.attrs, errors))).collect();
        let on_fields = errors.len() == start;
        Self { item, krate, options: given, fields, understood: Understood { on_struct, on_fields } }
    }
}

fn field_options(attributes: &[Attribute], errors: &mut Errors) -> FieldOptions {
    let entries = FIELD_KEYS.in_attributes(attributes, errors);
    options(&entries, errors)
}

/// The name of a table, column or enum text.
pub(crate) struct Name(pub(crate) LitStr);

impl Form for Name {
    const TAKES: &'static str = "a string literal such as `\"appointments\"`";

    fn read(meta: &Meta) -> Option<Self> {
        text(meta).map(Self)
    }
}

/// `emits(created = AppointmentScheduled)`.
pub(crate) struct EmitList(pub(crate) MetaList);

impl Form for EmitList {
    const TAKES: &'static str = "what is done and the event that it emits, such as `(created = AppointmentScheduled)`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_list().ok().filter(|list| !list.tokens.is_empty()).cloned().map(Self)
    }
}

/// `references(Patient, on_delete = cascade)`.
pub(crate) struct Target {
    pub(crate) entity: Path,
    pub(crate) on_delete: Option<Ident>,
}

impl Form for Target {
    const TAKES: &'static str = "the entity whose id the field holds, such as `references(Patient)` or `references(Patient, on_delete = cascade)`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_list().ok()?.parse_args().ok()
    }
}

impl Parse for Target {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let entity = input.parse()?;
        if input.is_empty() {
            return Ok(Self { entity, on_delete: None });
        }
        input.parse::<Token![,]>()?;
        let key: Ident = input.parse()?;
        if key != "on_delete" {
            return Err(syn::Error::new(key.span(), "`on_delete`"));
        }
        input.parse::<Token![=]>()?;
        let on_delete = Some(input.parse()?);
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { entity, on_delete })
    }
}

/// `flatten(street: String, city: String)`.
pub(crate) struct Parts(pub(crate) Vec<(Ident, Type)>);

impl Form for Parts {
    const TAKES: &'static str =
        "the fields of the value and their types, such as `flatten(street: String, city: String)`";

    fn read(meta: &Meta) -> Option<Self> {
        let part = |input: ParseStream<'_>| {
            let name = input.parse()?;
            input.parse::<Token![:]>()?;
            Ok((name, input.parse()?))
        };
        let parts = |input: ParseStream<'_>| Punctuated::<(Ident, Type), Token![,]>::parse_terminated_with(input, part);
        let parts = parts.parse2(meta.require_list().ok()?.tokens.clone()).ok()?;
        (!parts.is_empty()).then(|| Self(parts.into_iter().collect()))
    }
}
