//! The names that fields have in JSON, as far as `#[serde(..)]` says so plainly.
//!
//! They end up in error paths, so that whoever sent a payload finds the field under the name they wrote.
//! Whatever is not understood here is serde's business and left to it.

use darling::ast::NestedMeta;
use proc_macro2::Span;
use syn::spanned::Spanned as _;
use syn::{Attribute, Expr, ExprLit, Field, Lit, Meta};

use crate::attribute::plain_name;

/// The container's `rename_all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    AsWritten,
    Lower,
    Upper,
    Pascal,
    Camel,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Case {
    /// Reads `#[serde(rename_all = "…")]` of a struct.
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        match deserialize_text(attributes, "rename_all").as_deref() {
            Some("lowercase") => Self::Lower,
            Some("UPPERCASE") => Self::Upper,
            Some("PascalCase") => Self::Pascal,
            Some("camelCase") => Self::Camel,
            Some("SCREAMING_SNAKE_CASE") => Self::ScreamingSnake,
            Some("kebab-case") => Self::Kebab,
            Some("SCREAMING-KEBAB-CASE") => Self::ScreamingKebab,
            _ => Self::AsWritten,
        }
    }

    fn apply(self, name: &str) -> String {
        match self {
            Self::AsWritten | Self::Lower => name.to_owned(),
            Self::Upper | Self::ScreamingSnake => name.to_ascii_uppercase(),
            Self::Pascal => name.split('_').map(capitalized).collect(),
            // as serde does it, also for `_id` and `Id`
            Self::Camel => {
                let pascal = Self::Pascal.apply(name);
                let mut chars = pascal.chars();
                chars.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + chars.as_str())
            }
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// The names of a field in JSON.
pub(crate) enum Names {
    /// Written and read by one name.
    Same(String),
    /// Written by one name and read by another.
    Differ { written: String, read: String, at: Span },
}

/// The names by which a named field is written and read.
pub(crate) fn names(field: &Field, case: Case) -> Names {
    let read = name(field, case);
    match (direction_text(&field.attrs, "rename", "serialize"), place(&field.attrs, "rename")) {
        (Some(written), Some(at)) if written != read => Names::Differ { written, read, at },
        _ => Names::Same(read),
    }
}

/// Where the key is, when it says one thing for writing and another for reading.
pub(crate) fn differing(attributes: &[Attribute], key: &str) -> Option<Span> {
    let [written, read] = ["serialize", "deserialize"].map(|direction| direction_text(attributes, key, direction));
    if written == read { None } else { place(attributes, key) }
}

/// Whether an attribute has the key, with or without a value.
pub(crate) fn has(attributes: &[Attribute], key: &str) -> bool {
    place(attributes, key).is_some()
}

/// Where an attribute has the key.
pub(crate) fn place(attributes: &[Attribute], key: &str) -> Option<Span> {
    entries(attributes).find_map(|entry| match entry {
        NestedMeta::Meta(meta) if meta.path().is_ident(key) => Some(meta.path().span()),
        _ => None,
    })
}

/// The text of `key = "…"`.
pub(crate) fn text(attributes: &[Attribute], key: &str) -> Option<String> {
    deserialize_text(attributes, key)
}

/// The name of a named field in JSON.
pub(crate) fn name(field: &Field, case: Case) -> String {
    deserialize_text(&field.attrs, "rename")
        .unwrap_or_else(|| case.apply(&field.ident.as_ref().map(plain_name).unwrap_or_default()))
}

fn entries(attributes: &[Attribute]) -> impl Iterator<Item = NestedMeta> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
        .filter_map(|attribute| match &attribute.meta {
            Meta::List(list) => NestedMeta::parse_meta_list(list.tokens.clone()).ok(),
            _ => None,
        })
        .flatten()
}

/// The text of `key = "…"` or of `key(deserialize = "…")`.
fn deserialize_text(attributes: &[Attribute], key: &str) -> Option<String> {
    direction_text(attributes, key, "deserialize")
}

/// The text of `key = "…"` or of `key(direction = "…")`.
fn direction_text(attributes: &[Attribute], key: &str, direction: &str) -> Option<String> {
    entries(attributes).find_map(|entry| match entry {
        NestedMeta::Meta(Meta::NameValue(pair)) if pair.path.is_ident(key) => literal(&pair.value),
        NestedMeta::Meta(Meta::List(list)) if list.path.is_ident(key) => {
            NestedMeta::parse_meta_list(list.tokens).ok()?.into_iter().find_map(|entry| match entry {
                NestedMeta::Meta(Meta::NameValue(pair)) if pair.path.is_ident(direction) => literal(&pair.value),
                _ => None,
            })
        }
        _ => None,
    })
}

fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use syn::{ItemStruct, parse_quote};

    use super::*;

    fn names(item: &ItemStruct) -> Vec<String> {
        let case = Case::of(&item.attrs);
        item.fields.iter().map(|field| name(field, case)).collect()
    }

    #[test]
    fn underscores_at_the_start_are_dropped_as_serde_does_it() {
        for case in ["camelCase", "PascalCase"] {
            let item = parse_quote! {
                #[serde(rename_all = #case)]
                struct X {
                    _doctor_id: u8,
                    a__b: u8,
                }
            };
            let expected = if case == "camelCase" { ["doctorId", "aB"] } else { ["DoctorId", "AB"] };
            assert_eq!(names(&item), expected);
        }
    }

    #[test]
    fn plain_fields_keep_their_names() {
        assert_eq!(
            names(&parse_quote!(
                struct X {
                    r#type: u8,
                    doctor_id: u8,
                }
            )),
            ["type", "doctor_id"]
        );
    }

    #[test]
    fn renames_and_cases_are_respected() {
        for (case, expected) in [
            ("camelCase", "doctorId"),
            ("PascalCase", "DoctorId"),
            ("UPPERCASE", "DOCTOR_ID"),
            ("SCREAMING_SNAKE_CASE", "DOCTOR_ID"),
            ("kebab-case", "doctor-id"),
            ("SCREAMING-KEBAB-CASE", "DOCTOR-ID"),
            ("snake_case", "doctor_id"),
            ("lowercase", "doctor_id"),
        ] {
            let item = parse_quote! {
                #[serde(deny_unknown_fields, rename_all = #case)]
                struct X {
                    doctor_id: u8,
                    #[serde(default, rename = "when")] at: u8,
                    #[serde(rename(serialize = "s", deserialize = "d"))] both: u8,
                }
            };
            assert_eq!(names(&item), [expected, "when", "d"]);
        }
        assert_eq!(
            names(&parse_quote!(
                #[serde(rename_all(deserialize = "camelCase"))]
                struct X {
                    doctor_id: u8,
                }
            )),
            ["doctorId"]
        );
    }
}
