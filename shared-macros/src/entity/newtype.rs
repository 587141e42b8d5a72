//! `#[derive(EntityValue)]`: a struct around one value, stored as that value.

use darling::FromMeta;
use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Fields, Path, Type};

use crate::attribute::{CratePath, Keys, Value, crate_path, options};
use crate::diagnostics::Errors;
use crate::spans::{generated, judged};

#[derive(Default, FromMeta)]
struct Options {
    #[darling(rename = "crate")]
    krate: Option<Value<CratePath>>,
}

const NEEDS_ONE: &str = "`#[derive(EntityValue)]` is for structs around one value: `struct PatientId(Uuid);`\nhelp: for an enum without fields there is `EntityEnum`; anything else with serde's traits can be stored as `Json<…>`";

pub(crate) fn expand_entity_value(input: TokenStream) -> TokenStream {
    let item: DeriveInput = match syn::parse2(input) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::new();
    let entries = Keys::of("entity", &["crate"]).in_attributes(&item.attrs, &mut errors);
    let given: Options = options(&entries, &mut errors);
    let krate = crate_path(given.krate, &mut errors);
    let inner = inner(&item, &mut errors);
    match errors.finish(Some(())) {
        Ok(()) => inner.map(|inner| expand(&krate, &item, inner)).unwrap_or_default(),
        Err(mut tokens) => {
            if item.generics.params.is_empty() {
                tokens.extend(fallback(&krate, &item));
            }
            tokens
        }
    }
}

fn inner<'a>(item: &'a DeriveInput, errors: &mut Errors) -> Option<&'a Type> {
    if let Some(first) = item.generics.params.first() {
        errors.report(first, "`#[derive(EntityValue)]` is for types without generics: a column has one type");
    }
    if let Data::Struct(data) = &item.data
        && let Fields::Unnamed(fields) = &data.fields
        && let (Some(field), 1) = (fields.unnamed.first(), fields.unnamed.len())
    {
        return Some(&field.ty);
    }
    errors.report(&item.ident, NEEDS_ONE);
    None
}

fn expand(krate: &Path, item: &DeriveInput, inner: &Type) -> TokenStream {
    let ident = &item.ident;
    let stored = judged(inner, &generated!(#krate::__private::Stored));
    generated! {
        #[automatically_derived]
        impl #krate::entity::Newtype for #ident {
            type Inner = #stored;
            fn wrap(inner: #inner) -> Self { Self(inner) }
            fn inner(&self) -> &#inner { &self.0 }
            fn into_inner(self) -> #inner { self.0 }
        }
        #[automatically_derived]
        impl ::core::convert::From<#inner> for #ident {
            fn from(inner: #inner) -> Self { Self(inner) }
        }
        #[automatically_derived]
        impl ::core::convert::From<#ident> for #inner {
            fn from(outer: #ident) -> Self { outer.0 }
        }
    }
}

fn fallback(krate: &Path, item: &DeriveInput) -> TokenStream {
    let ident = &item.ident;
    generated! {
        #[automatically_derived]
        impl #krate::entity::EntityValue for #ident {
            const TYPE: #krate::entity::ColumnType = #krate::entity::ColumnType::Text;
            fn bind_option(_: ::core::option::Option<&Self>, _: &mut #krate::db::Args) { #krate::__private::no_entity() }
            fn bind_array<'a>(
                _: impl ::core::iter::Iterator<Item = ::core::option::Option<&'a Self>>,
                _: &mut #krate::db::Args,
            ) { #krate::__private::no_entity() }
            fn read_option(_: &#krate::db::Row, _: usize) -> #krate::Result<::core::option::Option<Self>> {
                #krate::__private::no_entity()
            }
        }
        #[automatically_derived]
        impl #krate::entity::Comparable for #ident {}
    }
}
