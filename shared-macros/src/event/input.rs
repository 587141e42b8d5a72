//! The item and its `#[event(..)]` attributes, as written.

use darling::FromMeta;
use syn::{DeriveInput, Ident, LitStr, Meta, MetaList, Path};

use crate::attribute::{Count, CratePath, Form, Keys, Value, crate_path, options, path, text};
use crate::diagnostics::Errors;

/// The raw model: nothing in it has been checked but the form of each value.
pub(crate) struct Input<'a> {
    pub(crate) item: &'a DeriveInput,
    pub(crate) krate: Path,
    pub(crate) options: Options,
    /// Whether every key was understood: otherwise a missing one may be there, misspelt.
    pub(crate) understood: bool,
}

/// The keys of `#[event(..)]`, of structs and of enums.
#[derive(Default, FromMeta)]
pub(crate) struct Options {
    pub(crate) subject: Option<Value<Subject>>,
    pub(crate) key: Option<Value<FieldName>>,
    pub(crate) version: Option<Value<Count>>,
    pub(crate) upcast: Option<Value<UpcastList>>,
    #[darling(rename = "type")]
    pub(crate) event_type: Option<Value<TypeName>>,
    pub(crate) domain: Option<Value<Domain>>,
    pub(crate) subset_of: Option<Value<Whole>>,
    #[darling(rename = "crate")]
    krate: Option<Value<CratePath>>,
}

/// The options of `upcast(..)`.
#[derive(Default, FromMeta)]
pub(crate) struct UpcastOptions {
    pub(crate) from: Option<Value<Older>>,
}

const KEYS: Keys<'_> =
    Keys::of("event", &["subject", "key", "version", "upcast", "type", "domain", "subset_of", "crate"]);

impl<'a> Input<'a> {
    pub(crate) fn read(item: &'a DeriveInput, errors: &mut Errors) -> Self {
        let entries = KEYS.in_attributes(&item.attrs, errors);
        let understood = errors.len() == 0;
        let mut options: Options = options(&entries, errors);
        let krate = crate_path(options.krate.take(), errors);
        Self { item, krate, options, understood }
    }
}

pub(crate) struct Subject(pub(crate) LitStr);

impl Form for Subject {
    const TAKES: &'static str = "a string literal such as `\"appointment.booked\"`";

    fn read(meta: &Meta) -> Option<Self> {
        text(meta).map(Self)
    }
}

pub(crate) struct TypeName(pub(crate) LitStr);

impl Form for TypeName {
    const TAKES: &'static str = "a string literal such as `\"appointment.booked\"`";

    fn read(meta: &Meta) -> Option<Self> {
        text(meta).map(Self)
    }
}

pub(crate) struct Domain(pub(crate) LitStr);

impl Form for Domain {
    const TAKES: &'static str = "a string literal such as `\"appointment\"`";

    fn read(meta: &Meta) -> Option<Self> {
        text(meta).map(Self)
    }
}

pub(crate) struct FieldName(pub(crate) Ident);

impl Form for FieldName {
    const TAKES: &'static str = "the name of a field, such as `appointment_id`";

    fn read(meta: &Meta) -> Option<Self> {
        path(meta)?.get_ident().cloned().map(Self)
    }
}

/// `upcast(..)`.
pub(crate) struct UpcastList(pub(crate) MetaList);

impl Form for UpcastList {
    const TAKES: &'static str = "the older version, such as `upcast(from = AppointmentBookedV1)`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_list().ok().cloned().map(Self)
    }
}

pub(crate) struct Older(pub(crate) Path);

impl Form for Older {
    const TAKES: &'static str = "the event that the older version was, such as `AppointmentBookedV1`";

    fn read(meta: &Meta) -> Option<Self> {
        path(meta).map(Self)
    }
}

pub(crate) struct Whole(pub(crate) Path);

impl Form for Whole {
    const TAKES: &'static str = "the enum of the whole domain, such as `AppointmentEvent`";

    fn read(meta: &Meta) -> Option<Self> {
        path(meta).map(Self)
    }
}
