//! `#[derive(EntityValue)]`: a struct around one value, stored as that value.

use darling::FromMeta;
use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Fields, Path, Type};

use super::fallback::no_value;
use crate::attribute::{CratePath, Keys, Value, crate_path, options};
use crate::diagnostics::Errors;
use crate::spans::{generated, in_block};

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
                tokens.extend(in_block(&krate, &no_value(&item.ident)));
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
    let value = generated!(<#inner as __shared::EntityValue>);
    let impls = generated! {
        #[automatically_derived]
        impl __shared::EntityValue for #ident {
            const TYPE: __shared::ColumnType = #value::TYPE;
            const OPTIONS: u8 = #value::OPTIONS;
            const PROTECTED: bool = #value::PROTECTED;
            const ALLOWED: &'static [&'static str] = #value::ALLOWED;
            fn bind_option(__value: ::core::option::Option<&Self>, __args: &mut __shared::Args) {
                #value::bind_option(__value.map(|__outer| &__outer.0), __args);
            }
            fn bind_array<'a>(
                __values: impl ::core::iter::Iterator<Item = ::core::option::Option<&'a Self>>,
                __args: &mut __shared::Args,
            ) {
                #value::bind_array(::core::iter::Iterator::map(__values, |__value| __value.map(|__outer| &__outer.0)), __args);
            }
            fn read_option(__row: &__shared::Row, __index: usize) -> __shared::Result<::core::option::Option<Self>> {
                __shared::Result::map(#value::read_option(__row, __index), |__value| __value.map(Self))
            }
            fn stored(self) -> Self { Self(#value::stored(self.0)) }
            fn is_null(&self) -> bool { #value::is_null(&self.0) }
        }
        #[automatically_derived]
        impl __shared::Newtype for #ident {
            type Inner = #inner;
            fn wrap(__inner: #inner) -> Self { Self(__inner) }
            fn inner(&self) -> &#inner { &self.0 }
            fn into_inner(self) -> #inner { self.0 }
        }
        #[automatically_derived]
        impl ::core::convert::From<#inner> for #ident {
            fn from(__inner: #inner) -> Self { Self(__inner) }
        }
        #[automatically_derived]
        impl ::core::convert::From<#ident> for #inner {
            fn from(__outer: #ident) -> Self { __outer.0 }
        }
    };
    in_block(krate, &impls)
}
