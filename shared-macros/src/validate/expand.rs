//! From checked rules to calls of `shared::validate::rules`.

use proc_macro2::{Ident, TokenStream};
use syn::spanned::Spanned;
use quote::quote_spanned;
use syn::{Expr, Path, Type};

use super::bounds::exceeds;
use super::{Rule, ValidatedField};
use crate::attribute::plain_name;
use crate::spans::{at, generated, judged};

/// The `Validate` impl of a struct with these fields.
pub(crate) fn implementation(krate: &Path, target: &Ident, fields: &[ValidatedField]) -> TokenStream {
    let name = plain_name(target);
    let calls = fields.iter().filter(|field| !field.rules.is_empty()).map(|field| {
        let ident = &field.ident;
        field_rules(krate, field, &generated!(&self.#ident))
    });
    let parameter = if fields.iter().all(|field| field.rules.is_empty()) { generated!(_) } else { generated!(checker) };
    generated! {
        #[automatically_derived]
        impl #krate::validate::Validate for #target {
            const NAME: &'static str = #name;
            fn check(&self, #parameter: &mut #krate::validate::Checker) { #(#calls)* }
        }
    }
}

/// The calls of a field's rules on `value`, a reference to its type; `checker` must be in scope.
pub(crate) fn field_rules(krate: &Path, field: &ValidatedField, value: &TokenStream) -> TokenStream {
    let ValidatedField { name, ty, rules, .. } = field;
    let calls = rules.iter().map(|rule| call(rule, krate, ty, value));
    generated!(#krate::validate::Checker::field(checker, #name, |checker| { #(#calls)* });)
}

/// The call of one rule on `value`, a reference to a `ty`.
///
/// The type is written out so that a rule that does not work on it is reported at the type.
fn call(rule: &Rule, krate: &Path, ty: &Type, value: &TokenStream) -> TokenStream {
    match rule {
        Rule::Range(bounds) => {
            let order = bounds.constants(Some(ty)).map(|(min, max)| order(krate, min, max));
            let (min, max) = (option(bounds.min.as_ref()), option(bounds.max.as_ref()));
            generated!(#order #krate::validate::rules::range::<#ty>(checker, #value, #min, #max);)
        }
        Rule::Length(bounds) => {
            let order = bounds.constants(None).map(|(min, max)| order(krate, min, max));
            let (min, max) = (option(bounds.min.as_ref()), option(bounds.max.as_ref()));
            generated!(#order #krate::validate::rules::length::<#ty>(checker, #value, #min, #max);)
        }
        Rule::Email => {
            let text = judged(ty, &generated!(#krate::__private::EmailText));
            generated!(#krate::validate::rules::email::<#text>(checker, #value);)
        }
        Rule::Nested => generated!(#krate::validate::rules::nested::<#ty>(checker, #value);),
        Rule::Custom(path) => generated!(#krate::validate::rules::custom::<#ty>(checker, #value, #path);),
        Rule::Pattern(pattern) => {
            let text = judged(ty, &generated!(#krate::__private::PatternText));
            generated! {{
                static PATTERN: ::std::sync::LazyLock<#krate::__private::Regex> =
                    ::std::sync::LazyLock::new(|| #krate::__private::regex(#pattern));
                #krate::validate::rules::pattern::<#text>(checker, #value, &PATTERN);
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

/// Compares two constants while the program is compiled.
fn order(krate: &Path, min: &Expr, max: &Expr) -> TokenStream {
    let message = exceeds(min, max);
    let place = at(min.span());
    quote_spanned!(place=> const _: () = #krate::__private::check_order(#min <= #max, #message);)
}
