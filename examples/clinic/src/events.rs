//! What happens in the clinic: the vocabulary that its services share.
//!
//! Every event has the patient as its ordering key, so whatever happens to one patient is handled in the order
//! in which it was committed.

use shared::prelude::*;

/// A patient was registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "patient.registered", key = patient_id)]
pub struct PatientRegistered {
    pub patient_id: Uuid,
    #[validate(length(min = 1, max = 500))]
    pub name: Phi<String>,
    #[validate(length(max = 100))]
    pub phone: Option<Phi<String>>,
}

/// An appointment was booked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled", key = patient_id)]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
    pub patient_id: Uuid,
    pub practitioner_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 1, max = 1440))]
    pub duration_minutes: i32,
    #[validate(length(max = 500))]
    pub reason: Option<Phi<String>>,
}

/// The patient was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "appointment.fulfilled", key = patient_id)]
pub struct AppointmentFulfilled {
    pub appointment_id: Uuid,
    pub patient_id: Uuid,
    pub practitioner_id: Uuid,
    /// The kind of visit, a SNOMED CT code; it decides the price.
    #[validate(length(max = 64))]
    pub visit_type: String,
}

/// The appointment will not take place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "appointment.cancelled", key = patient_id)]
pub struct AppointmentCancelled {
    pub appointment_id: Uuid,
    pub patient_id: Uuid,
}

/// An appointment was invoiced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "invoice.issued", key = patient_id)]
pub struct InvoiceIssued {
    pub invoice_id: Uuid,
    pub appointment_id: Uuid,
    pub patient_id: Uuid,
    #[validate(range(min = 0))]
    pub amount_cents: i64,
}

/// Everything that happens to a patient's record.
#[derive(Debug, Clone, PartialEq, Event)]
#[event(domain = "patient")]
pub enum PatientEvent {
    Registered(PatientRegistered),
}

/// Everything that happens to an appointment.
#[derive(Debug, Clone, PartialEq, Event)]
#[event(domain = "appointment")]
pub enum AppointmentEvent {
    Scheduled(AppointmentScheduled),
    Fulfilled(AppointmentFulfilled),
    Cancelled(AppointmentCancelled),
}

/// Everything that happens to an invoice.
#[derive(Debug, Clone, PartialEq, Event)]
#[event(domain = "invoice")]
pub enum InvoiceEvent {
    Issued(InvoiceIssued),
}
