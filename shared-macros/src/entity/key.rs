//! `unique(doctor_id, starts_at)`, `index(doctor_id, starts_at(desc), where(status = Status::Booked))`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, Meta, Token};

use super::check::{Column, Model};
use super::name::of_constraint;
use crate::attribute::{Form, Value, plain_name};
use crate::diagnostics::{Errors, did_you_mean};
use crate::spans::generated;

/// A key as it is written.
pub(crate) struct KeyOf {
    columns: Vec<(Ident, Option<Ident>)>,
    only: Vec<(Ident, Is)>,
}

/// What must hold for a field.
#[derive(Clone)]
pub(crate) enum Is {
    Null,
    NotNull,
    Equal(Expr),
    NotEqual(Expr),
}

/// Columns that together are unique or indexed, as positions in [`Model::columns`].
pub(crate) struct Key {
    pub(crate) columns: Vec<usize>,
    descending: Vec<usize>,
    only: Vec<(usize, Is)>,
}

impl Form for KeyOf {
    const TAKES: &'static str = "the names of fields, such as `(doctor_id, starts_at)`, and perhaps a condition, `where(status = Status::Booked, left_at is null)`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_list().ok()?.parse_args().ok()
    }
}

impl Parse for KeyOf {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (mut columns, mut only) = (Vec::new(), Vec::new());
        while !input.is_empty() {
            if input.parse::<Option<Token![where]>>()?.is_some() {
                let inner;
                syn::parenthesized!(inner in input);
                only.extend(Punctuated::<(Ident, Is), Token![,]>::parse_terminated_with(&inner, condition)?);
            } else {
                let name = input.parse()?;
                let order = input.peek(syn::token::Paren).then(|| {
                    let inner;
                    syn::parenthesized!(inner in input);
                    inner.parse::<Ident>()
                });
                columns.push((name, order.transpose()?));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        if columns.is_empty() {
            return Err(input.error("a field"));
        }
        Ok(Self { columns, only })
    }
}

fn condition(input: ParseStream<'_>) -> syn::Result<(Ident, Is)> {
    let field = input.parse()?;
    if input.parse::<Option<Token![=]>>()?.is_some() {
        return Ok((field, Is::Equal(constant(input)?)));
    }
    if input.parse::<Option<Token![!=]>>()?.is_some() {
        return Ok((field, Is::NotEqual(constant(input)?)));
    }
    let mut words = Vec::new();
    while input.peek(Ident) {
        words.push(input.parse::<Ident>()?.to_string());
    }
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["is", "null"] => Ok((field, Is::Null)),
        ["is", "not", "null"] => Ok((field, Is::NotNull)),
        _ => Err(input.error("a condition")),
    }
}

/// A literal or the path of a constant: nothing that could depend on anything.
fn constant(input: ParseStream<'_>) -> syn::Result<Expr> {
    let value: Expr = input.parse()?;
    let mut inner = &value;
    while let Expr::Group(group) = inner {
        inner = &group.expr;
    }
    match inner {
        Expr::Lit(_) | Expr::Path(_) => Ok(value),
        Expr::Unary(unary) if matches!(*unary.expr, Expr::Lit(_)) => Ok(value),
        other => Err(syn::Error::new_spanned(other, "a constant")),
    }
}

impl Key {
    /// One field alone.
    pub(super) fn of(column: usize) -> Self {
        Self { columns: vec![column], descending: Vec::new(), only: Vec::new() }
    }

    fn same(&self, other: &Self) -> bool {
        let only = |key: &Self| {
            let mut only: Vec<String> =
                key.only.iter().map(|(column, is)| format!("{column}{}", is.tokens())).collect();
            only.sort();
            only
        };
        self.columns == other.columns && self.descending == other.descending && only(self) == only(other)
    }
}

impl Is {
    fn tokens(&self) -> TokenStream {
        match self {
            Self::Null => generated!(is null),
            Self::NotNull => generated!(is not null),
            Self::Equal(value) => generated!(= #value),
            Self::NotEqual(value) => generated!(!= #value),
        }
    }
}

/// Reads the keys of one kind, `unique` or `index`.
pub(super) fn read(kind: &str, given: Vec<Value<KeyOf>>, columns: &[Column], keys: &mut Vec<Key>, errors: &mut Errors) {
    for value in given {
        let at = value.key();
        let Some(KeyOf { columns: names, only }) = value.take(errors) else { continue };
        let before = errors.len();
        let mut key = Key { columns: Vec::new(), descending: Vec::new(), only: Vec::new() };
        for (ident, order) in &names {
            let Some(position) = find(kind, ident, columns, errors) else { continue };
            if key.columns.contains(&position) {
                errors.report(ident, format!("`{}` is twice in this `{kind}(..)`; remove one", plain_name(ident)));
                continue;
            }
            key.columns.push(position);
            match order {
                Some(order) if order == "desc" && kind == "index" => key.descending.push(position),
                Some(order) if kind == "index" => {
                    errors.report(order, format!("an index sorts upwards, or with `{ident}(desc)` downwards"));
                }
                Some(order) => {
                    errors.report(order, "what is unique has no order; write the field alone, or use `index(..)`")
                }
                None => {}
            }
        }
        for (ident, is) in only {
            key.only.extend(find("where", &ident, columns, errors).map(|position| (position, is)));
        }
        if errors.len() > before {
            continue;
        }
        // the filter of a unique key is named after its fields
        let known = |other: &Key| if kind == "unique" { other.columns == key.columns } else { other.same(&key) };
        if keys.iter().any(known) {
            errors.report_at(at, format!("these fields are `{kind}` already; remove one of the two"));
            continue;
        }
        keys.push(key);
    }
}

fn find(kind: &str, ident: &Ident, columns: &[Column], errors: &mut Errors) -> Option<usize> {
    let name = plain_name(ident);
    let found = columns.iter().position(|column| column.field == name);
    if found.is_none() {
        let hint = did_you_mean(&name, columns.iter().map(|column| column.field.as_str()));
        errors.report(ident, format!("`{kind}(..)` names no column: `{name}`{hint}"));
    }
    found
}

/// The name of the constraint or index. Indexes of the same columns differ in their order or their condition.
pub(super) fn name(model: &Model, key: &Key, suffix: &str) -> String {
    let column = |position: &usize| model.columns[*position].name.as_str();
    let mut parts: Vec<&str> = Vec::new();
    for position in &key.columns {
        parts.push(column(position));
        parts.extend(key.descending.contains(position).then_some("desc"));
    }
    if suffix == "idx" && !key.only.is_empty() {
        parts.push("where");
        parts.extend(key.only.iter().map(|(position, _)| column(position)));
    }
    of_constraint(&model.table, parts, suffix)
}

/// The key in the entity's description.
pub(super) fn def(model: &Model, key: &Key, suffix: &str) -> TokenStream {
    let (key_name, column) = (name(model, key, suffix), |position: &usize| &model.columns[*position].name);
    let columns = key.columns.iter().map(column);
    let descending = key.descending.iter().map(column);
    let descending = (!key.descending.is_empty()).then(|| generated!(.descending(&[#(#descending),*])));
    let only = key.only.iter().map(|(position, is)| {
        let Column { name, ty, .. } = &model.columns[*position];
        let value = |value: &Expr| {
            let value = value.to_token_stream();
            generated!(|| __shared::constant::<#ty>(#value))
        };
        let is = match is {
            Is::Null => generated!(Null),
            Is::NotNull => generated!(NotNull),
            Is::Equal(expr) => {
                let value = value(expr);
                generated!(Equal(#value))
            }
            Is::NotEqual(expr) => {
                let value = value(expr);
                generated!(NotEqual(#value))
            }
        };
        generated!(__shared::Condition::new(#name, __shared::Is::#is))
    });
    let only = (!key.only.is_empty()).then(|| generated!(.only(&[#(#only),*])));
    generated!(__shared::KeyDef::new(#key_name, &[#(#columns),*]) #descending #only)
}

/// What the filter of a partial unique key asks besides: `& Self::STATUS.eq(Status::Booked)`.
pub(super) fn filters(model: &Model, key: &Key, constant: impl Fn(&Column) -> Ident) -> TokenStream {
    let filters = key.only.iter().map(|(position, is)| {
        let column = constant(&model.columns[*position]);
        match is {
            Is::Null => generated!(& Self::#column.is_null()),
            Is::NotNull => generated!(& Self::#column.is_not_null()),
            Is::Equal(value) => generated!(& Self::#column.eq(#value)),
            Is::NotEqual(value) => generated!(& Self::#column.ne(#value)),
        }
    });
    generated!(#(#filters)*)
}
