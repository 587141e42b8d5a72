//! The macros need nothing in scope, and no name of the user's gets in their way.
#![no_implicit_prelude]
#![allow(dead_code)] // the names are there to be in the way

/// Types that are called like what generated code uses.
mod names {
    pub struct Result;
    pub struct Option;
    pub struct String;
    pub struct Vec;
    pub struct Box;
    pub struct Cow;
    pub struct Self_;
    pub trait Validate {}
    pub trait Event {}
    pub trait EventSet {}
    pub trait Publish {}
    pub trait Serialize {}
    pub trait From {}
    pub trait Into {}
    pub trait Send {}
    pub trait Sync {}
    pub trait Future {}
    #[allow(non_upper_case_globals)]
    pub const checker: u8 = 0;
    #[allow(non_upper_case_globals)]
    pub const event: u8 = 0;
    #[allow(non_upper_case_globals)]
    pub static call: u8 = 0;
    #[allow(non_upper_case_globals)]
    pub const parts: u8 = 0;
    #[allow(non_camel_case_types)]
    pub struct states;
    #[allow(non_camel_case_types)]
    pub struct tx;
    pub mod core {}
    pub mod std {}
    pub mod shared {}
    pub mod serde {}
}
#[allow(unused_imports)]
use self::names::*;

#[derive(::core::fmt::Debug, ::core::clone::Clone, ::serde::Serialize, ::serde::Deserialize, ::shared::Event)]
#[event(subject = "clinic.{clinic}.{type}.opened", key = r#type, version = 2, type = "clinic.opened")]
#[serde(rename_all = "camelCase")]
struct Opened {
    clinic: u32,
    r#type: bool,
    #[validate(range(min = -5, max = 5))]
    floor_number: i32,
    #[validate(length(min = 1), pattern = "^[a-z]+$", custom = not_reserved)]
    r#fn: ::std::string::String,
    #[validate(nested)]
    // the derive of schemars needs the prelude
    #[event(json(::std::vec::Vec<::std::collections::BTreeMap<::std::string::String, u8>>))]
    rooms: ::std::vec::Vec<Room>,
    #[validate(email)]
    contact: ::core::option::Option<::shared::Phi<::std::string::String>>,
}

#[derive(::core::fmt::Debug, ::core::clone::Clone, ::serde::Serialize, ::serde::Deserialize, ::shared::Validate)]
#[validate(custom = not_empty)]
struct Room {
    #[validate(range(max = 40), one_of(0, 1, 2, 41))]
    beds: u8,
    #[serde(default)]
    #[validate(each(each(length(bytes, max = LONGEST), one_of("a", "b"), custom = not_reserved), length(equal = 1)))]
    labels: ::std::vec::Vec<::std::vec::Vec<::std::string::String>>,
    #[serde(default)]
    #[validate(url)]
    page: ::core::option::Option<::std::string::String>,
}

const LONGEST: usize = 5;

fn not_empty(_: &Room) -> ::core::result::Result<(), &'static str> {
    ::core::result::Result::Ok(())
}

fn not_reserved(text: &::std::string::String) -> ::core::result::Result<(), &'static str> {
    if text == "reserved" { ::core::result::Result::Err("something else") } else { ::core::result::Result::Ok(()) }
}

#[derive(::core::fmt::Debug, ::core::clone::Clone, ::serde::Serialize, ::serde::Deserialize, ::shared::Event)]
#[event(subject = "clinic.closed")]
struct Closed {}

#[derive(::core::fmt::Debug, ::core::clone::Clone, ::shared::Event)]
#[event(domain = "clinic")]
enum ClinicEvent {
    Opened(Opened),
    Closed(Closed),
}

#[derive(::core::fmt::Debug, ::core::clone::Clone, ::shared::Event)]
#[event(domain = "clinic", subset_of = ClinicEvent)]
enum Openings {
    Opened(Opened),
}

#[::shared::subscribe("clinic.>", retry(max = 3, backoff = "1s..10s"), timeout = "5s")]
async fn r#match(
    happened: ClinicEvent,
    transaction: &mut ::shared::Tx,
    meta: &::shared::Metadata,
    ::shared::State(limit): ::shared::State<u8>,
) -> ::shared::Result<::core::option::Option<Closed>> {
    let _ = (happened, transaction, meta, limit);
    ::core::result::Result::Ok(::core::option::Option::None)
}

// called like the locals of generated code
#[::shared::subscribe("clinic.closed")]
async fn argument0(_: Closed) {}

#[::shared::subscribe("clinic.*.true.opened")]
async fn query(opened: Opened, _: ::shared::Db) -> Opened {
    opened
}

#[derive(::core::fmt::Debug, ::serde::Serialize, ::serde::Deserialize, ::shared::Query)]
#[query(subject = "clinic.rooms.count", reply = ::core::option::Option<u32>)]
struct CountRooms {
    #[validate(range(max = 40))]
    r#type: u32,
    #[validate(custom = not_reserved)]
    name: ::std::string::String,
}

#[::shared::respond("clinic.rooms.count", concurrency = 3, timeout = "5s")]
async fn r#loop(
    asked: CountRooms,
    transaction: &mut ::shared::Tx,
    ::shared::State(limit): ::shared::State<u8>,
) -> ::shared::Result<::core::option::Option<u32>> {
    let _ = (transaction, limit);
    ::core::result::Result::Ok(::core::option::Option::Some(asked.r#type))
}

fn room(beds: u8) -> Room {
    Room { beds, labels: ::std::vec::Vec::new(), page: ::core::option::Option::None }
}

#[::core::prelude::v1::test]
fn what_is_generated_works() {
    use ::shared::event::{Event, EventSet, Publish};

    ::std::assert_eq!(<Opened as Event>::TYPE, "clinic.opened");
    let keys: ::std::vec::Vec<&str> = ::core::iter::Iterator::collect(::core::iter::Iterator::map(
        <[_]>::iter(<Opened as Event>::SCHEMA.fields),
        |field| field.name,
    ));
    ::std::assert_eq!(keys, ["clinic", "type", "floorNumber", "fn", "rooms", "contact"]);
    ::std::assert_eq!(<ClinicEvent as EventSet>::SUBJECTS, ["clinic.{clinic}.{type}.opened", "clinic.closed"]);
    ::std::assert_eq!(<Openings as EventSet>::UNIVERSE.len(), 2);

    let good = Opened {
        clinic: 7,
        r#type: true,
        floor_number: -5,
        r#fn: ::std::string::ToString::to_string("surgery"),
        rooms: ::std::vec![room(2)],
        contact: ::core::option::Option::None,
    };
    let draft = good.draft().expect("it is valid");
    ::std::assert_eq!(draft.subject, "clinic.7.true.opened");
    ::std::assert_eq!(draft.key.as_deref(), ::core::option::Option::Some("true"));
    let decoded = ClinicEvent::decode_as("clinic.opened", ::core::option::Option::Some(2), &draft.payload);
    ::std::assert!(::std::matches!(decoded, ::core::result::Result::Ok(ClinicEvent::Opened(_))));

    let bad = Opened {
        floor_number: 6,
        r#fn: ::std::string::ToString::to_string("reserved"),
        rooms: ::std::vec![room(2), room(41)],
        ..good
    };
    let whole = <ClinicEvent as ::core::convert::From<Openings>>::from(::core::convert::From::from(bad));
    let error = whole.draft().expect_err("it is not valid");
    ::std::assert_eq!(
        ::std::string::ToString::to_string(&error),
        "`Opened` is not valid: /floorNumber must be -5 to 5 (range); /fn must be something else (custom); \
         /rooms/1/beds must be at most 40 (range)"
    );

    let names: ::std::vec::Vec<&str> = ::core::iter::Iterator::collect(::core::iter::Iterator::map(
        ::core::iter::IntoIterator::into_iter(::shared::subscribers![r#match, argument0, query]),
        |subscriber| subscriber.spec().name,
    ));
    ::std::assert_eq!(names, ["match", "argument0", "query"]);

    let responders = ::shared::responders![r#loop];
    ::std::assert_eq!(responders[0].spec().name, "loop");
    ::std::assert_eq!(responders[0].spec().concurrency, 3);
    let asked = CountRooms { r#type: 41, name: ::std::string::ToString::to_string("reserved") };
    let error = ::shared::validate::Validate::validate(&asked).expect_err("it is not valid");
    ::std::assert_eq!(
        ::std::string::ToString::to_string(&error),
        "`CountRooms` is not valid: /type must be at most 40 (range); /name must be something else (custom)"
    );
}
