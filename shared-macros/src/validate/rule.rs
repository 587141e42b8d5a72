//! From `#[validate(..)]` to checked rules.

use darling::FromMeta;
use darling::ast::NestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, LitStr, Meta, MetaList, Path};

use super::bounds::{Bounds, Unit};
use super::choice::Choice;
use super::regex;
use crate::attribute::{CratePath, Form, Keys, Value, path, text};
use crate::diagnostics::Errors;

/// One rule, checked: it can be expanded.
pub(crate) enum Rule {
    Range(Bounds),
    Length(Unit, Bounds),
    Email,
    Url,
    Pattern(LitStr),
    OneOf(Choice),
    Past,
    Future,
    Custom(Path),
    Nested,
    Each(Vec<Rule>),
}

const NAMES: &[&str] =
    &["range", "length", "email", "url", "pattern", "one_of", "past", "future", "custom", "nested", "each"];

const RULES: Keys<'_> = Keys { of: "validate", noun: "rule", known: NAMES, repeatable: &["pattern", "custom"] };

/// On a struct, the rules of its fields are known so that they can be sent there.
const ON_STRUCT: Keys<'_> = Keys { repeatable: NAMES, ..RULES };

/// On a struct whose derive has no other attribute that could say where the crate is.
const ON_BARE_STRUCT: Keys<'_> = Keys {
    known: &[
        "custom", "crate", "range", "length", "email", "url", "pattern", "one_of", "past", "future", "nested", "each",
    ],
    ..ON_STRUCT
};

/// The rules in the `#[validate(..)]` attributes of one field.
pub(crate) fn rules(attributes: &[Attribute], errors: &mut Errors) -> Vec<Rule> {
    RULES.in_attributes(attributes, errors).iter().filter_map(|entry| rule(entry, errors)).collect()
}

/// The rules in the `#[validate(..)]` attributes of a struct: functions that see all of its fields.
pub(crate) fn rules_of_struct(attributes: &[Attribute], errors: &mut Errors) -> Vec<Rule> {
    let entries = ON_STRUCT.in_attributes(attributes, errors);
    entries.iter().filter_map(|entry| rule_of_struct(entry, errors)).collect()
}

/// As [`rules_of_struct`], with `crate = path`.
pub(crate) fn rules_and_crate(attributes: &[Attribute], errors: &mut Errors) -> (Vec<Rule>, Option<Value<CratePath>>) {
    let entries = ON_BARE_STRUCT.in_attributes(attributes, errors);
    let (of_crate, rules): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| key(entry).is_some_and(|key| key.is_ident("crate")));
    let krate = of_crate.into_iter().find_map(|entry| match entry {
        NestedMeta::Meta(meta) => errors.take(FromMeta::from_meta(&meta)),
        NestedMeta::Lit(_) | NestedMeta::NameValueInvalidExpr(_) => None,
    });
    (rules.iter().filter_map(|entry| rule_of_struct(entry, errors)).collect(), krate)
}

fn key(entry: &NestedMeta) -> Option<&Path> {
    match entry {
        NestedMeta::Meta(meta) => Some(meta.path()),
        NestedMeta::Lit(_) | NestedMeta::NameValueInvalidExpr(_) => None,
    }
}

fn rule_of_struct(entry: &NestedMeta, errors: &mut Errors) -> Option<Rule> {
    let key = key(entry)?;
    if key.is_ident("custom") {
        return rule(entry, errors);
    }
    let name = key.get_ident()?;
    errors.report(key, format!("`{name}` is a rule for a field; the struct itself takes `custom = path`"));
    None
}

fn rule(entry: &NestedMeta, errors: &mut Errors) -> Option<Rule> {
    let NestedMeta::Meta(meta) = entry else { return None };
    let key = meta.path();
    match key.get_ident()?.to_string().as_str() {
        "range" => Bounds::of_range(&value::<RangeList>(meta, errors)?.0, key.span(), errors).map(Rule::Range),
        "length" => Bounds::of_length(&value::<LengthList>(meta, errors)?.0, key.span(), errors)
            .map(|(unit, bounds)| Rule::Length(unit, bounds)),
        "one_of" => Choice::read(&value::<OneOfList>(meta, errors)?.0, key.span(), errors).map(Rule::OneOf),
        "each" => each(&value::<EachList>(meta, errors)?.0, key, errors).map(Rule::Each),
        "email" => value::<Email>(meta, errors).map(|Email| Rule::Email),
        "url" => value::<Url>(meta, errors).map(|Url| Rule::Url),
        "past" => value::<Past>(meta, errors).map(|Past| Rule::Past),
        "future" => value::<Future>(meta, errors).map(|Future| Rule::Future),
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

fn each(list: &MetaList, key: &Path, errors: &mut Errors) -> Option<Vec<Rule>> {
    let before = errors.len();
    let entries = RULES.in_list(list.tokens.clone(), errors);
    let rules: Vec<Rule> = entries.iter().filter_map(|entry| rule(entry, errors)).collect();
    if rules.is_empty() && errors.len() == before {
        errors.report(key, "`each` needs a rule, such as `each(length(max = 20))`");
    }
    (errors.len() == before).then_some(rules)
}

fn value<T: Form>(meta: &Meta, errors: &mut Errors) -> Option<T> {
    let value: Value<T> = errors.take(FromMeta::from_meta(meta))?;
    value.take(errors)
}

macro_rules! lists {
    ($($name:ident: $takes:literal;)*) => {$(
        struct $name(MetaList);

        impl Form for $name {
            const TAKES: &'static str = $takes;

            fn read(meta: &Meta) -> Option<Self> {
                meta.require_list().ok().cloned().map(Self)
            }
        }
    )*};
}

lists! {
    RangeList: "bounds, such as `range(min = 5, max = 480)`";
    LengthList: "bounds, such as `length(max = 500)`";
    OneOfList: "the values that are allowed, such as `one_of(\"phone\", \"video\")`";
    EachList: "rules for the items, such as `each(length(max = 20))`";
}

macro_rules! flags {
    ($($name:ident: $takes:literal;)*) => {$(
        struct $name;

        impl Form for $name {
            const TAKES: &'static str = $takes;

            fn read(meta: &Meta) -> Option<Self> {
                meta.require_path_only().ok().map(|_| Self)
            }
        }
    )*};
}

flags! {
    Email: "no value: write `email`";
    Url: "no value: write `url`";
    Past: "no value: write `past`";
    Future: "no value: write `future`";
    Nested: "no value: write `nested`";
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
                #[validate(length(bytes, equal = LIMIT), url, one_of("a", "b"), past, future, each(email, each(url)))]
                c: String,
            }
        };
        let mut errors = Errors::new();
        let read: Vec<usize> = item.fields.iter().map(|field| rules(&field.attrs, &mut errors).len()).collect();
        assert_eq!((read, errors.messages()), (vec![3, 4, 6], vec![]));
    }

    #[test]
    fn a_struct_has_functions_for_rules() {
        let item: ItemStruct = parse_quote! {
            #[validate(custom = a, custom = crate::b, crate = ::platform)]
            #[validate(email, range(min = 5))]
            struct X {}
        };
        let mut errors = Errors::new();
        let (rules, krate) = rules_and_crate(&item.attrs, &mut errors);
        assert!(krate.is_some_and(|path| path.take(&mut errors).is_some()));
        assert_eq!(rules.len(), 2);
        assert_eq!(
            errors.messages(),
            [
                "`email` is a rule for a field; the struct itself takes `custom = path`",
                "`range` is a rule for a field; the struct itself takes `custom = path`",
            ]
        );
        let mut errors = Errors::new();
        rules_of_struct(&item.attrs, &mut errors);
        assert_eq!(
            errors.messages()[0],
            "unknown `validate` rule `crate`; there are `range`, `length`, `email`, `url`, `pattern`, `one_of`, `past`, `future`, `custom`, `nested` and `each`"
        );
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
