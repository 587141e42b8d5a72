//! `#[derive(Projection)]`: a struct of some of an entity's columns. That the columns are there, and of the same types,
//! is for the compiler to say: the constants of the entity are named.

use darling::FromMeta;
use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::{Data, DeriveInput, Fields, Ident, Meta, Path, Type};

use crate::attribute::{CratePath, Form, Keys, Value, crate_path, options, path, plain_name};
use crate::diagnostics::Errors;
use crate::spans::{ends, generated, in_block};

#[derive(Default, FromMeta)]
struct Options {
    of: Option<Value<EntityPath>>,
    #[darling(rename = "crate")]
    krate: Option<Value<CratePath>>,
}

#[derive(Default, FromMeta)]
struct FieldOptions {
    column: Option<Value<FieldName>>,
}

/// `of = Appointment`.
struct EntityPath(Path);

impl Form for EntityPath {
    const TAKES: &'static str = "the entity whose columns the fields are, such as `Appointment`";

    fn read(meta: &Meta) -> Option<Self> {
        path(meta).map(Self)
    }
}

/// `column = starts_at`.
struct FieldName(Ident);

impl Form for FieldName {
    const TAKES: &'static str = "the name of a field of the entity, such as `starts_at`";

    fn read(meta: &Meta) -> Option<Self> {
        path(meta)?.get_ident().cloned().map(Self)
    }
}

struct Field<'a> {
    ident: &'a Ident,
    ty: &'a Type,
    /// The entity's field, if it has another name.
    column: Ident,
}

const NEEDS_FIELDS: &str = "`#[derive(Projection)]` is for structs with named fields: each is a column of the entity";
const NEEDS_ENTITY: &str =
    "the entity is missing\nhelp: say whose columns the fields are: `#[projection(of = Appointment)]`";

pub(crate) fn expand_projection(input: TokenStream) -> TokenStream {
    let item: DeriveInput = match syn::parse2(input) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::new();
    let start = errors.len();
    let entries = Keys::of("projection", &["of", "crate"]).in_attributes(&item.attrs, &mut errors);
    let understood = errors.len() == start;
    let given: Options = options(&entries, &mut errors);
    let krate = crate_path(given.krate, &mut errors);
    let of = match given.of {
        Some(of) => of.take(&mut errors).map(|EntityPath(path)| path),
        None => {
            // it may be there, misspelt
            if understood {
                errors.report(&item.ident, NEEDS_ENTITY);
            }
            None
        }
    };
    let fields = fields(&item, &mut errors);
    match errors.finish(of) {
        Ok(of) => in_block(&krate, &expand(&item.ident, &of, &fields)),
        Err(mut tokens) => {
            if item.generics.params.is_empty() {
                tokens.extend(in_block(&krate, &fallback(&item.ident)));
            }
            tokens
        }
    }
}

fn fields<'a>(item: &'a DeriveInput, errors: &mut Errors) -> Vec<Field<'a>> {
    if let Some(first) = item.generics.params.first() {
        errors.report(first, "`#[derive(Projection)]` is for structs without generics: a column has one type");
    }
    let fields = match &item.data {
        Data::Struct(data) if matches!(&data.fields, Fields::Named(fields) if !fields.named.is_empty()) => &data.fields,
        _ => {
            errors.report(&item.ident, NEEDS_FIELDS);
            return Vec::new();
        }
    };
    fields
        .iter()
        .filter_map(|field| {
            let entries = Keys::of("projection", &["column"]).in_attributes(&field.attrs, errors);
            let given: FieldOptions = options(&entries, errors);
            let ident = field.ident.as_ref()?;
            let column = given.column.and_then(|column| column.take(errors));
            let column = column.map_or_else(|| ident.clone(), |FieldName(name)| name);
            Some(Field { ident, ty: &field.ty, column })
        })
        .collect()
}

fn expand(ident: &Ident, of: &Path, fields: &[Field<'_>]) -> TokenStream {
    let columns = fields.iter().map(|Field { ty, column, .. }| {
        // the column first: then its type is known when the field's is compared with it
        let constant = Ident::new(&plain_name(column).to_uppercase(), column.span());
        let (first, last) = ends(ty);
        let (open, close) = (quote_spanned!(first=> read_as::<), quote_spanned!(last=> >));
        generated!(<#of>::#constant.#open #ty #close())
    });
    let reads = fields.iter().enumerate().map(|(position, Field { ident, ty, .. })| {
        generated!(#ident: <#ty as __shared::EntityValue>::read(__row, #position)?,)
    });
    generated! {
        #[automatically_derived]
        impl __shared::Projection<#of> for #ident {
            const COLUMNS: &'static [&'static str] = &[#(#columns),*];
            fn from_row(__row: &__shared::Row) -> __shared::Result<Self> {
                __shared::Result::Ok(Self { #(#reads)* })
            }
        }
    }
}

/// Of any entity, so that nothing else has to be said where it is used.
fn fallback(ident: &Ident) -> TokenStream {
    generated! {
        #[automatically_derived]
        impl<__E> __shared::Projection<__E> for #ident {
            const COLUMNS: &'static [&'static str] = &[];
            fn from_row(_: &__shared::Row) -> __shared::Result<Self> { __shared::no_entity() }
        }
    }
}
