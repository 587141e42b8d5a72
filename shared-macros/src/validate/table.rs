//! From checked rules to the table `Validate::RULES`.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::ToTokens;
use syn::Expr;

use super::bounds::{Bounds, whole};
use super::choice::Choice;
use super::expand::{item, length_rule, lengths, of_type};
use super::{Rule, ValidatedField};
use crate::spans::generated;

/// The constant, if there are rules: of these fields, and of the struct itself.
pub(crate) fn constant(fields: &[&ValidatedField], whole: &[Rule]) -> Option<TokenStream> {
    if fields.is_empty() && whole.is_empty() {
        return None;
    }
    let of_fields = fields.iter().map(|field| {
        let (name, rules) = (&field.name, rules(&field.rules, &field.ty));
        generated!(__shared::FieldRules::of(#name, #rules))
    });
    let of_struct = (!whole.is_empty()).then(|| {
        let rules = rules(whole, &generated!(Self));
        generated!(__shared::FieldRules::of("", #rules))
    });
    let entries = of_fields.chain(of_struct);
    Some(generated!(const RULES: &'static [__shared::FieldRules] = &[#(#entries),*];))
}

fn rules(rules: &[Rule], ty: &impl ToTokens) -> TokenStream {
    let rules = rules.iter().map(|rule| entry(rule, ty));
    generated!(&[#(#rules),*])
}

fn entry(rule: &Rule, ty: &impl ToTokens) -> TokenStream {
    match rule {
        Rule::Range(bounds) => range(bounds),
        Rule::Length(unit, bounds) => {
            let (method, lengths) = lengths(bounds, "of");
            let (rule, method) = (of_type(ty, length_rule(*unit), "RULE"), Ident::new(method, Span::mixed_site()));
            generated!(#rule.#method(#lengths))
        }
        Rule::Email => generated!(__shared::Rule::Email),
        Rule::Url => generated!(__shared::Rule::Url),
        Rule::Past => generated!(__shared::Rule::Past),
        Rule::Future => generated!(__shared::Rule::Future),
        Rule::Pattern(pattern) => generated!(__shared::Rule::Pattern(#pattern)),
        Rule::OneOf(Choice::Texts(texts)) => {
            generated!(__shared::Rule::OneOf(&[#(__shared::Allowed::Text(#texts)),*]))
        }
        Rule::OneOf(Choice::Integers(integers)) => {
            let integers = integers.iter().map(|(_, integer)| Literal::i128_unsuffixed(*integer));
            generated!(__shared::Rule::OneOf(&[#(__shared::Allowed::Integer(#integers)),*]))
        }
        Rule::Custom(path) => {
            let path = path.to_token_stream().to_string().replace(' ', "");
            generated!(__shared::Rule::Custom(#path))
        }
        Rule::Nested => {
            let nested = of_type(ty, "NestedRule", "NESTED");
            generated!(__shared::Rule::Nested(#nested))
        }
        Rule::Each(of_item) => {
            let of_item = rules(of_item, &item(ty));
            generated!(__shared::Rule::Each(#of_item))
        }
    }
}

/// Integers have a short form. Anything else is computed when somebody asks for it, by its own type: that the field
/// has another one is said where it is compared.
fn range(bounds: &Bounds) -> TokenStream {
    let limit = |expr: Option<&Expr>| match expr {
        Some(expr) => generated!(::core::option::Option::Some(__shared::Limit::of(|| __shared::limit(#expr)))),
        None => generated!(::core::option::Option::None),
    };
    let (min, max) = match bounds {
        Bounds::AtLeast(min) => (Some(min), None),
        Bounds::AtMost(max) => (None, Some(max)),
        Bounds::Between(min, max) => (Some(min), Some(max)),
        Bounds::Exactly(value) => (Some(value), Some(value)),
    };
    match (min.map(whole), max.map(whole)) {
        (Some(Some(min)), Some(Some(max))) => {
            let (min, max) = (Literal::i128_unsuffixed(min), Literal::i128_unsuffixed(max));
            generated!(__shared::between::<#min, #max>())
        }
        (Some(Some(min)), None) => {
            let min = Literal::i128_unsuffixed(min);
            generated!(__shared::at_least::<#min>())
        }
        (None, Some(Some(max))) => {
            let max = Literal::i128_unsuffixed(max);
            generated!(__shared::at_most::<#max>())
        }
        _ => {
            let (min, max) = (limit(min), limit(max));
            generated!(__shared::limited(#min, #max))
        }
    }
}
