//! `#[validate(..)]` on fields: the rules of an event, an entity or a nested type.
//!
//! [`rules`] reads the rules of one field, [`implementation`] makes the `Validate` impl of a type from the
//! rules of its fields.

mod bounds;
mod choice;
mod expand;
mod regex;
mod rule;
mod table;

use proc_macro2::{Ident, TokenStream};
use syn::{Data, DeriveInput, Fields, Type};

pub(crate) use self::expand::{calls, field_orders, field_rules, impl_of, implementation, orders};
pub(crate) use self::rule::{Rule, rules, rules_of_struct};
pub(crate) use self::table::constant as table;
use crate::attribute::crate_path;
use crate::diagnostics::Errors;
use crate::wire;

/// A field with its rules.
pub(crate) struct ValidatedField {
    /// The field's name in paths: its name in JSON.
    pub(crate) name: String,
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    pub(crate) rules: Vec<Rule>,
    /// Whether its own fields stand in its place in JSON.
    pub(crate) flattened: bool,
}

impl ValidatedField {
    /// Reads the rules of named fields.
    pub(crate) fn of_struct(attributes: &[syn::Attribute], fields: &Fields, errors: &mut Errors) -> Vec<Self> {
        let case = wire::Case::of(attributes);
        fields
            .iter()
            .filter_map(|field| {
                Some(Self {
                    name: wire::name(field, case),
                    ident: field.ident.clone()?,
                    ty: field.ty.clone(),
                    rules: rules(&field.attrs, errors),
                    flattened: wire::has(&field.attrs, "flatten"),
                })
            })
            .collect()
    }
}

/// `#[derive(Validate)]`.
pub(crate) fn expand_validate(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::new();
    let (whole, krate) = rule::rules_and_crate(&input.attrs, &mut errors);
    let krate = crate_path(krate, &mut errors);
    let fields = check(&input, &mut errors);
    match errors.finish(Some(fields)) {
        Ok(fields) => implementation(&krate, &input.ident, &fields, &whole),
        Err(mut tokens) => {
            if input.generics.params.is_empty() {
                tokens.extend(implementation(&krate, &input.ident, &[], &[]));
            }
            tokens
        }
    }
}

fn check(input: &DeriveInput, errors: &mut Errors) -> Vec<ValidatedField> {
    if let Some(generic) = input.generics.params.first() {
        errors.report(
            generic,
            "`#[derive(Validate)]` is for types without generics\nhelp: use the concrete type, or implement `Validate` by hand",
        );
    }
    match &input.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => {
            ValidatedField::of_struct(&input.attrs, &data.fields, errors)
        }
        _ => {
            errors.report(
                &input.ident,
                "`#[derive(Validate)]` is for structs with named fields: a violation names the field that it is about",
            );
            Vec::new()
        }
    }
}
