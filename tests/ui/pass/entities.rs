//! Entities in unusual surroundings: nothing in scope, names in the way, strict lints, inside functions and macros,
//! under another crate's name.
#![no_implicit_prelude]
#![deny(warnings, missing_docs, clippy::all, clippy::pedantic, unused_qualifications)]

extern crate shared as my_shared;

/// Types that are called like what generated code uses.
mod names {
    #![allow(dead_code, non_camel_case_types, non_upper_case_globals)]
    pub struct Result;
    pub struct Option;
    pub struct String;
    pub struct Vec;
    pub struct Column;
    pub struct Filter;
    pub struct Args;
    pub struct Row;
    pub struct Entity;
    pub struct EntityValue;
    pub trait Iterator {}
    pub trait Default {}
    pub trait From {}
    pub trait Into {}
    pub const row: u8 = 0;
    pub const args: u8 = 0;
    pub const now: u8 = 0;
    pub const set: u8 = 0;
    pub const checker: u8 = 0;
    pub static inner: u8 = 0;
    pub struct text;
    pub mod core {}
    pub mod std {}
    pub mod shared {}
}
#[allow(unused_imports)]
use self::names::*;

/// A typed id.
#[derive(
    ::core::fmt::Debug,
    ::core::clone::Clone,
    ::core::marker::Copy,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::hash::Hash,
    my_shared::EntityValue,
)]
#[entity(crate = my_shared)]
pub struct BedId(my_shared::prelude::Uuid);

/// Whether it is taken.
#[derive(::core::fmt::Debug, ::core::clone::Clone, ::core::cmp::PartialEq, ::core::cmp::Eq, my_shared::EntityEnum)]
#[entity(crate = my_shared)]
pub enum State {
    /// It is.
    Taken,
    /// It is not.
    Free,
}

/// A bed. Its columns are keywords of Rust and of SQL.
#[derive(::core::fmt::Debug, ::core::clone::Clone, my_shared::Entity)]
#[entity(table = "select", unique(r#type, order), index(order), crate = my_shared)]
pub struct Bed {
    /// The id.
    #[entity(id)]
    pub id: BedId,
    /// What kind.
    #[validate(length(min = 1), pattern = "^[a-z]+$", custom = not_reserved)]
    pub r#type: ::std::string::String,
    /// Its place.
    #[validate(range(min = 1, max = 9))]
    pub order: i32,
    /// Whether it is taken.
    pub state: State,
    /// Who is in it.
    #[validate(email)]
    pub r#in: ::core::option::Option<my_shared::Phi<::std::string::String>>,
    /// The bed that it belongs to.
    #[entity(references(Bed))]
    pub of: ::core::option::Option<BedId>,
    /// Not stored.
    #[entity(skip)]
    pub cache: ::std::vec::Vec<u8>,
    #[entity(version)]
    version: i64,
    #[entity(created_at)]
    made: my_shared::prelude::DateTime<my_shared::prelude::Utc>,
    #[entity(updated_at)]
    changed: my_shared::prelude::DateTime<my_shared::prelude::Utc>,
    #[entity(deleted_at)]
    gone: ::core::option::Option<my_shared::prelude::DateTime<my_shared::prelude::Utc>>,
}

fn not_reserved(text_of: &::std::string::String) -> ::core::result::Result<(), &'static str> {
    if text_of == "reserved" { ::core::result::Result::Err("something else") } else { ::core::result::Result::Ok(()) }
}

macro_rules! entity {
    ($name:ident, $table:literal, $field:ident: $ty:ty) => {
        /// Made by a macro.
        #[derive(::core::fmt::Debug, ::core::clone::Clone, my_shared::Entity)]
        #[entity(table = $table, crate = my_shared)]
        pub struct $name {
            /// The id.
            #[entity(id, given)]
            pub $field: $ty,
        }
    };
}
entity!(Ward, "wards", code: ::std::string::String);

/// Some of a bed.
#[derive(::core::fmt::Debug, my_shared::Projection)]
#[projection(of = Bed, crate = my_shared)]
pub struct Place {
    /// What kind.
    pub r#type: ::std::string::String,
    /// Who is in it.
    #[projection(column = r#in)]
    pub who: ::core::option::Option<my_shared::Phi<::std::string::String>>,
    /// When it was changed.
    pub changed: my_shared::prelude::DateTime<my_shared::prelude::Utc>,
}

macro_rules! projection {
    ($name:ident of $entity:ident, $field:ident: $ty:ty = $column:ident) => {
        /// Made by a macro.
        #[derive(::core::fmt::Debug, my_shared::Projection)]
        #[projection(of = $entity, crate = my_shared)]
        pub struct $name {
            /// The column.
            #[projection(column = $column)]
            pub $field: $ty,
        }
    };
}
projection!(Code of Ward, key: ::std::string::String = code);

#[::core::prelude::v1::test]
fn what_is_generated_works() {
    use my_shared::entity::{Entity, NewEntity};
    use my_shared::validate::Validate;

    #[derive(::core::fmt::Debug, ::core::clone::Clone, my_shared::Entity)]
    #[entity(table = "locals", crate = my_shared)]
    struct Local {
        #[entity(id, given)]
        id: i64,
    }

    let new = NewBed {
        r#type: ::std::string::ToString::to_string("icu"),
        order: 1,
        state: State::Free,
        r#in: ::core::option::Option::None,
        of: ::core::option::Option::None,
    };
    ::std::assert!(Validate::validate(&new).is_ok());
    let bed = NewEntity::into_entity(new).unwrap();
    ::std::assert_eq!(bed.version, 1);
    ::std::assert_eq!(bed.made, bed.changed);
    ::std::assert!(bed.gone.is_none() && bed.cache.is_empty());
    let patch = BedPatch::new().r#type("reserved").order(10).r#in("nobody").state(State::Taken).of(bed.id);
    let violations = Validate::validate(&patch).unwrap_err();
    ::std::assert_eq!(::core::iter::Iterator::count(violations.iter()), 3);
    let filter = Bed::by_type_and_order("icu", 1) & !Bed::IN.is_null() & Bed::STATE.eq(State::Free);
    ::std::assert_eq!(
        ::std::format!("{filter:?}"),
        "(type = ‹value› & order = ‹value› & in is not null & state = ‹value›)"
    );
    ::std::assert_eq!(<Bed as Entity>::DEF.columns.len(), 10);
    ::std::assert_eq!(<Ward as Entity>::DEF.id_column().name, "code");
    ::std::assert_eq!(<Place as my_shared::entity::Projection<Bed>>::COLUMNS, ["type", "in", "changed"]);
    ::std::assert_eq!(<Code as my_shared::entity::Projection<Ward>>::COLUMNS, ["code"]);
    let local = NewEntity::into_entity(NewLocal { id: 7 }).unwrap();
    ::std::assert_eq!(Entity::id(&local), &7);
    ::std::assert_eq!(::std::convert::Into::<my_shared::prelude::Uuid>::into(bed.id), bed.id.0);
}
