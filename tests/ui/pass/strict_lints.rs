//! Generated code is quiet under every lint that a team may have turned on.
#![deny(warnings, missing_docs, missing_debug_implementations, missing_copy_implementations)]
#![deny(unreachable_pub, unused_qualifications, unused_results, single_use_lifetimes, non_ascii_idents)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![deny(clippy::indexing_slicing, clippy::empty_structs_with_brackets, clippy::absolute_paths)]

use std::collections::BTreeMap;
use std::future::ready;

use shared::prelude::*;

/// A patient was registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Event)]
#[event(subject = "patient.{clinic_id}.registered", key = patient_id)]
#[validate(custom = is_whole)]
pub struct PatientRegistered {
    /// Where.
    pub clinic_id: u32,
    /// Who.
    pub patient_id: Uuid,
    /// The name.
    #[validate(length(min = 1, max = LONGEST))]
    pub name: Phi<String>,
    /// The medical record number.
    #[validate(pattern = "^[0-9]{8}$", pattern = "^[^0]", custom = is_checked)]
    pub mrn: Phi<String>,
    /// The age in years.
    #[validate(range(max = 150))]
    pub age: Option<u8>,
    /// Where to write.
    #[validate(email)]
    pub email: Option<Phi<String>>,
    /// Everything else.
    #[validate(nested, length(max = 3))]
    pub contacts: Vec<Contact>,
    /// The day of birth.
    #[validate(past, range(min = EARLIEST))]
    pub born_on: NaiveDate,
    /// What is known besides.
    #[validate(each(length(bytes, max = LONGEST), one_of("red", "green"), custom = is_colour), length(equal = 2))]
    pub colours: BTreeMap<String, String>,
    /// How bad it is.
    #[validate(each(each(one_of(-1, 0, 1), range(min = -1, max = HIGHEST))))]
    pub scores: Option<Vec<Vec<i8>>>,
    /// More about it.
    #[validate(url)]
    pub page: Option<String>,
}

const EARLIEST: NaiveDate = NaiveDate::MIN;
const HIGHEST: i8 = 1;

const fn is_colour(colour: &str) -> Result<(), &'static str> {
    if colour.is_empty() { Err("a colour") } else { Ok(()) }
}

const fn is_whole(event: &PatientRegistered) -> Result<(), &'static str> {
    if event.clinic_id == 0 { Err("of a clinic") } else { Ok(()) }
}

const LONGEST: usize = 200;

fn is_checked(mrn: &Phi<String>) -> Result<(), &'static str> {
    if mrn.expose().ends_with('0') { Err("a number with a check digit") } else { Ok(()) }
}

/// Somebody to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Validate)]
pub struct Contact {
    /// By phone.
    #[validate(length(min = 3))]
    pub phone: Phi<String>,
}

/// A patient moved away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Event)]
#[event(subject = "patient.deregistered")]
pub struct PatientDeregistered {
    /// Who.
    pub patient_id: Uuid,
}

/// Everything that happens to a patient.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
#[event(domain = "patient")]
pub enum PatientEvent {
    /// Came.
    Registered(PatientRegistered),
    /// Went.
    Deregistered(PatientDeregistered),
}

/// The patients who left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Event)]
#[event(domain = "patient", subset_of = PatientEvent)]
pub enum Gone {
    /// Went.
    Deregistered(PatientDeregistered),
}

/// Greets.
///
/// # Errors
/// When the transaction is over.
#[subscribe("patient.>", retry(max = 3, backoff = "1s..1m"), concurrency = 4, timeout = "10s", on_unknown = "skip")]
pub async fn greet(event: PatientEvent, tx: &mut Tx, meta: &Metadata, State(limit): State<u8>) -> Result<()> {
    drop((event, meta.attempt, limit));
    let _published = tx.publish(&PatientDeregistered { patient_id: id::new() }).await?;
    Ok(())
}

/// Says good-bye.
#[subscribe("patient.deregistered")]
#[deprecated = "nobody says good-bye any more"]
pub async fn dismiss(event: Gone) -> PatientDeregistered {
    let Gone::Deregistered(event) = event;
    ready(event).await
}

/// How many patients are there?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Query)]
#[query(subject = "patient.count", reply = Option<u64>)]
pub struct CountPatients {
    /// Of this name.
    #[validate(length(min = 1, max = LONGEST))]
    pub name: Phi<String>,
}

/// Counts.
///
/// # Errors
/// When the transaction is over.
#[respond("patient.count", concurrency = 4, timeout = "10s")]
pub async fn count(query: CountPatients, tx: &mut Tx, State(limit): State<u8>) -> Result<Option<u64>> {
    drop((query, limit));
    let _published = tx.publish(&PatientDeregistered { patient_id: id::new() }).await?;
    Ok(None)
}

/// Says how many there were once.
#[respond("patient.count")]
#[deprecated = "nobody asks any more"]
pub async fn counted(_query: CountPatients) -> Option<u64> {
    ready(None).await
}

/// What is deprecated is only reported where it is used.
pub mod old {
    use shared::prelude::*;

    /// A fax came in.
    #[deprecated = "there is no fax any more"]
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Event)]
    #[event(subject = "fax.received", key = number)]
    pub struct FaxReceived {
        /// From where.
        #[validate(length(max = 20))]
        pub number: String,
    }
}

#[test]
fn what_is_generated_works() {
    assert_eq!(PatientEvent::SUBJECTS, ["patient.{clinic_id}.registered", "patient.deregistered"]);
    #[allow(deprecated)]
    let subscribers = shared::subscribers![greet, dismiss].map(|subscriber| subscriber.spec().name);
    assert_eq!(subscribers, ["greet", "dismiss"]);
    #[allow(deprecated)]
    let responders = shared::responders![count, counted].map(|responder| responder.spec().name);
    assert_eq!(responders, ["count", "counted"]);
}
