//! From `#[validate(..)]` to checked rules.

use darling::FromMeta;
use darling::ast::NestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, LitStr, Meta, Path};

use super::bounds::Bounds;
use super::regex;
use crate::attribute::{Form, Keys, Value, path, text};
use crate::diagnostics::Errors;

/// One rule, checked: it can be expanded.
pub(crate) enum Rule {
    Range(Bounds),
    Length(Bounds),
    Email,
    Pattern(LitStr),
    Custom(Path),
    Nested,
}

const RULES: Keys<'_> = Keys {
    of: "validate",
    noun: "rule",
    known: &["range", "length", "email", "pattern", "custom", "nested"],
    repeatable: &["pattern", "custom"],
};

/// The rules in the `#[validate(..)]` attributes of one field.
pub(crate) fn rules(attributes: &[Attribute], errors: &mut Errors) -> Vec<Rule> {
    RULES.in_attributes(attributes, errors).iter().filter_map(|entry| rule(entry, errors)).collect()
}

fn rule(entry: &NestedMeta, errors: &mut Errors) -> Option<Rule> {
    let NestedMeta::Meta(meta) = entry else { return None };
    let key = meta.path();
    match key.get_ident()?.to_string().as_str() {
        "range" => Bounds::read(&value::<RangeList>(meta, errors)?.0, "range", key.span(), errors).map(Rule::Range),
        "length" => Bounds::read(&value::<LengthList>(meta, errors)?.0, "length", key.span(), errors).map(Rule::Length),
        "email" => value::<Email>(meta, errors).map(|Email| Rule::Email),
        "nested" => value::<Nested>(meta, errors).map(|Nested| Rule::Nested),
        "custom" => value::<Custom>(meta, errors).map(|Custom(path)| Rule::Custom(path)),
        "pattern" => {
            let Pattern(pattern) = value(meta, errors)?;
            match regex::defect(&pattern.value()) {
                None => Some(Rule::Pattern(pattern)),
                Some(defect) => {
                    errors.report(&pattern, defect);
                    None
                }
            }
        }
        _ => None,
    }
}

fn value<T: Form>(meta: &Meta, errors: &mut Errors) -> Option<T> {
    let value: Value<T> = errors.take(FromMeta::from_meta(meta))?;
    value.take(errors)
}

struct RangeList(syn::MetaList);

impl Form for RangeList {
    const TAKES: &'static str = "bounds, such as `range(min = 5, max = 480)`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_list().ok().cloned().map(Self)
    }
}

struct LengthList(syn::MetaList);

impl Form for LengthList {
    const TAKES: &'static str = "bounds, such as `length(max = 500)`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_list().ok().cloned().map(Self)
    }
}

struct Email;

impl Form for Email {
    const TAKES: &'static str = "no value: write `email`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_path_only().ok().map(|_| Self)
    }
}

struct Nested;

impl Form for Nested {
    const TAKES: &'static str = "no value: write `nested`";

    fn read(meta: &Meta) -> Option<Self> {
        meta.require_path_only().ok().map(|_| Self)
    }
}

struct Custom(Path);

impl Form for Custom {
    const TAKES: &'static str = "the path of a function, such as `custom = is_mrn`";

    fn read(meta: &Meta) -> Option<Self> {
        path(meta).map(Self)
    }
}

struct Pattern(LitStr);

impl Form for Pattern {
    const TAKES: &'static str = "a string literal, such as `pattern = \"^[A-Z]{2}[0-9]{6}$\"`";

    fn read(meta: &Meta) -> Option<Self> {
        text(meta).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use syn::{ItemStruct, parse_quote};

    use super::*;

    fn messages(item: &ItemStruct) -> Vec<String> {
        let mut errors = Errors::new();
        for field in &item.fields {
            rules(&field.attrs, &mut errors);
        }
        errors.messages()
    }

    #[test]
    fn every_rule_is_read() {
        let item: ItemStruct = parse_quote! {
            struct X {
                #[validate(range(min = 5, max = LIMIT), custom = crate::rules::even)]
                #[validate(custom = odd)]
                a: u32,
                #[validate(length(max = 3), email, pattern = "^a", nested)]
                b: String,
            }
        };
        let mut errors = Errors::new();
        let read: Vec<usize> = item.fields.iter().map(|field| rules(&field.attrs, &mut errors).len()).collect();
        assert_eq!((read, errors.messages()), (vec![3, 4], vec![]));
    }

    #[test]
    fn every_mistake_is_reported() {
        let item = parse_quote! {
            struct X {
                #[validate(rang(min = 5))] a: u32,
                #[validate(range = 5)] b: u32,
                #[validate(range(mim = 5))] c: u32,
                #[validate(range())] d: u32,
                #[validate(range(min = 10, max = 3))] e: u32,
                #[validate(email = true, email)] f: String,
                #[validate(custom = "is_mrn")] g: String,
                #[validate(pattern = "[a-z")] h: String,
                #[validate] i: String,
                #[validate(length(max = 1, max = 2))] j: String,
            }
        };
        let got = messages(&item);
        let expected = [
            "unknown `validate` rule `rang`; did you mean `range`?",
            "`range` takes bounds, such as `range(min = 5, max = 480)`",
            "unknown `range` key `mim`; did you mean `min`?",
            "`range` needs `min`, `max` or both",
            "`min` (10) is greater than `max` (3)",
            "`email` is set twice; remove one",
            "`email` takes no value: write `email`",
            "`custom` takes the path of a function, such as `custom = is_mrn`",
            "invalid regular expression: unclosed character class\n    [a-z\n    ^",
            "`validate` takes a list in parentheses, such as `#[validate(range(min = 5, max = 480))]`",
            "`max` is set twice; remove one",
        ];
        assert_eq!(got, expected);
    }
}
