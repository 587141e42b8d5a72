use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use super::{expand_entity, expand_entity_enum, expand_entity_value};
use crate::pretty::lines;

/// The entity of the documentation: ten columns, two keys, a rule, an enum, a protected text.
fn appointment() -> TokenStream {
    quote! {
        #[entity(table = "appointments", unique(doctor_id, starts_at), index(patient_id, starts_at))]
        pub struct Appointment {
            #[entity(id)]
            pub id: Uuid,
            #[entity(references(Patient))]
            pub patient_id: Uuid,
            #[entity(references(Doctor))]
            pub doctor_id: Uuid,
            pub starts_at: DateTime<Utc>,
            #[validate(range(min = 5, max = 480))]
            pub duration_minutes: i32,
            pub status: Status,
            #[validate(length(max = 2000))]
            pub notes: Option<Phi<String>>,
            #[entity(version)]
            pub version: i64,
            #[entity(created_at)]
            pub created_at: DateTime<Utc>,
            #[entity(updated_at)]
            pub updated_at: DateTime<Utc>,
        }
    }
}

/// The texts of the string literals, in order.
fn texts(tokens: TokenStream) -> Vec<String> {
    let mut texts = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => texts.extend(self::texts(group.stream())),
            TokenTree::Literal(literal) => {
                let literal = syn::Lit::new(literal);
                if let syn::Lit::Str(text) = literal {
                    texts.push(text.value());
                }
            }
            _ => {}
        }
    }
    texts
}

fn messages(tokens: TokenStream) -> Vec<String> {
    let mut messages = Vec::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if token.to_string() == "compile_error" {
            let call = tokens.find_map(|token| match token {
                TokenTree::Group(group) => Some(group.stream()),
                _ => None,
            });
            messages.extend(call.map(texts).unwrap_or_default());
        }
    }
    messages
}

fn refused(tokens: TokenStream) -> Vec<String> {
    let expansion = expand_entity(tokens);
    syn::parse2::<syn::File>(expansion.clone()).expect("the errors and the stubs are items");
    messages(expansion)
}

#[test]
fn the_statements_are_complete_constants() {
    let texts = texts(expand_entity(appointment()));
    let columns = r#""id", "patient_id", "doctor_id", "starts_at", "duration_minutes", "status", "notes", "version", "created_at", "updated_at""#;
    for statement in [
        format!(r#"INSERT INTO "appointments" ({columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#),
        format!(r#"SELECT {columns} FROM "appointments" WHERE "id" = $1"#),
        r#"SELECT 1 FROM "appointments" WHERE "id" = $1"#.into(),
        r#"SELECT count(*) FROM "appointments""#.into(),
        r#"DELETE FROM "appointments" WHERE "id" = $1"#.into(),
        r#"DELETE FROM "appointments" WHERE "id" = $1 AND "version" = $2"#.into(),
        "appointments_doctor_id_starts_at_key".into(),
        "appointments_patient_id_starts_at_idx".into(),
        "appointments_doctor_id_fkey".into(),
    ] {
        assert!(texts.contains(&statement), "{statement} is not in {texts:#?}");
    }
}

#[test]
fn a_soft_delete_is_an_update() {
    let texts = texts(expand_entity(quote! {
        #[entity(table = "notes")]
        struct Note {
            #[entity(id)] id: Uuid,
            #[entity(version)] version: i64,
            #[entity(updated_at)] changed: DateTime<Utc>,
            #[entity(deleted_at, rename = "gone")] deleted: Option<DateTime<Utc>>,
        }
    }));
    let columns = r#""id", "version", "changed", "gone""#;
    for statement in [
        format!(r#"SELECT {columns} FROM "notes" WHERE "id" = $1 AND "gone" IS NULL"#),
        r#"SELECT count(*) FROM "notes" WHERE "gone" IS NULL"#.into(),
        r#"UPDATE "notes" SET "gone" = $1, "changed" = $1, "version" = "version" + 1 WHERE "id" = $2 AND "gone" IS NULL AND "version" = $3"#.into(),
        format!(
            r#"UPDATE "notes" SET "gone" = NULL, "changed" = $1, "version" = "version" + 1 WHERE "id" = $2 AND "gone" IS NOT NULL RETURNING {columns}"#
        ),
    ] {
        assert!(texts.contains(&statement), "{statement} is not in {texts:#?}");
    }
}

#[test]
fn every_mistake_is_reported() {
    let messages = refused(quote! {
        #[entity(table = "1st", unique(name, nmae))]
        struct Patient {
            #[entity(idd)] id: Uuid,
            #[entity(version, created_at)] version: i64,
            count: Option<u64>,
            name: String,
        }
    });
    assert_eq!(
        messages,
        [
            "unknown `entity` key `idd`; did you mean `id`?",
            "`1st` cannot be the name of a table: use letters, digits and `_`, and no digit at the start",
            "a field cannot be both `version` and `created_at`; remove one of the two",
            "`u64` does not fit a signed 64-bit column\nhelp: use `i64`",
            "`unique(..)` names no column: `nmae`; did you mean `name`?",
        ]
    );
}

#[test]
fn what_is_no_struct_with_fields_is_refused() {
    for item in [
        quote!(
            enum E {
                A,
            }
        ),
        quote!(
            struct T(Uuid);
        ),
        quote!(
            struct U;
        ),
        quote!(union V { a: u8 }),
    ] {
        let messages = refused(quote!(#[entity(table = "t")] #item));
        assert_eq!(messages, ["an entity is a struct with named fields: they are the columns of its table"]);
    }
    let messages = refused(quote!(
        #[entity(table = "t")]
        struct G<T> {
            #[entity(id)]
            id: Uuid,
            t: T,
        }
    ));
    assert_eq!(messages.len(), 1, "{messages:?}");
}

#[test]
fn an_enum_is_stored_by_its_names() {
    let expansion = expand_entity_enum(quote!(
        enum Status {
            Booked,
            NoShow,
            #[entity(rename = "it's over")]
            Over,
        }
    ));
    syn::parse2::<syn::File>(expansion.clone()).expect("impls");
    assert!(texts(expansion.clone()).contains(&"no_show".to_owned()));
    assert!(!expansion.to_string().contains("SubjectToken"), "a blank in a text makes no subject token");
    let expansion = expand_entity_enum(quote!(
        enum Status {
            Booked,
            NoShow,
        }
    ));
    assert!(expansion.to_string().contains("SubjectToken"));
    let refused = messages(expand_entity_enum(quote!(
        enum Status {
            NoShow,
            #[entity(rename = "no_show")]
            Gone,
        }
    )));
    assert_eq!(refused, ["`NoShow` and `Gone` are both stored as \"no_show\""]);
}

#[test]
fn a_newtype_is_around_one_value() {
    let expansion = expand_entity_value(quote!(
        pub struct PatientId(Uuid);
    ));
    syn::parse2::<syn::File>(expansion).expect("impls");
    for item in [
        quote!(
            struct A(u8, u8);
        ),
        quote!(
            struct A {
                a: u8,
            }
        ),
        quote!(
            struct A;
        ),
        quote!(
            enum A {
                B,
            }
        ),
    ] {
        let refused = messages(expand_entity_value(item));
        assert!(refused.len() == 1 && refused[0].contains("around one value"), "{refused:?}");
    }
}

/// The cost of an entity in a user's build: what a derive writes, the compiler has to read.
#[test]
fn an_entity_of_ten_columns_expands_to_at_most_300_lines() {
    let lines = lines(&expand_entity(appointment()));
    assert!(lines <= 300, "{lines} lines");
}
