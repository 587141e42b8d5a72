//! From what was written to a model that can be expanded without failing.

use proc_macro2::Span;
use syn::{Data, DataEnum, DeriveInput, Fields, FieldsNamed, Ident, LitStr, Path, Type, Variant};

use super::closed::is_closed;
use super::input::{Domain, FieldName, Input, Older, Options, Subject, TypeName, UpcastList, UpcastOptions, Whole};
use super::payload::Payload;
use crate::attribute::{self, Keys, Value, plain_name};
use crate::diagnostics::{Errors, caret, did_you_mean};
use crate::subject::{Grammar, Token, parse};
use crate::validate::{Rule, ValidatedField, rules_of_struct};

/// The checked model.
pub(crate) enum Model {
    Event(Box<EventModel>),
    Domain(DomainModel),
}

/// One event type.
pub(crate) struct EventModel {
    pub(crate) ident: Ident,
    pub(crate) subject: LitStr,
    pub(crate) slots: Slots,
    pub(crate) event_type: String,
    pub(crate) version: u32,
    /// The type of the next older version.
    pub(crate) upcast: Option<Path>,
    pub(crate) key: Option<FieldRef>,
    pub(crate) fields: Vec<ValidatedField>,
    /// Whether nothing is kept under keys that it does not know.
    pub(crate) closed: bool,
    pub(crate) payload: Payload,
    /// The rules of the struct itself.
    pub(crate) whole: Vec<Rule>,
}

/// The fields that a subject is completed with.
pub(crate) struct Slots {
    /// The subject as a format string.
    pub(crate) format: String,
    /// In the order of the subject; none when the subject is a constant.
    pub(crate) fields: Vec<FieldRef>,
}

/// A field that subject or key is made of.
pub(crate) struct FieldRef {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
}

/// A closed set of events.
pub(crate) struct DomainModel {
    pub(crate) ident: Ident,
    pub(crate) domain: LitStr,
    pub(crate) subset_of: Option<Path>,
    pub(crate) members: Vec<Member>,
}

/// A variant and the event that it wraps.
pub(crate) struct Member {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
}

const NEEDS_SUBJECT: &str =
    "`#[derive(Event)]` needs a subject\nhelp: add `#[event(subject = \"appointment.booked\")]`";
const NEEDS_DOMAIN: &str =
    "`#[derive(Event)]` on an enum needs its domain\nhelp: add `#[event(domain = \"appointment\")]`";
const NEEDS_FIELDS: &str = "an event is a struct with named fields: their names are the keys of the payload";
const NO_GENERICS: &str =
    "an event has no generics: one subject means one payload type\nhelp: write a struct for each payload";
const WRAPS_ONE: &str = "each variant of a domain wraps one event: `Scheduled(AppointmentScheduled)`";

pub(crate) fn check(input: Input<'_>, errors: &mut Errors) -> Option<Model> {
    let Input { item, options, understood, .. } = input;
    if let Some(first) = item.generics.params.first() {
        errors.report(first, NO_GENERICS);
    }
    let of_struct = matches!(&item.data, Data::Struct(data) if matches!(data.fields, Fields::Named(_)));
    if let Some(attribute) = item.attrs.iter().find(|attribute| !of_struct && attribute.path().is_ident("validate")) {
        errors.report(attribute, "`#[validate(..)]` belongs on an event and its fields");
    }
    match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Unit => {
                errors.report(&item.ident, format!("{NEEDS_FIELDS}\nhelp: write `struct {} {{}}`", item.ident));
                None
            }
            Fields::Named(fields) => {
                event(item, fields, options, understood, errors).map(|model| Model::Event(Box::new(model)))
            }
            _ => {
                errors.report(&item.ident, NEEDS_FIELDS);
                None
            }
        },
        Data::Enum(data) => domain(item, data, options, understood, errors).map(Model::Domain),
        Data::Union(_) => {
            errors.report(&item.ident, NEEDS_FIELDS);
            None
        }
    }
}

fn refuse<T>(value: Option<&Value<T>>, message: &str, errors: &mut Errors) {
    if let Some(value) = value {
        errors.report_at(value.key(), message);
    }
}

fn event(
    item: &DeriveInput,
    fields: &FieldsNamed,
    options: Options,
    understood: bool,
    errors: &mut Errors,
) -> Option<EventModel> {
    refuse(
        options.domain.as_ref(),
        "`domain` is for enums: an event belongs to the domain its subject starts with\nhelp: write `subject = \"appointment.booked\"`",
        errors,
    );
    refuse(options.subset_of.as_ref(), "`subset_of` is for enums: an event is no set", errors);

    // whoever gave a domain took the struct for an enum, which has been said
    if options.subject.is_none() && options.domain.is_none() && understood {
        errors.report(&item.ident, NEEDS_SUBJECT);
    }
    let subject = options.subject.and_then(|value| value.take(errors)).and_then(|Subject(text)| {
        let tokens = parse(&text.value(), Grammar::Subject).map_err(|mistake| errors.report(&text, mistake)).ok()?;
        Some((text, tokens))
    });
    let type_given = options.event_type.is_some();
    let event_type = options.event_type.and_then(|value| value.take(errors)).and_then(|name| type_name(&name, errors));
    let version = match options.version.map(|value| value.take(errors)) {
        Some(Some(count)) if count.value == 0 => {
            errors.report_at(count.span, "`version` starts at 1");
            None
        }
        Some(given) => given.map(|count| count.value),
        None => Some(1),
    };
    let upcast = options.upcast.map(|value| value.take(errors).and_then(|list| upcast(&item.ident, &list, errors)));
    let key = options.key.map(|value| value.take(errors).and_then(|FieldName(name)| key(&name, fields, errors)));
    let slots = subject.as_ref().and_then(|(text, tokens)| slots(text, tokens, fields, errors));
    let derived =
        subject.as_ref().filter(|_| !type_given).and_then(|(text, tokens)| derived_type(text, tokens, errors));

    let payload = Payload::read(&item.attrs, &plain_name(&item.ident), fields, errors);
    let whole = rules_of_struct(&item.attrs, errors);
    let validated = ValidatedField::of_struct(&item.attrs, &Fields::Named(fields.clone()), errors);
    Some(EventModel {
        ident: item.ident.clone(),
        subject: subject?.0,
        slots: slots?,
        event_type: event_type.or(derived)?,
        version: version?,
        upcast: match upcast {
            Some(older) => Some(older?),
            None => None,
        },
        key: match key {
            Some(found) => Some(found?),
            None => None,
        },
        fields: validated,
        closed: is_closed(fields),
        payload,
        whole,
    })
}

fn upcast(ident: &Ident, UpcastList(list): &UpcastList, errors: &mut Errors) -> Option<Path> {
    let before = errors.len();
    let entries = Keys::of("upcast", &["from"]).in_list(list.tokens.clone(), errors);
    let options: UpcastOptions = attribute::options(&entries, errors);
    if options.from.is_none() && errors.len() == before {
        errors.report(list, "`upcast` needs the older version\nhelp: write `upcast(from = AppointmentBookedV1)`");
    }
    let Older(path) = options.from?.take(errors)?;
    if path.is_ident(ident) {
        errors.report(&path, "an older version is a type of its own: this one is the newer\nhelp: keep the fields as they were in a struct such as `AppointmentBookedV1`");
        return None;
    }
    Some(path)
}

/// An event type's name travels in a header and in dead letters: visible ASCII without blanks.
fn type_name(TypeName(name): &TypeName, errors: &mut Errors) -> Option<String> {
    let text = name.value();
    if text.is_empty() {
        errors.report(name, "the event type's name is empty");
        return None;
    }
    if let Some((at, bad)) = text.char_indices().find(|(_, c)| !c.is_ascii_graphic()) {
        let place = caret(&text, at..at + bad.len_utf8());
        errors.report(name, format!("an event type's name is of visible ASCII characters without blanks{place}"));
        return None;
    }
    Some(text)
}

/// The literal tokens of the subject.
fn derived_type(text: &LitStr, tokens: &[Token], errors: &mut Errors) -> Option<String> {
    let literals: Vec<&str> = tokens
        .iter()
        .filter_map(|token| match token {
            Token::Literal(text) => Some(text.as_str()),
            Token::Slot { .. } => None,
        })
        .collect();
    let name = literals.join(".");
    if !name.chars().all(|c| c.is_ascii_graphic()) {
        errors.report(
            text,
            "the event type's name is taken from the subject, and it is of visible ASCII characters\nhelp: name the type: `type = \"appointment.booked\"`",
        );
        return None;
    }
    Some(name)
}

fn key(name: &Ident, fields: &FieldsNamed, errors: &mut Errors) -> Option<FieldRef> {
    let found = find(&plain_name(name), fields);
    if found.is_none() {
        let hint = suggestion(&plain_name(name), fields);
        errors.report(name, format!("the ordering key `{}` names no field{hint}", plain_name(name)));
    }
    found
}

fn slots(text: &LitStr, tokens: &[Token], fields: &FieldsNamed, errors: &mut Errors) -> Option<Slots> {
    let mut format = Vec::new();
    let mut found = Vec::new();
    let mut complete = true;
    for token in tokens {
        match token {
            Token::Literal(literal) => format.push(literal.as_str()),
            Token::Slot { field, at } => {
                format.push("{}");
                match find(field, fields) {
                    Some(reference) => found.push(reference),
                    None => {
                        complete = false;
                        let hint = suggestion(field, fields);
                        let place = caret(&text.value(), at.clone());
                        errors
                            .report(text, format!("subject slot `{{{field}}}` has no field of that name{hint}{place}"));
                    }
                }
            }
        }
    }
    complete.then(|| Slots { format: format.join("."), fields: found })
}

fn find(name: &str, fields: &FieldsNamed) -> Option<FieldRef> {
    fields.named.iter().find_map(|field| {
        let ident = field.ident.clone()?;
        (plain_name(&ident) == name).then(|| FieldRef { ident, ty: field.ty.clone() })
    })
}

fn suggestion(name: &str, fields: &FieldsNamed) -> String {
    let names: Vec<String> = fields.named.iter().filter_map(|field| field.ident.as_ref().map(plain_name)).collect();
    did_you_mean(name, names.iter().map(String::as_str))
}

fn domain(
    item: &DeriveInput,
    data: &DataEnum,
    options: Options,
    understood: bool,
    errors: &mut Errors,
) -> Option<DomainModel> {
    const OF_STRUCTS: &str = "is for structs: an enum is a domain of events, and each of them has its own\nhelp: write `domain = \"appointment\"`";
    let mut of_structs = |key: Option<Span>, name: &str| {
        if let Some(key) = key {
            errors.report_at(key, format!("`{name}` {OF_STRUCTS}"));
        }
    };
    of_structs(options.subject.as_ref().map(Value::key), "subject");
    of_structs(options.key.as_ref().map(Value::key), "key");
    of_structs(options.version.as_ref().map(Value::key), "version");
    of_structs(options.upcast.as_ref().map(Value::key), "upcast");
    of_structs(options.event_type.as_ref().map(Value::key), "type");

    // whoever gave a subject took the enum for an event, which has been said
    if options.domain.is_none() && options.subject.is_none() && understood {
        errors.report(&item.ident, NEEDS_DOMAIN);
    }
    let domain = options.domain.and_then(|value| value.take(errors)).and_then(|Domain(text)| {
        parse(&text.value(), Grammar::Domain).map_err(|mistake| errors.report(&text, mistake)).ok()?;
        Some(text)
    });
    let subset_of = options.subset_of.map(|value| value.take(errors));
    if data.variants.is_empty() {
        errors.report(
            &item.ident,
            "a domain has at least one event\nhelp: add a variant: `Scheduled(AppointmentScheduled)`",
        );
    }
    let members = members(data, errors);
    Some(DomainModel {
        ident: item.ident.clone(),
        domain: domain?,
        subset_of: match subset_of {
            Some(whole) => Some(whole.map(|Whole(path)| path)?),
            None => None,
        },
        members,
    })
}

fn members(data: &DataEnum, errors: &mut Errors) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for variant in &data.variants {
        let Some(member) = member(variant, errors) else { continue };
        if let Some(first) = members.iter().find(|other| other.ty == member.ty) {
            errors.report(
                &member.ty,
                format!("`{}` wraps the same event as `{}`; remove one", member.ident, first.ident),
            );
        }
        members.push(member);
    }
    members
}

fn member(variant: &Variant, errors: &mut Errors) -> Option<Member> {
    for attribute in variant.attrs.iter().chain(variant.fields.iter().flat_map(|field| &field.attrs)) {
        if attribute.path().is_ident("event") {
            errors.report(attribute, "`#[event(..)]` belongs on the enum, not on a variant");
        }
        if attribute.path().is_ident("validate") {
            errors.report(attribute, "`#[validate(..)]` belongs on a field of the event");
        }
    }
    match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            fields.unnamed.first().map(|field| Member { ident: variant.ident.clone(), ty: field.ty.clone() })
        }
        _ => {
            errors.report_at(variant.ident.span(), WRAPS_ONE);
            None
        }
    }
}
