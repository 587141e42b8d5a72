//! From checked rules to calls of `shared::validate::rules`.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Path, Type};

use super::bounds::{Bounds, Unit, exceeds};
use super::choice::Choice;
use super::{Rule, ValidatedField, table};
use crate::attribute::plain_name;
use crate::spans::{at, checked, ends, generated, in_block, respanned};

/// The `Validate` impl of a struct with these fields.
pub(crate) fn implementation(krate: &Path, target: &Ident, fields: &[ValidatedField], whole: &[Rule]) -> TokenStream {
    let (validate, orders) = (in_block(krate, &impl_of(target, fields, whole)), orders(krate, fields));
    generated!(#validate #orders)
}

/// The impl alone, for a block of its own. The rules of `whole` are those of the struct itself.
pub(crate) fn impl_of(target: &Ident, fields: &[ValidatedField], whole: &[Rule]) -> TokenStream {
    let name = plain_name(target);
    let names = names(fields);
    let ruled: Vec<&ValidatedField> = fields.iter().filter(|field| !field.rules.is_empty()).collect();
    let parameter = if ruled.is_empty() && whole.is_empty() { generated!(_) } else { generated!(__c) };
    let table = table::constant(&ruled, whole);
    let rules = ruled.into_iter().map(|field| {
        let ident = &field.ident;
        field_rules(field, &generated!(&self.#ident))
    });
    let whole = calls(whole, target, &generated!(self));
    generated! {
        #[automatically_derived]
        impl __shared::Validate for #target {
            const NAME: &'static str = #name;
            #names
            #table
            fn check(&self, #parameter: &mut __shared::Checker) { #(#rules)* #whole }
        }
    }
}

/// The names of the fields, where serde does not hand them out itself: a struct with something flattened into it is
/// read like a map.
fn names(fields: &[ValidatedField]) -> Option<TokenStream> {
    let names = fields.iter().map(|field| &field.name);
    let names = generated!(const FIELDS: &'static [&'static str] = &[#(#names),*];);
    fields.iter().any(|field| field.flattened).then_some(names)
}

/// The comparisons of all bounds that only the compiler can compare.
pub(crate) fn orders(krate: &Path, fields: &[ValidatedField]) -> TokenStream {
    fields.iter().map(|field| field_orders(krate, field)).collect()
}

/// The calls of a field's rules on `value`, a reference to its type, for a block; `__c` must be in scope.
pub(crate) fn field_rules(field: &ValidatedField, value: &TokenStream) -> TokenStream {
    let (name, calls) = (&field.name, calls(&field.rules, &field.ty, value));
    if field.flattened {
        return generated!({ #calls });
    }
    generated!(__c.field(#name, |__c| { #calls });)
}

/// One call for each rule, of a trait of the value's type.
pub(crate) fn calls(rules: &[Rule], ty: &impl ToTokens, value: &TokenStream) -> TokenStream {
    rules.iter().map(|rule| call(rule, ty, value)).collect()
}

fn call(rule: &Rule, ty: &impl ToTokens, value: &TokenStream) -> TokenStream {
    let rule_of = |rule: &str, method: &str| of_type(ty, rule, method);
    match rule {
        Rule::Range(bounds) => {
            let (method, limits) = limits(bounds);
            let rule = rule_of("RangeRule<_>", method);
            generated!(#rule(#value, __c, #limits);)
        }
        Rule::Length(unit, bounds) => {
            let (method, lengths) = lengths(bounds, "length");
            let rule = rule_of(length_rule(*unit), method);
            generated!(#rule(#value, __c, #lengths);)
        }
        Rule::Email => simple(&rule_of("EmailRule", "email"), value),
        Rule::Url => simple(&rule_of("UrlRule", "url"), value),
        Rule::Past => simple(&rule_of("PastRule", "past"), value),
        Rule::Future => simple(&rule_of("FutureRule", "future"), value),
        Rule::Nested => simple(&rule_of("NestedRule", "nested"), value),
        Rule::OneOf(Choice::Texts(texts)) => {
            let rule = rule_of("OneTextRule", "one_of");
            generated!(#rule(#value, __c, &[#(#texts),*]);)
        }
        Rule::OneOf(Choice::Integers(integers)) => {
            let (rule, integers) =
                (rule_of("OneIntegerRule<_>", "one_of"), integers.iter().map(|(written, _)| written));
            generated!(#rule(#value, __c, &[#(#integers),*]);)
        }
        // a function pointer, because its type is what the message about another signature quotes
        Rule::Custom(path) => {
            let rule = rule_of("CustomRule<_>", "custom");
            let signature = respanned(generated!(__shared::Custom<_>), path.span());
            generated! {
                let __rule: #signature = #path;
                #rule(#value, __c, __rule);
            }
        }
        Rule::Pattern(pattern) => {
            let rule = rule_of("PatternRule", "pattern");
            generated! {{
                static __PATTERN: ::std::sync::LazyLock<__shared::Regex> =
                    ::std::sync::LazyLock::new(|| __shared::regex(#pattern));
                #rule(#value, __c, &__PATTERN);
            }}
        }
        Rule::Each(rules) => {
            let (rule, item) = (rule_of("EachRule", "each"), item(ty));
            let calls = calls(rules, &item, &generated!(__item));
            // the compiler also looks at the call when the type has no items
            let arguments = generated!(#value, __c, |__item, __c| { #calls });
            let mut arguments = Group::new(Delimiter::Parenthesis, arguments);
            arguments.set_span(ends(ty).1);
            generated!(#rule #arguments;)
        }
    }
}

fn simple(rule: &TokenStream, value: &TokenStream) -> TokenStream {
    generated!(#rule(#value, __c);)
}

pub(super) const fn length_rule(unit: Unit) -> &'static str {
    match unit {
        Unit::OfType => "LengthRule",
        Unit::Bytes => "BytesRule",
    }
}

/// What a rule's trait says about the type. All of it stands where the type does: so does what is said about it.
pub(super) fn of_type(ty: &impl ToTokens, rule: &str, name: &str) -> TokenStream {
    let (first, last) = ends(ty);
    let (open, name) = (quote_spanned!(first=> <), Ident::new(name, last));
    let rule: TokenStream = rule.parse().unwrap_or_default();
    let rule = respanned(generated!(as __shared::#rule>::), at(last));
    generated!(#open #ty #rule #name)
}

/// The type of the items of a list.
pub(super) fn item(ty: &impl ToTokens) -> TokenStream {
    of_type(ty, "EachRule", "Item")
}

/// The method of a rule that takes these bounds, and what it takes.
fn limits(bounds: &Bounds) -> (&'static str, TokenStream) {
    match bounds {
        Bounds::AtLeast(min) => ("at_least", generated!(#min)),
        Bounds::AtMost(max) => ("at_most", generated!(#max)),
        Bounds::Between(min, max) => ("between", generated!(#min, #max)),
        Bounds::Exactly(count) => ("exactly", generated!(#count)),
    }
}

/// The method of a `length` that takes these bounds, and what it takes.
///
/// What is more than plain numbers goes to the method `general` as a constant: the same tokens in the call and in the
/// table, so that what is wrong with them is said once.
pub(super) fn lengths(bounds: &Bounds, general: &'static str) -> (&'static str, TokenStream) {
    let (method, limits) = limits(bounds);
    if bounds.are_plain() {
        return (method, limits);
    }
    let method = Ident::new(method, Span::mixed_site());
    (general, generated!(const { __shared::Lengths::#method(#limits) }))
}

/// The comparisons of a field's bounds, as items.
pub(crate) fn field_orders(krate: &Path, field: &ValidatedField) -> TokenStream {
    rule_orders(krate, &field.rules, Some(&field.ty))
}

fn rule_orders(krate: &Path, rules: &[Rule], ty: Option<&Type>) -> TokenStream {
    rules.iter().filter_map(|rule| order(rule, krate, ty)).collect()
}

/// Compares the bounds that only the compiler can: those that are constants. Of items the macro does not know the type.
fn order(rule: &Rule, krate: &Path, ty: Option<&Type>) -> Option<TokenStream> {
    let (min, max) = match rule {
        Rule::Range(bounds) => bounds.constants(Some(ty?))?,
        Rule::Length(_, bounds) => bounds.constants(None)?,
        Rule::Each(rules) => return Some(rule_orders(krate, rules, None)),
        _ => return None,
    };
    let message = exceeds(min, max);
    let check = generated!(#krate::__private::check_order);
    Some(checked(check, &generated!(#min <= #max, #message), min.span()))
}
