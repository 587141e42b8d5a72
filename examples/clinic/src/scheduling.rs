//! The scheduling service: owns patients, practitioners and appointments.

use shared::prelude::*;

use crate::events::{AppointmentCancelled, AppointmentFulfilled, AppointmentScheduled, PatientRegistered};

/// A patient.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "patients", unique(source_id), emits(created = PatientRegistered))]
pub struct Patient {
    #[entity(id)]
    pub id: Uuid,
    /// The record's id at its source. Some sources use the medical record number.
    pub source_id: Phi<String>,
    #[validate(length(min = 1, max = 500))]
    pub name: Phi<String>,
    pub birth_date: Option<Phi<NaiveDate>>,
    #[validate(length(max = 100))]
    pub phone: Option<Phi<String>>,
    pub mrn: Option<Phi<String>>,
    pub ssn: Option<Phi<String>>,
    #[entity(created_at)]
    pub created_at: DateTime<Utc>,
}

/// Who sees patients. The same one comes from many sources; the National Provider Identifier tells.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "practitioners", unique(npi))]
pub struct Practitioner {
    #[entity(id)]
    pub id: Uuid,
    pub npi: Option<String>,
    #[validate(length(min = 1, max = 500))]
    pub name: String,
}

/// Which practitioner an id of a source stands for.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "practitioner_sources", unique(source_id))]
pub struct PractitionerSource {
    #[entity(id)]
    pub id: Uuid,
    pub source_id: String,
    #[entity(references(Practitioner))]
    pub practitioner_id: Uuid,
}

/// How far an appointment has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EntityEnum)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Booked,
    Fulfilled,
    Cancelled,
}

/// An appointment. A practitioner has one at a time of start.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(
    table = "appointments",
    unique(source_id),
    unique(practitioner_id, starts_at),
    index(patient_id, starts_at),
    emits(
        created = AppointmentScheduled,
        updated(AppointmentFulfilled, when = Appointment::became_fulfilled),
        updated(AppointmentCancelled, when = Appointment::became_cancelled),
    )
)]
pub struct Appointment {
    #[entity(id)]
    pub id: Uuid,
    /// The encounter it was imported from; none when it was booked here.
    pub source_id: Option<String>,
    #[entity(references(Patient))]
    pub patient_id: Uuid,
    #[entity(references(Practitioner))]
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    pub duration_minutes: i32,
    #[validate(length(max = 64))]
    pub visit_type: String,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
    pub status: Status,
    #[entity(version)]
    pub version: i64,
    #[entity(created_at)]
    pub created_at: DateTime<Utc>,
    #[entity(updated_at)]
    pub updated_at: DateTime<Utc>,
}

/// An appointment as others see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    pub id: Uuid,
    pub patient_id: Uuid,
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub duration_minutes: i32,
    pub status: Status,
}

/// What is known of this appointment?
#[derive(Debug, Clone, Serialize, Deserialize, Query)]
#[query(subject = "appointment.get", reply = Shown)]
pub struct GetAppointment {
    pub appointment_id: Uuid,
}

/// Tells other services of an appointment.
#[respond("appointment.get")]
pub async fn get(query: GetAppointment, db: &Db) -> Result<Shown> {
    Ok(db.repo::<Appointment>().get(query.appointment_id).await?.into())
}

impl From<Appointment> for Shown {
    fn from(a: Appointment) -> Self {
        Self {
            id: a.id,
            patient_id: a.patient_id,
            practitioner_id: a.practitioner_id,
            starts_at: a.starts_at,
            duration_minutes: a.duration_minutes,
            status: a.status,
        }
    }
}

impl From<&Patient> for PatientRegistered {
    fn from(patient: &Patient) -> Self {
        Self { patient_id: patient.id, name: patient.name.clone(), phone: patient.phone.clone() }
    }
}

impl From<&Appointment> for AppointmentScheduled {
    fn from(appointment: &Appointment) -> Self {
        Self {
            appointment_id: appointment.id,
            patient_id: appointment.patient_id,
            practitioner_id: appointment.practitioner_id,
            starts_at: appointment.starts_at,
            duration_minutes: appointment.duration_minutes,
            reason: appointment.reason.clone(),
        }
    }
}

impl From<&Appointment> for AppointmentFulfilled {
    fn from(appointment: &Appointment) -> Self {
        Self {
            appointment_id: appointment.id,
            patient_id: appointment.patient_id,
            practitioner_id: appointment.practitioner_id,
            visit_type: appointment.visit_type.clone(),
        }
    }
}

impl From<&Appointment> for AppointmentCancelled {
    fn from(appointment: &Appointment) -> Self {
        Self { appointment_id: appointment.id, patient_id: appointment.patient_id }
    }
}

impl Appointment {
    fn became_fulfilled(before: &Self, after: &Self) -> bool {
        before.status != Status::Fulfilled && after.status == Status::Fulfilled
    }

    fn became_cancelled(before: &Self, after: &Self) -> bool {
        before.status != Status::Cancelled && after.status == Status::Cancelled
    }
}

/// Registers a patient: the row and the event, or neither.
///
/// # Errors
/// [`Error::Unique`] when the source's id is taken; [`Error::Invalid`].
pub async fn register(db: &Db, new: NewPatient) -> Result<Patient> {
    db.repo::<Patient>().create(new).await
}

/// Books an appointment: the row and the event, or neither.
///
/// # Errors
/// [`Error::Unique`] when the practitioner has another one at that time; [`Error::ForeignKey`] when patient or
/// practitioner is unknown; [`Error::Invalid`].
pub async fn book(db: &Db, new: NewAppointment) -> Result<Appointment> {
    db.repo::<Appointment>().create(new).await
}

/// Notes that the patient was seen.
///
/// # Errors
/// [`Error::Stale`] when somebody else changed the appointment in between.
pub async fn fulfil(db: &Db, appointment: &Appointment) -> Result<Appointment> {
    db.repo::<Appointment>().update(appointment, AppointmentPatch::new().status(Status::Fulfilled)).await
}

/// Cancels an appointment.
///
/// # Errors
/// [`Error::Stale`] when somebody else changed the appointment in between.
pub async fn cancel(db: &Db, appointment: &Appointment) -> Result<Appointment> {
    db.repo::<Appointment>().update(appointment, AppointmentPatch::new().status(Status::Cancelled)).await
}

/// The service. It has no subscribers: it is asked by HTTP, by other services and by the import.
#[must_use]
pub fn service() -> Service {
    Service::new("scheduling")
        .version(env!("CARGO_PKG_VERSION"))
        .docs("Patients, practitioners and appointments.")
        .entities(entities![Patient, Practitioner, PractitionerSource, Appointment])
        .entities(crate::import::entities())
        .respond(responders![get])
}
