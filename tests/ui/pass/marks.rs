//! Marks of fields that go together, in whatever order they are written.

use shared::entity::Entity as _;
use shared::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EntityValue)]
pub struct VisitId(pub Uuid);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EntityValue)]
pub struct UserName(pub String);

#[derive(Debug, Clone, PartialEq, Validate)]
pub struct Address {
    #[validate(length(min = 1))]
    pub city: String,
    pub zip: Option<Phi<String>>,
}

/// Everything that the library sets, under other names, and keys with it.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(
    table = "clinic_visits",
    unique(code, revision),
    unique(place_city, where(gone is not null)),
    index(made(desc), by),
    index(revision, where(place_zip is null))
)]
pub struct Visit {
    #[entity(rename = "visit", given, id)]
    pub id: VisitId,
    #[entity(unique, index, rename = "Code")]
    pub code: String,
    #[entity(index, references(Visit, on_delete = set_null), rename = "previous_visit")]
    pub previous: Option<VisitId>,
    #[entity(flatten(city: String, zip: Option<Phi<String>>), rename = "address")]
    #[validate(nested)]
    pub place: Address,
    #[entity(rename = "v")]
    #[entity(version)]
    pub revision: i64,
    #[entity(created_at, index)]
    pub made: DateTime<Utc>,
    #[entity(index, updated_at, rename = "changed_at")]
    pub changed: DateTime<Utc>,
    #[entity(created_by, index)]
    pub by: Option<UserName>,
    #[entity(rename = "changed_by", updated_by)]
    pub changed_by: Option<Uuid>,
    #[entity(deleted_at, rename = "deleted_at")]
    pub gone: Option<DateTime<Utc>>,
    #[entity(skip)]
    pub cache: Vec<u64>,
}

/// Its id is that of another one.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "bills")]
pub struct Bill {
    #[entity(id, given, references(Visit, on_delete = cascade))]
    pub visit: VisitId,
    pub cents: i64,
    #[entity(updated_by)]
    pub by: UserName,
}

/// Nothing but what the library makes.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "beats")]
pub struct Beat {
    #[entity(id)]
    pub id: Uuid,
    #[entity(created_at)]
    pub at: DateTime<Utc>,
}

#[test]
fn what_the_library_sets_is_neither_given_nor_patched() {
    let place = Address { city: "Bern".into(), zip: None };
    let new = NewVisit { id: VisitId(Uuid::nil()), code: "a".into(), previous: None, place: place.clone() };
    new.validate().unwrap();
    let patch = VisitPatch::new().code("b").previous(None).place(Address { city: String::new(), ..place });
    assert_eq!(
        patch.validate().unwrap_err().iter().map(|broken| broken.path.as_str()).collect::<Vec<_>>(),
        ["/place/city"]
    );
    let _nothing_to_say = (NewBeat {}, BeatPatch::new(), BillPatch::new().cents(7));
}

#[test]
fn columns_have_their_names_and_fields_theirs() {
    let roles = &Visit::DEF.roles;
    assert_eq!((roles.id, roles.version, roles.created_at), ("visit", Some("v"), Some("made")));
    assert_eq!((roles.updated_at, roles.updated_by), (Some("changed_at"), Some("changed_by")));
    assert_eq!((roles.created_by, roles.deleted_at, roles.is_given), (Some("by"), Some("deleted_at"), true));
    let names: Vec<_> = Visit::DEF.columns.iter().map(|column| (column.field, column.name)).collect();
    let expected = [
        ("id", "visit"),
        ("code", "Code"),
        ("previous", "previous_visit"),
        ("place_city", "address_city"),
        ("place_zip", "address_zip"),
        ("revision", "v"),
        ("made", "made"),
        ("changed", "changed_at"),
        ("by", "by"),
        ("changed_by", "changed_by"),
        ("gone", "deleted_at"),
    ];
    assert_eq!(names, expected);
    let keys: Vec<_> = Visit::DEF.uniques.iter().map(|key| key.columns).collect();
    assert_eq!(keys, [&["Code"][..], &["Code", "v"], &["address_city"]]);
    assert_eq!(Visit::DEF.indexes.len(), 7);
    let keys = [Visit::UNIQUE_ID.columns(), Bill::UNIQUE_VISIT.columns(), Visit::UNIQUE_CODE_AND_REVISION.columns()];
    assert_eq!(keys, [&["visit"][..], &["visit"], &["Code", "v"]]);
}
