//! `emits(created = AppointmentScheduled, updated(AppointmentCancelled, when = is_cancelled))`.

use darling::FromMeta;
use darling::ast::NestedMeta;
use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Ident, Meta, Path, Token};

use super::check::{Model, OnDelete, Role};
use super::input::EmitList;
use crate::attribute::{Form, Keys, Value, path};
use crate::diagnostics::Errors;
use crate::spans::{generated, projected};

/// One event and what it is emitted on.
pub(crate) struct Emit {
    /// `created`, `updated`, `deleted` or `restored`, as it was written.
    pub(crate) on: Ident,
    event: Path,
    when: Option<Path>,
}

const CHANGES: Keys<'_> = {
    const NAMES: &[&str] = &["created", "updated", "deleted", "restored"];
    Keys { of: "emits", noun: "key", known: NAMES, repeatable: NAMES }
};

struct Event {
    event: Path,
    when: Option<Path>,
}

impl Form for Event {
    const TAKES: &'static str = "an event, such as `created = AppointmentScheduled`, or with a condition `updated(AppointmentCancelled, when = Appointment::is_cancelled)`";

    fn read(meta: &Meta) -> Option<Self> {
        match meta {
            Meta::List(list) => list.parse_args().ok(),
            _ => path(meta).map(|event| Self { event, when: None }),
        }
    }
}

impl Parse for Event {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let event = input.parse()?;
        if input.is_empty() {
            return Ok(Self { event, when: None });
        }
        input.parse::<Token![,]>()?;
        let key: Ident = input.parse()?;
        if key != "when" {
            return Err(syn::Error::new(key.span(), "`when`"));
        }
        input.parse::<Token![=]>()?;
        let when = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { event, when: Some(when) })
    }
}

pub(super) fn read(given: Vec<Value<EmitList>>, errors: &mut Errors) -> Vec<Emit> {
    let mut emits: Vec<Emit> = Vec::new();
    for value in given {
        let Some(EmitList(list)) = value.take(errors) else { continue };
        for entry in CHANGES.in_list(list.tokens, errors) {
            let NestedMeta::Meta(meta) = entry else { continue };
            let (Some(on), Some(value)) =
                (meta.path().get_ident().cloned(), errors.take(<Value<Event> as FromMeta>::from_meta(&meta)))
            else {
                continue;
            };
            let Some(Event { event, when }) = value.take(errors) else { continue };
            let same = |emit: &Emit| {
                emit.on == on && emit.event.to_token_stream().to_string() == event.to_token_stream().to_string()
            };
            if when.is_none() && emits.iter().any(|emit| same(emit) && emit.when.is_none()) {
                errors.report(&event, format!("this event is emitted on `{on}` already; remove one of the two"));
                continue;
            }
            emits.push(Emit { on, event, when });
        }
    }
    emits
}

/// What only a row with some column has happen to it.
pub(super) fn check(model: &Model, errors: &mut Errors) {
    for emit in &model.emits {
        if emit.on == "restored" && model.with(Role::DeletedAt).is_none() {
            errors.report(
                &emit.on,
                format!(
                    "`{}` has no `deleted_at`, so its rows are deleted for good and never restored\nhelp: remove `restored`, or add `#[entity(deleted_at)] deleted_at: Option<DateTime<Utc>>`",
                    model.ident
                ),
            );
        }
    }
    silent(model, errors);
}

/// What the database does to a row on its own emits nothing.
fn silent(model: &Model, errors: &mut Errors) {
    let emits = |on: &str| model.emits.iter().any(|emit| emit.on == on);
    for column in &model.columns {
        let Some((on_delete, at)) = column.reference.as_ref().and_then(|reference| reference.on_delete) else {
            continue;
        };
        let (what, on) = match on_delete {
            OnDelete::Cascade if emits("deleted") => ("deletes", "deleted"),
            OnDelete::SetNull if emits("updated") => ("changes", "updated"),
            _ => continue,
        };
        errors.report_at(
            at,
            format!(
                "the database {what} the row by itself, and `emits({on} = …)` would not be published\nhelp: leave it to the program: delete what refers to a row before the row, in one transaction"
            ),
        );
    }
}

/// The constant of the trait, and what the events may be.
pub(super) fn expand(model: &Model) -> (Option<TokenStream>, Option<TokenStream>) {
    if model.emits.is_empty() {
        return (None, None);
    }
    let bound = generated!(__shared::Emitted);
    let entries = model.emits.iter().map(|Emit { on, event, when }| {
        let draft = projected(event, &bound, "draft_of");
        let row = &model.ident;
        let updated = (on == "updated").then(|| generated!(&#row,));
        let on = Ident::new(&on.to_string(), Span::mixed_site());
        let when = match when {
            // in a constant, the compiler says of another function what is expected and nothing else
            Some(when) => generated!({
                const __WHEN: fn(#updated &#row) -> bool = #when;
                ::core::option::Option::Some(__WHEN)
            }),
            None => generated!(::core::option::Option::None),
        };
        generated!(__shared::Emit::#on(#draft::<Self>, #when))
    });
    let events = model.emits.iter().map(|emit| projected(&emit.event, &bound, "EVENTS"));
    let constant = generated!(const EMITS: &'static [__shared::Emit<Self>] = &[#(#entries),*];);
    (Some(constant), Some(generated!(.emits(&[#(#events),*]))))
}
