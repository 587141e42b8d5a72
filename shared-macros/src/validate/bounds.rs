//! The bounds of the rules `range` and `length`.

use darling::FromMeta;
use darling::ast::NestedMeta;
use proc_macro2::Span;
use quote::ToTokens;
use syn::{Expr, ExprLit, ExprUnary, Lit, Meta, MetaList, Type, UnOp};

use crate::attribute::{Form, Keys, Value, expression, options};
use crate::diagnostics::Errors;

/// At least one bound; `min` is not above `max` as far as the macro can tell.
pub(crate) enum Bounds {
    AtLeast(Expr),
    AtMost(Expr),
    Between(Expr, Expr),
    Exactly(Expr),
}

/// How a `length` is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Characters of a text, items of everything else.
    OfType,
    Bytes,
}

/// A bound of a `range`. What is no number may still be a constant or an expression for a date.
struct Limit(Expr);

impl Form for Limit {
    const TAKES: &'static str = "a number or an expression, such as `5`";

    fn read(meta: &Meta) -> Option<Self> {
        match expression(meta)? {
            Expr::Lit(ExprLit { lit: Lit::Int(_) | Lit::Float(_), .. }) => expression(meta).cloned().map(Self),
            Expr::Lit(_) | Expr::Verbatim(_) => None,
            other => Some(Self(other.clone())),
        }
    }
}

/// A bound of a `length`.
struct Count(Expr);

impl Form for Count {
    const TAKES: &'static str = "a number that is not negative, such as `5`, or a constant";

    fn read(meta: &Meta) -> Option<Self> {
        match expression(meta)? {
            // in an attribute, `-5` is one literal
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) if !number.base10_digits().starts_with('-') => {
                expression(meta).cloned().map(Self)
            }
            Expr::Lit(_) | Expr::Verbatim(_) | Expr::Unary(ExprUnary { op: UnOp::Neg(_), .. }) => None,
            other => Some(Self(other.clone())),
        }
    }
}

/// `bytes`, alone.
struct Bytes;

impl Form for Bytes {
    const TAKES: &'static str = "no value: write `length(bytes, max = 500)`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_path_only().ok().map(|_| Self)
    }
}

#[derive(Default, FromMeta)]
struct Range {
    min: Option<Value<Limit>>,
    max: Option<Value<Limit>>,
}

#[derive(Default, FromMeta)]
struct Length {
    bytes: Option<Value<Bytes>>,
    min: Option<Value<Count>>,
    max: Option<Value<Count>>,
    equal: Option<Value<Count>>,
}

impl Bounds {
    /// The bounds in `range(..)`, whose name stands at `key`.
    pub(crate) fn of_range(list: &MetaList, key: Span, errors: &mut Errors) -> Option<Self> {
        let before = errors.len();
        let entries = Keys::of("range", &["min", "max"]).in_list(list.tokens.clone(), errors);
        let given: Range = options(&entries, errors);
        let mut take = |value: Option<Value<Limit>>| value?.take(errors).map(|Limit(expr)| expr);
        let (min, max) = (take(given.min), take(given.max));
        if errors.len() > before {
            return None;
        }
        if min.is_none() && max.is_none() {
            errors.report_at(key, "`range` needs `min`, `max` or both");
        }
        Self::ordered(min, max, errors)
    }

    /// The bounds in `length(..)`, and what is counted.
    pub(crate) fn of_length(list: &MetaList, key: Span, errors: &mut Errors) -> Option<(Unit, Self)> {
        let before = errors.len();
        let keys = Keys::of("length", &["bytes", "min", "max", "equal"]);
        let entries: Vec<NestedMeta> = keys.in_list(list.tokens.clone(), errors);
        let given: Length = options(&entries, errors);
        let unit = match given.bytes.and_then(|value| value.take(errors)) {
            Some(Bytes) => Unit::Bytes,
            None => Unit::OfType,
        };
        let equal_at = given.equal.as_ref().map(Value::key);
        let mut take = |value: Option<Value<Count>>| value?.take(errors).map(|Count(expr)| expr);
        let (min, max, equal) = (take(given.min), take(given.max), take(given.equal));
        // a bound that was written wrongly has been reported already
        if errors.len() > before {
            return None;
        }
        let bounds = match (equal, equal_at) {
            (Some(_), Some(at)) if min.is_some() || max.is_some() => {
                let other = if min.is_some() { "min" } else { "max" };
                errors.report_at(
                    at,
                    format!("`equal` says both bounds, so it goes without `{other}`; remove one of the two"),
                );
                return None;
            }
            (Some(count), _) => Self::Exactly(count),
            (None, _) => {
                if min.is_none() && max.is_none() {
                    errors.report_at(key, "`length` needs `min`, `max`, both, or `equal`");
                }
                Self::ordered(min, max, errors)?
            }
        };
        Some((unit, bounds))
    }

    fn ordered(min: Option<Expr>, max: Option<Expr>, errors: &mut Errors) -> Option<Self> {
        if let (Some(min), Some(max)) = (&min, &max)
            && let (Some(low), Some(high)) = (Number::of(min), Number::of(max))
            && low.exceeds(high)
        {
            errors.report(min, exceeds(min, max));
            return None;
        }
        match (min, max) {
            (Some(min), Some(max)) => Some(Self::Between(min, max)),
            (Some(min), None) => Some(Self::AtLeast(min)),
            (None, Some(max)) => Some(Self::AtMost(max)),
            (None, None) => None,
        }
    }

    /// Whether all are numbers that fit any type: integers without a suffix.
    pub(crate) fn are_plain(&self) -> bool {
        let plain = |expr: &Expr| match expr {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.suffix().is_empty(),
            _ => false,
        };
        match self {
            Self::AtLeast(one) | Self::AtMost(one) | Self::Exactly(one) => plain(one),
            Self::Between(min, max) => plain(min) && plain(max),
        }
    }

    /// Both bounds, when they are constants that only the compiler can compare.
    ///
    /// `ty` is the type they are compared as; a type that the macro does not know for a number may not be
    /// comparable in a constant.
    pub(crate) fn constants(&self, ty: Option<&Type>) -> Option<(&Expr, &Expr)> {
        let Self::Between(min, max) = self else { return None };
        let literals = Number::of(min).is_some() && Number::of(max).is_some();
        (!literals && is_constant(min) && is_constant(max) && ty.is_none_or(is_number)).then_some((min, max))
    }
}

/// The value of an expression that is an integer, written out.
pub(crate) fn whole(expr: &Expr) -> Option<i128> {
    match Number::of(expr)? {
        Number::Whole(number) => Some(number),
        Number::Float(_) => None,
    }
}

/// The message about bounds the wrong way round.
pub(crate) fn exceeds(min: &Expr, max: &Expr) -> String {
    let text = |expr: &Expr| expr.to_token_stream().to_string().replace(' ', "");
    format!("`min` ({}) is greater than `max` ({})", text(min), text(max))
}

#[derive(Clone, Copy)]
enum Number {
    Whole(i128),
    Float(f64),
}

impl Number {
    fn of(expr: &Expr) -> Option<Self> {
        match expr {
            Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok().map(Self::Whole),
            Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) => number.base10_parse().ok().map(Self::Float),
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => Some(match Self::of(expr)? {
                Self::Whole(number) => Self::Whole(-number),
                Self::Float(number) => Self::Float(-number),
            }),
            _ => None,
        }
    }

    /// Whole and float do not compare: such a rule has a type error of its own.
    fn exceeds(self, other: Self) -> bool {
        match (self, other) {
            (Self::Whole(low), Self::Whole(high)) => low > high,
            (Self::Float(low), Self::Float(high)) => low > high,
            _ => false,
        }
    }
}

/// Whether the expression may stand in a constant of its own: `Self` may not.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) => true,
        Expr::Path(path) => {
            path.qself.is_none() && path.path.segments.first().is_some_and(|first| first.ident != "Self")
        }
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => is_constant(expr),
        _ => false,
    }
}

/// Whether the type is a number, perhaps inside `Option` or `Phi`.
fn is_number(ty: &Type) -> bool {
    const NUMBERS: [&str; 12] = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "usize", "isize", "f32", "f64"];
    let Type::Path(path) = ty else { return false };
    let Some(last) = path.path.segments.last() else { return false };
    match &last.arguments {
        syn::PathArguments::None => NUMBERS.iter().any(|number| last.ident == number),
        syn::PathArguments::AngleBracketed(arguments) if last.ident == "Option" || last.ident == "Phi" => arguments
            .args
            .iter()
            .all(|argument| matches!(argument, syn::GenericArgument::Type(inner) if is_number(inner))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn read(list: &MetaList) -> (Option<Bounds>, Vec<String>) {
        let mut errors = Errors::new();
        let bounds = Bounds::of_range(list, Span::call_site(), &mut errors);
        (bounds, errors.messages())
    }

    #[test]
    fn literals_are_compared_at_once() {
        for (list, message) in [
            (parse_quote!(range(min = -1, max = -5)), "`min` (-1) is greater than `max` (-5)"),
            (parse_quote!(range(min = 1.5, max = 1.0)), "`min` (1.5) is greater than `max` (1.0)"),
            (parse_quote!(range(min = 1_000u32, max = 999)), "`min` (1_000u32) is greater than `max` (999)"),
        ] {
            assert_eq!(read(&list).1, [message]);
        }
        assert!(read(&parse_quote!(range(min = 5, max = 5))).1.is_empty());
    }

    #[test]
    fn constants_are_left_to_the_compiler_when_it_can_compare_them() {
        let constant =
            |list: &MetaList, ty: Type| read(list).0.is_some_and(|bounds| bounds.constants(Some(&ty)).is_some());
        assert!(constant(&parse_quote!(range(min = LOW, max = HIGH)), parse_quote!(u32)));
        assert!(constant(&parse_quote!(range(min = -LOW, max = 4)), parse_quote!(Option<Phi<i64>>)));
        assert!(!constant(&parse_quote!(range(min = LOW, max = HIGH)), parse_quote!(DateTime<Utc>)));
        assert!(!constant(&parse_quote!(range(min = low(), max = HIGH)), parse_quote!(u32)));
        assert!(!constant(&parse_quote!(range(min = Self::LOW, max = 4)), parse_quote!(u32)));
        assert!(!constant(&parse_quote!(range(min = 1, max = 4)), parse_quote!(u32)));
        assert!(!constant(&parse_quote!(range(min = LOW)), parse_quote!(u32)));
    }
}
