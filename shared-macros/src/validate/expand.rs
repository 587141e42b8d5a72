//! From checked rules to calls of `shared::validate::rules`.

use proc_macro2::{Ident, TokenStream};
use syn::spanned::Spanned;
use syn::{Path, Type};

use super::bounds::{Bounds, exceeds};
use super::{Rule, ValidatedField};
use crate::attribute::plain_name;
use crate::spans::{checked, generated, in_block, respanned};

/// The `Validate` impl of a struct with these fields.
pub(crate) fn implementation(krate: &Path, target: &Ident, fields: &[ValidatedField]) -> TokenStream {
    let (validate, orders) = (in_block(krate, &impl_of(target, fields)), orders(krate, fields));
    generated!(#validate #orders)
}

/// The impl alone, for a block of its own.
pub(crate) fn impl_of(target: &Ident, fields: &[ValidatedField]) -> TokenStream {
    let name = plain_name(target);
    let names = fields.iter().map(|field| &field.name);
    let ruled: Vec<&ValidatedField> = fields.iter().filter(|field| !field.rules.is_empty()).collect();
    let parameter = if ruled.is_empty() { generated!(_) } else { generated!(__checker) };
    let rules = ruled.into_iter().map(|field| {
        let ident = &field.ident;
        field_rules(field, &generated!(&self.#ident))
    });
    generated! {
        #[automatically_derived]
        impl __shared::Validate for #target {
            const NAME: &'static str = #name;
            const FIELDS: &'static [&'static str] = &[#(#names),*];
            fn check(&self, #parameter: &mut __shared::Checker) { #(#rules)* }
        }
    }
}

/// The comparisons of all bounds that only the compiler can compare.
pub(crate) fn orders(krate: &Path, fields: &[ValidatedField]) -> TokenStream {
    fields.iter().map(|field| field_orders(krate, field)).collect()
}

/// The calls of a field's rules on `value`, a reference to its type, for a block; `__checker` must be in scope.
pub(crate) fn field_rules(field: &ValidatedField, value: &TokenStream) -> TokenStream {
    let (name, calls) = (&field.name, calls(field, value));
    generated!(__checker.field(#name, |__checker| { #calls });)
}

/// One call for each rule, of a trait of the field's type.
fn calls(field: &ValidatedField, value: &TokenStream) -> TokenStream {
    let ty = &field.ty;
    let call = |rule: &Rule| match rule {
        Rule::Range(bounds) => {
            let limits = limits(bounds);
            generated!(<#ty as __shared::RangeRule<_>>::range(#value, __checker, #limits);)
        }
        Rule::Length(bounds) => {
            let limits = limits(bounds);
            generated!(<#ty as __shared::LengthRule>::length(#value, __checker, #limits);)
        }
        Rule::Email => generated!(<#ty as __shared::EmailRule>::email(#value, __checker);),
        Rule::Nested => generated!(<#ty as __shared::NestedRule>::nested(#value, __checker);),
        // a function pointer, because its type is what the message about another signature quotes
        Rule::Custom(path) => {
            let signature = generated!(fn(&#ty) -> ::core::result::Result<(), &'static str>);
            let signature = respanned(signature, path.span());
            generated! {
                let __rule: #signature = #path;
                __shared::custom(__checker, #value, __rule);
            }
        }
        Rule::Pattern(pattern) => generated! {{
            static __PATTERN: ::std::sync::LazyLock<__shared::Regex> =
                ::std::sync::LazyLock::new(|| __shared::regex(#pattern));
            <#ty as __shared::PatternRule>::pattern(#value, __checker, &__PATTERN);
        }},
    };
    field.rules.iter().map(call).collect()
}

fn limits(Bounds { min, max }: &Bounds) -> TokenStream {
    match max {
        Some(max) => generated!(#min..=#max),
        None => generated!(#min..),
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
    let check = generated!(#krate::__private::check_order);
    Some(checked(check, &generated!(#min <= #max, #message), min.span()))
}
