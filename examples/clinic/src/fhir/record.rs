use chrono::{DateTime, NaiveDate, Utc};
use shared::Phi;

use super::{Problem, Reference};

/// What [`Records`](super::Records) gives, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A hospital, practice or laboratory.
    Organization(Organization),
    /// Who sees patients. The same one may come many times: once per bundle that mentions them.
    Practitioner(Practitioner),
    /// Who is seen.
    Patient(Patient),
    /// A visit.
    Encounter(Encounter),
    /// Something that could not be read. Reading goes on.
    Problem(Problem),
}

/// A FHIR `Organization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The resource's id.
    pub source_id: String,
    /// `name`.
    pub name: String,
}

/// A FHIR `Practitioner`.
///
/// Each bundle of Synthea repeats the practitioners that its encounters refer to, so the same practitioner is given
/// again and again, and other sources give them another id each time. Whoever stores them goes by `npi` where there is
/// one, and by `source_id` otherwise, and remembers which source ids stand for which practitioner: an encounter may
/// refer to a practitioner by either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Practitioner {
    /// The resource's id.
    pub source_id: String,
    /// National Provider Identifier: the identifier of system `http://hl7.org/fhir/sid/us-npi`.
    pub npi: Option<String>,
    /// Given and family names, else the name's `text`.
    pub name: String,
}

/// A FHIR `Patient`.
///
/// `source_id` is not protected, because references and logs need it; but some sources (Synthea in Java) use it as the
/// medical record number too.
#[derive(Debug, Clone, PartialEq)]
pub struct Patient {
    /// The resource's id.
    pub source_id: String,
    /// Medical record number: the identifier of type `MR`.
    pub mrn: Option<Phi<String>>,
    /// Social security number: the identifier of type `SS` or of system `http://hl7.org/fhir/sid/us-ssn`.
    pub ssn: Option<Phi<String>>,
    /// Given and family names, else the name's `text`.
    pub name: Phi<String>,
    /// The first telephone number that is in use.
    pub phone: Option<Phi<String>>,
    /// `None` when absent or known to the month or year only, both of which FHIR allows.
    pub birth_date: Option<Phi<NaiveDate>>,
}

/// A FHIR `Encounter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encounter {
    /// The resource's id.
    pub source_id: String,
    /// How far it has got.
    pub status: EncounterStatus,
    /// What kind of contact it is.
    pub class: EncounterClass,
    /// `subject`, when there is one.
    pub patient: Option<Reference>,
    /// The primary performer among the participants, else the first practitioner among them.
    pub practitioner: Option<Reference>,
    /// To the microsecond, which is what Postgres stores. When an ambulatory encounter has none, a [`Problem`] came
    /// before it.
    pub start: Option<DateTime<Utc>>,
    /// To the microsecond.
    pub end: Option<DateTime<Utc>>,
    /// The first code of the first `type` that has one.
    pub type_code: Option<String>,
    /// The text of that `type`, else the code's `display`.
    pub type_text: Option<String>,
}

/// `Encounter.status`: the value set <http://hl7.org/fhir/R4/valueset-encounter-status.html>, which is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EncounterStatus {
    /// `planned`
    Planned,
    /// `arrived`
    Arrived,
    /// `triaged`
    Triaged,
    /// `in-progress`
    InProgress,
    /// `onleave`
    OnLeave,
    /// `finished`
    Finished,
    /// `cancelled`
    Cancelled,
    /// `entered-in-error`: the record should never have existed
    EnteredInError,
    /// `unknown`: one of the others applies, the source does not know which
    Unknown,
}

impl EncounterStatus {
    pub(super) fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "planned" => Self::Planned,
            "arrived" => Self::Arrived,
            "triaged" => Self::Triaged,
            "in-progress" => Self::InProgress,
            "onleave" => Self::OnLeave,
            "finished" => Self::Finished,
            "cancelled" => Self::Cancelled,
            "entered-in-error" => Self::EnteredInError,
            "unknown" => Self::Unknown,
            _ => return None,
        })
    }
}

/// `Encounter.class`: the codes of <http://terminology.hl7.org/ValueSet/v3-ActEncounterCode>, which sources may extend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EncounterClass {
    /// `AMB`
    Ambulatory,
    /// `EMER`
    Emergency,
    /// `FLD`: outside a facility
    Field,
    /// `HH`
    HomeHealth,
    /// `IMP`, `ACUTE` and `NONAC`
    Inpatient,
    /// `OBSENC`
    Observation,
    /// `PRENC`
    PreAdmission,
    /// `SS`
    ShortStay,
    /// `VR`
    Virtual,
    /// A code of the source's own
    Other,
}

impl EncounterClass {
    pub(super) fn from_code(code: &str) -> Self {
        match code {
            "AMB" => Self::Ambulatory,
            "EMER" => Self::Emergency,
            "FLD" => Self::Field,
            "HH" => Self::HomeHealth,
            "IMP" | "ACUTE" | "NONAC" => Self::Inpatient,
            "OBSENC" => Self::Observation,
            "PRENC" => Self::PreAdmission,
            "SS" => Self::ShortStay,
            "VR" => Self::Virtual,
            _ => Self::Other,
        }
    }
}
