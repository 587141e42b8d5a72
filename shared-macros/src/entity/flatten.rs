//! `#[entity(flatten(street: String, city: String))] address: Address`: a value of several columns.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::{Attribute, Field, Type, Visibility};

use super::check::{Column, Model, Role, place};
use super::input::{FieldOptions, Name, Parts};
use super::name;
use crate::attribute::plain_name;
use crate::diagnostics::Errors;
use crate::spans::{at, generated, respanned};
use crate::validate::ValidatedField;

/// A field whose parts are columns.
pub(crate) struct Flattened {
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) ty: Type,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) rules: ValidatedField,
    /// Where its columns begin in [`Model::columns`].
    first: usize,
    parts: Vec<Ident>,
}

/// The field and its columns, which come after the `first` ones.
pub(super) fn read(
    field: &Field,
    options: FieldOptions,
    rules: ValidatedField,
    first: usize,
    errors: &mut Errors,
) -> Option<(Flattened, Vec<Column>)> {
    let ident = field.ident.clone()?;
    refuse_marks(&options, errors);
    let Parts(parts) = options.flatten?.take(errors)?;
    let owner = plain_name(&ident);
    let prefix = options.rename.and_then(|value| value.take(errors));
    let prefix = prefix.map_or_else(|| owner.clone(), |Name(name)| name.value());
    let columns = parts.iter().map(|(part, ty)| {
        let (field_name, name) = (format!("{owner}_{}", plain_name(part)), format!("{prefix}_{}", plain_name(part)));
        if let Some(why) = name::column_defect(&name) {
            errors.report(part, format!("`{name}` cannot be the name of a column: {why}"));
        }
        let (column, ty) = (format_ident!("{field_name}", span = part.span()), ty.clone());
        let no_rules = ValidatedField {
            name: field_name.clone(),
            ident: column.clone(),
            ty: ty.clone(),
            rules: Vec::new(),
            flattened: false,
        };
        Column {
            ident: column,
            vis: field.vis.clone(),
            ty,
            docs: Vec::new(),
            field: field_name,
            name,
            role: Role::Part,
            is_disputed: false,
            part: Some((ident.clone(), part.clone())),
            reference: None,
            rules: no_rules,
        }
    });
    let columns = columns.collect();
    let docs = field.attrs.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect();
    let (vis, ty, parts) = (field.vis.clone(), field.ty.clone(), parts.into_iter().map(|(part, _)| part).collect());
    Some((Flattened { ident, vis, ty, docs, rules, first, parts }, columns))
}

fn refuse_marks(options: &FieldOptions, errors: &mut Errors) {
    let flags = [
        ("id", &options.id),
        ("given", &options.given),
        ("version", &options.version),
        ("created_at", &options.created_at),
        ("updated_at", &options.updated_at),
        ("created_by", &options.created_by),
        ("updated_by", &options.updated_by),
        ("deleted_at", &options.deleted_at),
        ("skip", &options.skip),
        ("unique", &options.unique),
        ("index", &options.index),
    ];
    let flags = flags.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?.key())));
    let references = options.references.as_ref().map(|value| ("references", value.key()));
    for (name, at) in flags.chain(references) {
        let help = match name {
            "unique" | "index" => {
                format!("\nhelp: `#[entity({name}(…))]` on the struct takes the columns of its parts")
            }
            _ => String::new(),
        };
        errors.report_at(at, format!("a field cannot be both `flatten` and `{name}`; remove one of the two{help}"));
    }
}

impl Flattened {
    fn columns<'a>(&'a self, model: &'a Model) -> impl Iterator<Item = (&'a Ident, usize, &'a Column)> {
        self.parts.iter().enumerate().filter_map(|(i, part)| {
            let at = self.first + i;
            Some((part, at, model.columns.get(at)?))
        })
    }

    /// Reads the value: `address: Address { street: …, city: … },`. The compiler finds the types, and says which
    /// field was forgotten.
    pub(super) fn read_from(&self, model: &Model) -> TokenStream {
        let (ident, ty) = (&self.ident, &self.ty);
        let parts = self.columns(model).map(|(part, at, column)| {
            let read = quote_spanned!(place(column)=> __shared::read_part);
            generated!(#part: #read(__row, #at)?,)
        });
        generated!(#ident: #ty { #(#parts)* },)
    }

    /// The value as it will be stored.
    pub(super) fn stored(&self, model: &Model) -> TokenStream {
        let (ident, ty) = (&self.ident, &self.ty);
        let parts = self.columns(model).map(|(part, _, column)| {
            let stored = quote_spanned!(place(column)=> __shared::stored_part);
            generated!(#part: #stored(self.#ident.#part),)
        });
        generated!(#ident: #ty { #(#parts)* },)
    }

    /// Sets the columns, if a patch sets the value.
    pub(super) fn assign(&self, model: &Model) -> TokenStream {
        let ident = &self.ident;
        let parts =
            self.columns(model).map(|(part, _, Column { name, .. })| generated!(__set.part(#name, &__value.#part);));
        generated!(if let ::core::option::Option::Some(__value) = &self.#ident { #(#parts)* })
    }

    /// That the parts have the types that the declaration says.
    pub(super) fn check(&self, model: &Model) -> TokenStream {
        let ty = &self.ty;
        let parts = self.columns(model).map(|(part, _, column)| {
            let of_part = &column.ty;
            let value = respanned(generated!(&__value.#part), at(place(column)));
            generated!(const _: fn(&#ty) -> &#of_part = |__value| #value;)
        });
        generated!(#(#parts)*)
    }
}
