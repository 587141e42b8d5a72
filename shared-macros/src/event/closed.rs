//! Whether a payload has room for keys that the type does not know.
//!
//! Only the names of types can be seen here, so a type counts as open unless its name is that of a well-known closed
//! one. To be wrong about that costs time and nothing else: an open payload is looked over for repeated keys.

use syn::{FieldsNamed, GenericArgument, PathArguments, Type};

use crate::wire;

/// The types that are written as one text, number or list, whatever crate they are from.
const CLOSED: &[&str] = &[
    "bool",
    "char",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "f32",
    "f64",
    "String",
    "str",
    "Uuid",
    "Utc",
    "DateTime",
    "NaiveDate",
    "NaiveTime",
    "NaiveDateTime",
    "Token",
    "Option",
    "Vec",
    "Box",
    "Phi",
];

pub(super) fn is_closed(fields: &FieldsNamed) -> bool {
    fields.named.iter().all(|field| {
        let read_otherwise = ["flatten", "with", "deserialize_with"].iter().any(|key| wire::has(&field.attrs, key));
        wire::has(&field.attrs, "skip") || (!read_otherwise && is_closed_type(&field.ty))
    })
}

fn is_closed_type(ty: &Type) -> bool {
    match ty {
        Type::Array(array) => is_closed_type(&array.elem),
        Type::Slice(slice) => is_closed_type(&slice.elem),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_closed_type),
        Type::Group(group) => is_closed_type(&group.elem),
        Type::Paren(paren) => is_closed_type(&paren.elem),
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else { return false };
            CLOSED.iter().any(|name| last.ident == name)
                && match &last.arguments {
                    PathArguments::None => true,
                    PathArguments::AngleBracketed(arguments) => arguments
                        .args
                        .iter()
                        .all(|argument| matches!(argument, GenericArgument::Type(ty) if is_closed_type(ty))),
                    PathArguments::Parenthesized(_) => false,
                }
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    #[test]
    fn what_is_made_of_texts_and_numbers_is_closed() {
        assert!(is_closed(&parse_quote!({
            id: Uuid,
            at: chrono::DateTime<Utc>,
            note: Option<Phi<String>>,
            tags: Vec<(String, [u8; 2])>,
            #[serde(skip)] cache: Map<String, Value>,
            #[serde(rename = "x")] y: bool,
        })));
        assert!(is_closed(&parse_quote!({})));
    }

    #[test]
    fn what_may_hold_anything_is_open() {
        for fields in [
            parse_quote!({ rest: Value }),
            parse_quote!({ rest: Option<HashMap<String, String>> }),
            parse_quote!({ lines: Vec<Line> }),
            parse_quote!({ #[serde(flatten)] text: String }),
            parse_quote!({ #[serde(with = "anything")] text: String }),
            parse_quote!({ text: Box<dyn Any> }),
        ] {
            let fields: FieldsNamed = fields;
            assert!(!is_closed(&fields));
        }
    }
}
