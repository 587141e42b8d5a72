//! Events that use what serde and the rules have.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use chrono::{NaiveDate, NaiveTime};
use serde_json::{Map, Value};
use shared::prelude::*;

pub type Name = Phi<String>;

/// Names in JSON are others.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.named", key = patient_id)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    pub patient_id: u32,
    /// Who wrote | it.
    #[serde(rename = "written-by")]
    pub author: String,
    #[serde(default)]
    pub count: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<i8>,
    #[serde(skip)]
    #[allow(dead_code, reason = "nobody reads what is not in the payload")]
    pub cache: u64,
    pub _internal_id: bool,
    pub r#type: String,
}

/// Every field may be absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, Event)]
#[event(subject = "schema.defaulted")]
#[serde(default, rename_all = "SCREAMING-KEBAB-CASE")]
pub struct Defaulted {
    pub first_count: u8,
    pub text: String,
    pub flag: Option<bool>,
}

/// Other fields are refused.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.closed")]
#[serde(deny_unknown_fields)]
pub struct Closed {
    pub id: u16,
    pub note: Option<String>,
}

/// Its JSON says what it is.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.tagged")]
#[serde(tag = "kind", rename = "a tagged one")]
pub struct Tagged {
    pub id: u16,
    #[serde(alias = "label")]
    pub name: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Period {
    pub from: u8,
    #[validate(range(max = 100))]
    pub until: Option<u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    pub room: String,
    #[serde(flatten)]
    pub floor: Floor,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Floor {
    pub floor: i8,
}

/// Other structs' fields stand among its own.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.flattened")]
pub struct Flattened {
    pub id: u16,
    #[serde(flatten)]
    #[validate(nested)]
    pub period: Period,
    #[serde(flatten)]
    pub place: Place,
}

/// A protected struct's fields stand among its own.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.secretly.flattened")]
pub struct SecretlyFlattened {
    pub id: u16,
    #[serde(flatten)]
    pub period: Phi<Period>,
}

/// They may all be absent.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.perhaps.flattened")]
pub struct PerhapsFlattened {
    pub id: u16,
    #[serde(flatten)]
    pub period: Option<Period>,
}

/// Any other field is kept.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.opened")]
pub struct Opened {
    pub id: u16,
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Any other field is a number.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.counted")]
pub struct Counted {
    pub name: String,
    #[serde(flatten)]
    pub counts: BTreeMap<String, u8>,
}

/// An enum's fields stand among its own.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.chosen.flat")]
pub struct ChosenFlat {
    pub id: u16,
    #[serde(flatten)]
    pub by: Internal,
}

/// So do those of one with variants that have none.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.external.flat")]
pub struct ExternalFlat {
    pub id: u16,
    #[serde(flatten)]
    pub external: External,
}

mod hex {
    pub fn serialize<S: serde::Serializer>(bytes: &[u8; 2], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:02x}{:02x}", bytes[0], bytes[1]))
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<[u8; 2], D::Error> {
        let text: String = serde::Deserialize::deserialize(deserializer)?;
        u16::from_str_radix(&text, 16).map(u16::to_be_bytes).map_err(serde::de::Error::custom)
    }

    pub mod optional {
        pub fn serialize<S: serde::Serializer>(bytes: &Option<[u8; 2]>, serializer: S) -> Result<S::Ok, S::Error> {
            match bytes {
                Some(bytes) => super::serialize(bytes, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<[u8; 2]>, D::Error> {
            match serde::Deserialize::deserialize(deserializer)? {
                Some(super::Hex(bytes)) => Ok(Some(bytes)),
                None => Ok(None),
            }
        }
    }

    pub struct Hex([u8; 2]);

    impl<'de> serde::Deserialize<'de> for Hex {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserialize(deserializer).map(Self)
        }
    }
}

/// Four hexadecimal digits.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "it describes what functions write")]
pub struct Digits(#[schemars(regex(pattern = "^[0-9a-f]{4}$"), extend("examples" = ["00ff"]))] String);

/// Functions write and read fields.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.formed")]
pub struct Formed {
    #[serde(with = "hex")]
    #[event(json(Digits))]
    pub digest: [u8; 2],
    #[serde(with = "hex::optional")]
    #[event(json(Option<Digits>))]
    pub present: Option<[u8; 2]>,
    #[serde(with = "hex::optional", default)]
    #[event(json(Option<Digits>))]
    pub absent: Option<[u8; 2]>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum External {
    Nobody,
    NewType(i8),
    Pair(i8, bool),
    WithFields { a: i8, b: Option<Phi<String>> },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Internal {
    Nobody,
    Somebody { their_name: Phi<String> },
    Held(Floor),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c")]
pub enum Adjacent {
    Nobody,
    Number(u8),
    Pair(u8, bool),
    WithFields { a: i8 },
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Untagged {
    Number(i8),
    Text(String),
    WithFields { a: i8, b: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, EntityEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Plain {
    /// Nobody knows.
    NotKnown,
    Yes,
    #[serde(rename = "NO")]
    No,
}

/// Enums of every form.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.chosen")]
pub struct Chosen {
    pub external: External,
    pub internal: Internal,
    pub adjacent: Adjacent,
    pub untagged: Untagged,
    pub plain: Plain,
    pub perhaps_external: Option<External>,
    pub perhaps_internal: Option<Internal>,
    pub perhaps_plain: Option<Plain>,
    pub many: Vec<External>,
    pub secret: Phi<Plain>,
}

/// Contains itself.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
pub struct Branch {
    #[validate(length(min = 1, max = 3))]
    pub label: String,
    #[validate(nested)]
    pub left: Option<Box<Branch>>,
    #[serde(default)]
    #[validate(nested, length(max = 2))]
    pub others: Vec<Branch>,
    /// Nobody looks whether these are valid.
    pub loose: Option<Box<Branch>>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub enum Formula {
    And(Box<Formula>, Box<Formula>),
    Not(Box<Formula>),
    All(Vec<Formula>),
    Is(bool),
}

/// Types that contain themselves.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.grown")]
pub struct Grown {
    #[validate(nested)]
    pub tree: Branch,
    pub formula: Formula,
}

/// Types of types.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.gathered")]
pub struct Gathered {
    pub holes: Vec<Option<Phi<u8>>>,
    pub names: Option<Vec<Name>>,
    pub by_name: BTreeMap<String, Vec<Phi<i8>>>,
    pub by_number: BTreeMap<u16, bool>,
    pub by_token: HashMap<Plain2, u8>,
    pub set: BTreeSet<u8>,
    pub pair: (i8, String),
    pub triple: Option<(Phi<String>, bool, Option<i8>)>,
    pub row: [u8; 3],
    pub boxed: Box<Option<u8>>,
    pub secret_map: Phi<BTreeMap<String, u8>>,
    pub anything: Value,
    pub object: Map<String, Value>,
    pub perhaps_anything: Option<Value>,
    pub letter: char,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Plain2 {
    A,
    B,
}

/// Times and spans.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.timed")]
pub struct Timed {
    pub at: DateTime<Utc>,
    pub perhaps_at: Option<DateTime<Utc>>,
    pub day: NaiveDate,
    pub time: NaiveTime,
    pub span: TimeDelta,
    pub perhaps_span: Option<TimeDelta>,
    pub std_span: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EntityValue)]
pub struct Mrn(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, EntityValue)]
#[serde(transparent)]
pub struct PatientId(Uuid);

/// Types with a meaning.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.typed", key = patient_id)]
pub struct Typed {
    pub patient_id: PatientId,
    pub mrn: Mrn,
    pub ward: Token,
    pub answer: Plain,
    pub perhaps_mrn: Option<Mrn>,
    pub perhaps_ward: Option<Token>,
    pub secret_mrn: Option<Phi<Mrn>>,
    pub wards: Vec<Token>,
}

/// A name that is no identifier.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(rename = "Blutdruck/Größe 100%")]
pub struct Pressure {
    #[validate(range(min = 1, max = 99), one_of(3, 5, 100))]
    pub value: u8,
    #[validate(pattern = "^[a-z]+$")]
    #[serde(default = "somewhere")]
    pub place: Name,
}

fn somewhere() -> Name {
    Name::new("elsewhere".to_owned())
}

/// Rules that JSON Schema has words for.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.ruled")]
#[serde(rename_all = "camelCase")]
pub struct Ruled {
    #[validate(range(min = 5, max = 10))]
    pub small_number: u8,
    #[validate(range(min = -1.5))]
    pub share: Option<f64>,
    #[validate(length(min = 2, max = 4))]
    pub text: Option<Phi<String>>,
    #[validate(length(max = 2))]
    pub list: Vec<i8>,
    #[validate(length(min = 1, max = 2))]
    pub map: BTreeMap<String, u8>,
    #[validate(pattern = "^[a-z]*$", pattern = "x")]
    pub patterned: String,
    #[validate(one_of("a", "b"))]
    pub word: Option<String>,
    #[validate(one_of(1, 2, 3))]
    pub digit: Phi<i8>,
    #[validate(each(range(max = 5)))]
    pub digits: Option<Vec<u8>>,
    #[validate(each(length(min = 1)), length(min = 1))]
    pub texts: Vec<String>,
    #[validate(each(range(min = 1)))]
    pub values: BTreeMap<String, Option<u8>>,
    #[validate(each(each(range(min = 1))))]
    pub grid: Vec<Vec<u8>>,
    #[validate(each(range(max = 9)))]
    pub by_choice: HashMap<Plain2, u8>,
    #[validate(each(range(max = 9)))]
    pub row: [u8; 2],
    #[validate(nested)]
    pub pressure: Pressure,
    #[validate(nested)]
    pub perhaps_pressure: Option<Phi<Pressure>>,
    #[validate(nested)]
    pub pressures: BTreeMap<String, Vec<Pressure>>,
    #[validate(length(max = 3), pattern = "^[A-Z]")]
    pub perhaps_patterned: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
pub struct Sheet {
    #[validate(one_of("red", "blue"))]
    pub colour: String,
    #[validate(range(max = 9))]
    pub size: u8,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Pages<T> {
    pub first: [T; 2],
    pub more: Vec<T>,
}

/// Of a type with parameters.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.paged")]
pub struct Paged {
    pub numbers: Pages<u8>,
    pub texts: Pages<String>,
}

/// The same type with its rules and without.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.looked.at")]
pub struct LookedAt {
    #[validate(nested)]
    pub ruled: Sheet,
    pub free: Sheet,
}

/// Without the rules of a type.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.overlooked")]
pub struct Overlooked {
    pub free: Sheet,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
pub struct Unit {
    #[validate(range(min = TimeDelta::seconds(1)))]
    pub every: TimeDelta,
    #[validate(length(bytes, min = 4, max = 6))]
    pub unit: String,
}

fn even(number: &u8) -> Result<(), &'static str> {
    if number.is_multiple_of(2) { Ok(()) } else { Err("an even number") }
}

fn ordered(event: &Noted) -> Result<(), &'static str> {
    if event.since < event.until { Ok(()) } else { Err("`since` before `until`") }
}

/// Rules that JSON Schema has no words for.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.noted")]
#[validate(custom = ordered)]
pub struct Noted {
    #[validate(past)]
    pub since: DateTime<Utc>,
    #[validate(future)]
    pub until: DateTime<Utc>,
    #[validate(custom = even)]
    pub even: u8,
    #[validate(each(custom = even))]
    pub evens: Vec<u8>,
    #[validate(length(bytes, max = 8))]
    pub bytes: String,
    #[validate(email)]
    pub email: Option<Phi<String>>,
    #[validate(url)]
    pub url: Option<String>,
    #[validate(range(min = TimeDelta::minutes(5)))]
    pub span: TimeDelta,
    #[validate(nested)]
    pub unit: Unit,
    #[validate(pattern = r"(?i)^\A[[:alpha:]]+\z")]
    pub letters: String,
    #[validate(pattern = r"\bend\b")]
    pub bounded: String,
}

/// Travels where its fields say.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.{clinic_id}.moved")]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// Where it was.
    pub clinic_id: u16,
}

/// Travels where `Moved` does, but for the slot, and is called as a type of its payload.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.moved", type = "Floor")]
pub struct MovedAway {
    pub to: Floor,
}

#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.grown.old", type = "schema.versioned")]
pub struct VersionedV1 {
    pub minutes: u8,
}

/// Is of a second version.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "schema.grown.old", type = "schema.versioned", version = 2, upcast(from = VersionedV1))]
pub struct Versioned {
    pub seconds: u16,
}

impl From<VersionedV1> for Versioned {
    fn from(older: VersionedV1) -> Self {
        Self { seconds: u16::from(older.minutes) * 60 }
    }
}
