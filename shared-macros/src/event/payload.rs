//! The payload of an event as serde writes and reads it: what the event's schema is made of.

use proc_macro2::TokenStream;
use syn::{Attribute, Field, FieldsNamed, Meta, Type};

use crate::attribute::{Form, Keys, Value, docs};
use crate::diagnostics::Errors;
use crate::wire::{self, Case, Names};

/// The struct and its fields, as they are in JSON.
pub(crate) struct Payload {
    pub(crate) docs: String,
    /// `#[serde(deny_unknown_fields)]`.
    pub(crate) closed: bool,
    /// `#[serde(tag = "…")]`, with the struct's name in JSON.
    pub(crate) tag: Option<(String, String)>,
    pub(crate) fields: Vec<PayloadField>,
}

/// One key of the payload, or what is flattened into it.
pub(crate) struct PayloadField {
    /// The key.
    pub(crate) name: String,
    /// The type whose schema is the field's.
    pub(crate) ty: Type,
    pub(crate) docs: String,
    /// It may be absent although its type is no `Option`.
    pub(crate) defaulted: bool,
    /// It must be there although its type is an `Option`: a function reads it.
    pub(crate) stated: bool,
    pub(crate) flattened: bool,
}

impl Payload {
    pub(crate) fn read(attributes: &[Attribute], ident: &str, fields: &FieldsNamed, errors: &mut Errors) -> Self {
        for key in ["transparent", "from", "try_from", "into", "remote"] {
            if let Some(place) = wire::place(attributes, key) {
                errors.report_at(
                    place,
                    format!("an event's fields are the keys of its payload, which `{key}` would replace\nhelp: convert to and from the event by hand, and leave `{key}` out"),
                );
            }
        }
        if let Some(place) = wire::differing(attributes, "rename_all") {
            errors.report_at(
                place,
                "the fields are written in one case and read in another: no subscriber could read what is published\nhelp: write `rename_all = \"camelCase\"`, one case for both",
            );
        }
        if let (true, Some(place)) = (wire::has(attributes, "deny_unknown_fields"), wire::place(attributes, "tag")) {
            errors.report_at(
                place,
                "with `deny_unknown_fields` serde refuses the key that `tag` has written\nhelp: leave `tag` out (the event type's name is in a header of every message), or `deny_unknown_fields`",
            );
        }
        let case = Case::of(attributes);
        let defaulted = wire::has(attributes, "default");
        let tag = wire::text(attributes, "tag")
            .map(|tag| (tag, wire::text(attributes, "rename").unwrap_or_else(|| ident.to_owned())));
        Self {
            docs: docs(attributes),
            closed: wire::has(attributes, "deny_unknown_fields"),
            tag,
            fields: fields.named.iter().filter_map(|field| read_field(field, case, defaulted, errors)).collect(),
        }
    }
}

fn read_field(field: &Field, case: Case, all_defaulted: bool, errors: &mut Errors) -> Option<PayloadField> {
    let given = json_type(field, errors);
    if wire::has(&field.attrs, "skip") {
        return None;
    }
    let name = match wire::names(field, case) {
        Names::Same(name) => name,
        Names::Differ { written, read, at } => {
            errors.report_at(
                at,
                format!("this field is written as `{written}` and read as `{read}`: no subscriber could read what is published\nhelp: write `rename = \"{read}\"`"),
            );
            read
        }
    };
    if given.is_none()
        && let Some(at) =
            ["with", "serialize_with", "deserialize_with"].into_iter().find_map(|key| wire::place(&field.attrs, key))
    {
        errors.report_at(
            at,
            "a function writes or reads this field, so its form in JSON is not known\nhelp: name a type that has the same form: `#[event(json(String))]`",
        );
    }
    let has = |key| wire::has(&field.attrs, key);
    let defaulted = all_defaulted || has("default") || has("skip_deserializing");
    let by_function = has("with") || has("deserialize_with");
    // only what is an `Option` to the macro can be absent without a default
    if !defaulted && (by_function || !is_option(&field.ty)) {
        refuse_absence(field, errors);
    }
    Some(PayloadField {
        name,
        ty: given.unwrap_or_else(|| field.ty.clone()),
        docs: docs(&field.attrs),
        defaulted,
        stated: by_function,
        flattened: wire::has(&field.attrs, "flatten"),
    })
}

fn is_option(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Option"))
}

/// What is not always written must not be asked for by whoever reads.
fn refuse_absence(field: &Field, errors: &mut Errors) {
    let place = ["skip_serializing_if", "skip_serializing"].into_iter().find_map(|key| wire::place(&field.attrs, key));
    if let Some(place) = place {
        errors.report_at(
            place,
            "this field can be absent from what is published, and no subscriber could read that\nhelp: add `default`, which stands for an absent field: `#[serde(default, …)]`",
        );
    }
}

/// `json(..)`: a type with the same form in JSON.
struct JsonType(Type);

impl Form for JsonType {
    const TAKES: &'static str = "a type that has the same form in JSON, such as `json(String)`";

    fn read(meta: &Meta) -> Option<Self> {
        syn::parse2(meta.require_list().ok()?.tokens.clone()).ok().map(Self)
    }
}

#[derive(Default, darling::FromMeta)]
struct FieldOptions {
    json: Option<Value<JsonType>>,
}

fn json_type(field: &Field, errors: &mut Errors) -> Option<Type> {
    let mut given = None;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("event")) {
        let tokens = match &attribute.meta {
            Meta::List(list) => list.tokens.clone(),
            _ => TokenStream::new(),
        };
        if tokens.clone().into_iter().next().is_none_or(|first| first.to_string() != "json") {
            errors.report(
                attribute,
                "`#[event(..)]` belongs on the struct, not on a field; a field takes only `#[event(json(..))]`",
            );
            continue;
        }
        let entries = Keys::of("event", &["json"]).in_list(tokens, errors);
        let options: FieldOptions = crate::attribute::options(&entries, errors);
        given = options.json.and_then(|value| value.take(errors)).map(|JsonType(ty)| ty).or(given);
    }
    given
}

#[cfg(test)]
mod tests {
    use syn::{ItemStruct, parse_quote};

    use super::*;

    fn read(item: &ItemStruct) -> (Payload, Vec<String>) {
        let syn::Fields::Named(fields) = &item.fields else { panic!("the fields have names") };
        let mut errors = Errors::new();
        let payload = Payload::read(&item.attrs, &item.ident.to_string(), fields, &mut errors);
        (payload, errors.messages())
    }

    #[test]
    fn serde_decides_what_is_in_the_payload() {
        let (payload, messages) = read(&parse_quote! {
            /// An appointment
            /// was booked.
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            struct Booked {
                /// Whose.
                patient_id: Uuid,
                #[serde(default)] note: String,
                #[serde(skip)] cache: Cache,
                #[serde(flatten)] rest: Map<String, Value>,
                #[serde(with = "hex")] #[event(json(String))] digest: [u8; 32],
            }
        });
        assert_eq!(messages, [""; 0]);
        assert_eq!((payload.docs.as_str(), payload.closed), ("An appointment\nwas booked.", true));
        assert_eq!(payload.tag, None);
        let fields: Vec<_> = payload
            .fields
            .iter()
            .map(|field| (field.name.as_str(), field.docs.as_str(), field.defaulted, field.flattened))
            .collect();
        assert_eq!(
            fields,
            [
                ("patientId", "Whose.", false, false),
                ("note", "", true, false),
                ("rest", "", false, true),
                ("digest", "", false, false),
            ]
        );
        assert_eq!(payload.fields[3].ty, parse_quote!(String));
    }

    #[test]
    fn a_tag_is_the_name_of_the_struct() {
        let (payload, messages) = read(&parse_quote! {
            #[serde(tag = "kind")]
            struct Booked { id: Uuid }
        });
        assert_eq!((payload.tag, messages), (Some(("kind".into(), "Booked".into())), vec![]));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let (_, messages) = read(&parse_quote! {
            #[serde(rename_all(serialize = "camelCase"), deny_unknown_fields, tag = "kind")]
            struct Booked {
                #[serde(skip_serializing_if = "Vec::is_empty")] notes: Vec<String>,
                #[serde(skip_serializing)] code: u8,
                #[serde(skip_serializing_if = "Option::is_none")] note: Option<String>,
                #[serde(default, skip_serializing_if = "Vec::is_empty")] others: Vec<String>,
                #[serde(skip_deserializing)] made: u8,
                #[serde(with = "hex", skip_serializing_if = "Option::is_none")]
                #[event(json(Option<String>))]
                digest: Option<[u8; 32]>,
            }
        });
        assert_eq!(messages.len(), 5, "{messages:#?}");
    }

    #[test]
    fn a_payload_of_unknown_form_is_refused() {
        let (_, messages) = read(&parse_quote! {
            #[serde(transparent)]
            struct Booked {
                #[serde(with = "hex")] digest: [u8; 32],
                #[serde(rename(serialize = "a", deserialize = "b"))] c: u8,
                #[event(key)] d: u8,
                #[event(json = String)] e: u8,
            }
        });
        assert_eq!(messages.len(), 5, "{messages:#?}");
    }
}
