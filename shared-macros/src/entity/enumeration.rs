//! `#[derive(EntityEnum)]`: an enum without fields as text with a check.

use darling::FromMeta;
use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Fields, Ident, LitStr, Path, Variant};

use super::fallback::no_value;
use super::input::Name;
use super::name::snake_case;
use crate::attribute::{CratePath, Keys, Value, crate_path, options, plain_name};
use crate::diagnostics::Errors;
use crate::spans::{generated, in_block};

struct Model {
    ident: Ident,
    vis: syn::Visibility,
    variants: Vec<(Ident, String)>,
}

#[derive(Default, FromMeta)]
struct Options {
    #[darling(rename = "crate")]
    krate: Option<Value<CratePath>>,
}

#[derive(Default, FromMeta)]
struct VariantOptions {
    rename: Option<Value<Name>>,
}

const NEEDS_VARIANTS: &str =
    "`#[derive(EntityEnum)]` is for enums whose variants have no fields: each is stored as its name";

pub(crate) fn expand_entity_enum(input: TokenStream) -> TokenStream {
    let item: DeriveInput = match syn::parse2(input) {
        Ok(item) => item,
        Err(error) => return error.to_compile_error(),
    };
    let mut errors = Errors::new();
    let entries = Keys::of("entity", &["crate"]).in_attributes(&item.attrs, &mut errors);
    let given: Options = options(&entries, &mut errors);
    let krate = crate_path(given.krate, &mut errors);
    let model = check(&item, &mut errors);
    match errors.finish(Some(())) {
        Ok(()) => expand(&krate, &model),
        Err(mut tokens) => {
            if item.generics.params.is_empty() {
                tokens.extend(fallback(&krate, &model));
            }
            tokens
        }
    }
}

fn check(item: &DeriveInput, errors: &mut Errors) -> Model {
    if let Some(first) = item.generics.params.first() {
        errors.report(first, NEEDS_VARIANTS);
    }
    let mut variants: Vec<(Ident, String)> = Vec::new();
    match &item.data {
        Data::Enum(data) if data.variants.is_empty() => {
            errors.report(&item.ident, "an enum without variants has no value to store")
        }
        Data::Enum(data) => {
            for variant in &data.variants {
                let (name, text) = text(variant, errors);
                if let Some((first, _)) = variants.iter().find(|(_, known)| *known == text) {
                    let message = format!("`{first}` and `{}` are both stored as \"{text}\"", variant.ident);
                    match name {
                        Some(name) => errors.report(&name, message),
                        None => errors.report(&variant.ident, message),
                    }
                }
                variants.push((variant.ident.clone(), text));
            }
        }
        _ => errors.report(&item.ident, NEEDS_VARIANTS),
    }
    Model { ident: item.ident.clone(), vis: item.vis.clone(), variants }
}

fn text(variant: &Variant, errors: &mut Errors) -> (Option<LitStr>, String) {
    if !matches!(variant.fields, Fields::Unit) {
        errors.report(&variant.fields, format!("{NEEDS_VARIANTS}\nhelp: store an enum with fields as `Json<…>`"));
    }
    let entries = Keys::of("entity", &["rename"]).in_attributes(&variant.attrs, errors);
    let given: VariantOptions = options(&entries, errors);
    match given.rename.and_then(|value| value.take(errors)).map(|Name(name)| name) {
        Some(name) => {
            let text = name.value();
            if text.is_empty() || text.contains('\0') {
                errors.report(&name, "a variant is stored as a text that is not empty and has no U+0000");
            }
            (Some(name), text)
        }
        None => (None, snake_case(&plain_name(&variant.ident))),
    }
}

fn expand(krate: &Path, model: &Model) -> TokenStream {
    let Model { ident, vis, variants } = model;
    let (variants, texts): (Vec<_>, Vec<_>) = variants.iter().map(|(variant, text)| (variant, text)).unzip();
    // a dot, a blank or a wildcard in one of the texts would make another subject of it
    let is_token = texts.iter().all(|text| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')));
    let token = is_token.then(|| {
        generated! {
            #[automatically_derived]
            impl __shared::SubjectToken for #ident {
                const FORM: __shared::TokenForm =
                    __shared::TokenForm::OneOf(<Self as __shared::EntityValue>::ALLOWED);
                fn token(&self) -> ::std::borrow::Cow<'static, str> { ::std::borrow::Cow::Borrowed(self.as_str()) }
            }
        }
    });
    let impls = generated! {
        impl #ident {
            /// The text that is stored.
            #[must_use]
            #vis const fn as_str(&self) -> &'static str {
                match self { #(Self::#variants => #texts,)* }
            }
        }
        #[automatically_derived]
        impl __shared::EntityValue for #ident {
            const TYPE: __shared::ColumnType = __shared::ColumnType::Text;
            const ALLOWED: &'static [&'static str] = &[#(#texts),*];
            fn bind_option(__value: ::core::option::Option<&Self>, __args: &mut __shared::Args) {
                __shared::bind_enum(__value.map(Self::as_str), __args);
            }
            fn bind_array<'a>(
                __values: impl ::core::iter::Iterator<Item = ::core::option::Option<&'a Self>>,
                __args: &mut __shared::Args,
            ) {
                __shared::bind_enums(__values, Self::as_str, __args);
            }
            fn read_option(__row: &__shared::Row, __index: usize) -> __shared::Result<::core::option::Option<Self>> {
                __shared::read_enum(__row, __index, <Self as __shared::FromToken>::from_token)
            }
        }
        #[automatically_derived]
        impl __shared::Comparable for #ident {}
        #[automatically_derived]
        impl __shared::Constant for #ident {
            fn literal(&self) -> __shared::Literal {
                __shared::Literal::Text(::std::borrow::ToOwned::to_owned(self.as_str()))
            }
        }
        #[automatically_derived]
        impl __shared::Item for #ident {
            fn to_json(&self) -> ::core::result::Result<__shared::JsonValue, &'static str> {
                ::core::result::Result::Ok(__shared::text_item(self.as_str()))
            }
            fn from_json(__value: __shared::JsonValue) -> ::core::option::Option<Self> {
                __shared::item_text(&__value, <Self as __shared::FromToken>::from_token)
            }
        }
        #token
        #[automatically_derived]
        impl __shared::FromToken for #ident {
            const FORM: __shared::TokenForm = __shared::TokenForm::OneOf(<Self as __shared::EntityValue>::ALLOWED);
            fn from_token(__text: &str) -> ::core::option::Option<Self> {
                match __text {
                    #(#texts => ::core::option::Option::Some(Self::#variants),)*
                    _ => ::core::option::Option::None,
                }
            }
        }
        #[automatically_derived]
        impl __shared::OrderingKey for #ident {
            fn key(&self) -> ::std::string::String { ::std::borrow::ToOwned::to_owned(self.as_str()) }
        }
    };
    in_block(krate, &impls)
}

fn fallback(krate: &Path, model: &Model) -> TokenStream {
    let Model { ident, vis, .. } = model;
    let value = no_value(ident);
    let impls = generated! {
        impl #ident {
            /// The text that is stored.
            #[must_use]
            #vis const fn as_str(&self) -> &'static str { "" }
        }
        #value
        #[automatically_derived]
        impl __shared::SubjectToken for #ident {
            fn token(&self) -> ::std::borrow::Cow<'static, str> { ::std::borrow::Cow::Borrowed("") }
        }
        #[automatically_derived]
        impl __shared::FromToken for #ident {
            fn from_token(_: &str) -> ::core::option::Option<Self> { ::core::option::Option::None }
        }
        #[automatically_derived]
        impl __shared::OrderingKey for #ident {
            fn key(&self) -> ::std::string::String { ::std::string::String::new() }
        }
    };
    in_block(krate, &impls)
}
