//! The values of the rule `one_of`.

use proc_macro2::Span;
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, ExprUnary, Lit, LitStr, MetaList, Token, UnOp};

use crate::diagnostics::Errors;

/// At least one value, all of one kind, none twice.
pub(crate) enum Choice {
    Texts(Vec<LitStr>),
    /// As they were written, and what they are.
    Integers(Vec<(Expr, i128)>),
}

const NEEDS_VALUES: &str = "`one_of` needs the values that are allowed, such as `one_of(\"phone\", \"video\")`";
const TAKES_LITERALS: &str = "`one_of` takes texts or integers, such as `one_of(\"phone\", \"video\")`";
const OF_ONE_KIND: &str = "`one_of` takes either texts or integers, not both";

impl Choice {
    /// The values in `one_of(..)`, whose name stands at `key`.
    pub(crate) fn read(list: &MetaList, key: Span, errors: &mut Errors) -> Option<Self> {
        let parsed = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(list.tokens.clone());
        let values = errors.take(parsed)?;
        let before = errors.len();
        let mut choice = None;
        for value in values {
            match (value, &mut choice) {
                (Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), None) => choice = Some(Self::Texts(vec![text])),
                (Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), Some(Self::Texts(texts))) => {
                    if texts.iter().any(|other| other.value() == text.value()) {
                        errors.report(&text, twice(&text));
                    }
                    texts.push(text);
                }
                (Expr::Lit(ExprLit { lit: Lit::Str(text), .. }), Some(_)) => errors.report(&text, OF_ONE_KIND),
                (other, choice) => match (integer(&other), choice) {
                    (None, _) => errors.report(&other, TAKES_LITERALS),
                    (Some(number), choice @ None) => *choice = Some(Self::Integers(vec![(other, number)])),
                    (Some(number), Some(Self::Integers(numbers))) => {
                        if numbers.iter().any(|(_, earlier)| *earlier == number) {
                            errors.report(&other, twice(&other));
                        }
                        numbers.push((other, number));
                    }
                    (Some(_), Some(_)) => errors.report(&other, OF_ONE_KIND),
                },
            }
        }
        if choice.is_none() && errors.len() == before {
            errors.report_at(key, NEEDS_VALUES);
        }
        choice.filter(|_| errors.len() == before)
    }
}

fn twice(value: &impl ToTokens) -> String {
    format!("{} is in the list twice; remove one", value.to_token_stream())
}

fn integer(expr: &Expr) -> Option<i128> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => integer(expr).map(|number| -number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn read(list: &MetaList) -> (Option<Choice>, Vec<String>) {
        let mut errors = Errors::new();
        let choice = Choice::read(list, Span::call_site(), &mut errors);
        (choice, errors.messages())
    }

    #[test]
    fn texts_and_integers_are_read() {
        assert!(matches!(read(&parse_quote!(one_of("a", "b",))), (Some(Choice::Texts(texts)), _) if texts.len() == 2));
        let (integers, _) = read(&parse_quote!(one_of(-1, 0, 7u8)));
        assert!(matches!(&integers, Some(Choice::Integers(of)) if of.iter().map(|(_, n)| *n).eq([-1, 0, 7])));
    }

    #[test]
    fn every_mistake_is_reported() {
        for (list, message) in [
            (parse_quote!(one_of()), NEEDS_VALUES),
            (parse_quote!(one_of("a", 1)), OF_ONE_KIND),
            (parse_quote!(one_of(1, "a")), OF_ONE_KIND),
            (parse_quote!(one_of(1.5)), TAKES_LITERALS),
            (parse_quote!(one_of("a", A)), TAKES_LITERALS),
            (parse_quote!(one_of("a", "b", "a")), "\"a\" is in the list twice; remove one"),
            (parse_quote!(one_of(1, 0x1)), "0x1 is in the list twice; remove one"),
        ] {
            let (choice, messages) = read(&list);
            assert_eq!(messages, [message]);
            assert!(choice.is_none());
        }
    }
}
