//! From checked rules to calls of `shared::validate::rules`.

use proc_macro2::{Ident, TokenStream};
use syn::spanned::Spanned;
use quote::quote_spanned;
use syn::{Expr, Path, Type};

use super::bounds::exceeds;
use super::{Rule, ValidatedField};
use crate::attribute::plain_name;
use crate::spans::{generated, judged};

/// The `Validate` impl of a struct with these fields.
pub(crate) fn implementation(krate: &Path, target: &Ident, fields: &[ValidatedField]) -> TokenStream {
    let name = plain_name(target);
    let names = fields.iter().map(|field| &field.name);
    let calls = fields.iter().filter(|field| !field.rules.is_empty()).map(|field| {
        let ident = &field.ident;
        field_rules(krate, field, &generated!(&self.#ident))
    });
    let orders = fields.iter().map(|field| field_orders(krate, field));
    let parameter = if fields.iter().all(|field| field.rules.is_empty()) { generated!(_) } else { generated!(checker) };
    generated! {
        #[automatically_derived]
        impl #krate::validate::Validate for #target {
            const NAME: &'static str = #name;
            const FIELDS: &'static [&'static str] = &[#(#names),*];
            fn check(&self, #parameter: &mut #krate::validate::Checker) { #(#calls)* }
        }
        #(#orders)*
    }
}

/// The calls of a field's rules on `value`, a reference to its type; `checker` must be in scope.
pub(crate) fn field_rules(krate: &Path, field: &ValidatedField, value: &TokenStream) -> TokenStream {
    let ValidatedField { name, ty, rules, .. } = field;
    let calls = rules.iter().map(|rule| call(rule, krate, ty, value));
    generated!(#krate::validate::Checker::field(checker, #name, |checker| { #(#calls)* });)
}

/// The call of one rule on `value`, a reference to a `ty`.
fn call(rule: &Rule, krate: &Path, ty: &Type, value: &TokenStream) -> TokenStream {
    let judged = |bound: &TokenStream| judged(ty, &generated!(#krate::__private::#bound));
    match rule {
        Rule::Range(bounds) => {
            let ty = judged(&generated!(RangeField));
            let (min, max) = (option(bounds.min.as_ref()), option(bounds.max.as_ref()));
            generated!(#krate::validate::rules::range::<#ty>(checker, #value, #min, #max);)
        }
        Rule::Length(bounds) => {
            let ty = judged(&generated!(LengthField));
            let (min, max) = (option(bounds.min.as_ref()), option(bounds.max.as_ref()));
            generated!(#krate::validate::rules::length::<#ty>(checker, #value, #min, #max);)
        }
        Rule::Email => {
            let ty = judged(&generated!(EmailText));
            generated!(#krate::validate::rules::email::<#ty>(checker, #value);)
        }
        Rule::Nested => {
            let ty = judged(&generated!(NestedField));
            generated!(#krate::validate::rules::nested::<#ty>(checker, #value);)
        }
        // a function pointer, because its type is what the message about another signature quotes
        Rule::Custom(path) => generated! {
            let rule: fn(&#ty) -> ::core::result::Result<(), &'static str> = #path;
            #krate::validate::rules::custom(checker, #value, rule);
        },
        Rule::Pattern(pattern) => {
            let ty = judged(&generated!(PatternText));
            generated! {{
                static PATTERN: ::std::sync::LazyLock<#krate::__private::Regex> =
                    ::std::sync::LazyLock::new(|| #krate::__private::regex(#pattern));
                #krate::validate::rules::pattern::<#ty>(checker, #value, &PATTERN);
            }}
        }
    }
}

fn option(bound: Option<&Expr>) -> TokenStream {
    match bound {
        Some(bound) => generated!(::core::option::Option::Some(#bound)),
        None => generated!(::core::option::Option::None),
    }
}

/// The comparisons of a field's bounds, as items.
pub(crate) fn field_orders(krate: &Path, field: &ValidatedField) -> TokenStream {
    field.rules.iter().filter_map(|rule| order(rule, krate, &field.ty)).collect()
}

/// Compares the bounds that only the compiler can: those that are constants.
fn order(rule: &Rule, krate: &Path, ty: &Type) -> Option<TokenStream> {
    let (min, max) = match rule {
        Rule::Range(bounds) => bounds.constants(Some(ty))?,
        Rule::Length(bounds) => bounds.constants(None)?,
        _ => return None,
    };
    let message = exceeds(min, max);
    let place = min.span();
    Some(quote_spanned!(place=> const _: () = #krate::__private::check_order(#min <= #max, #message);))
}
