//! The timeline service: everything that happened to a patient, numbered in the order in which it was committed.

use shared::prelude::*;

use crate::events::{AppointmentEvent, InvoiceEvent, PatientEvent};

/// One event of a patient's timeline. Each domain is numbered by itself: domains travel independently.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "timeline_entries", unique(event_id), unique(patient_id, domain, number))]
pub struct TimelineEntry {
    #[entity(id)]
    pub id: Uuid,
    pub patient_id: Uuid,
    /// `patient`, `appointment` or `invoice`.
    pub domain: String,
    /// From 1, without gaps.
    pub number: i64,
    pub event_id: String,
    pub event_type: String,
    /// The event's position in the outbox.
    pub sequence: i64,
    pub at: DateTime<Utc>,
}

/// Enters what happens to patients' records.
#[subscribe("patient.*")]
pub async fn enter_patient(event: PatientEvent, tx: &mut Tx, meta: &Metadata) -> Result<()> {
    let PatientEvent::Registered(event) = event;
    enter(tx, meta, "patient", event.patient_id).await
}

/// Enters what happens to appointments.
#[subscribe("appointment.*")]
pub async fn enter_appointment(event: AppointmentEvent, tx: &mut Tx, meta: &Metadata) -> Result<()> {
    let patient_id = match event {
        AppointmentEvent::Scheduled(e) => e.patient_id,
        AppointmentEvent::Fulfilled(e) => e.patient_id,
        AppointmentEvent::Cancelled(e) => e.patient_id,
    };
    enter(tx, meta, "appointment", patient_id).await
}

/// Enters what happens to invoices.
#[subscribe("invoice.*")]
pub async fn enter_invoice(event: InvoiceEvent, tx: &mut Tx, meta: &Metadata) -> Result<()> {
    let InvoiceEvent::Issued(event) = event;
    enter(tx, meta, "invoice", event.patient_id).await
}

async fn enter(tx: &mut Tx, meta: &Metadata, domain: &str, patient_id: Uuid) -> Result<()> {
    let entries = tx.repo::<TimelineEntry>();
    // the ordering key is the patient, so nobody else numbers this patient's events of this domain just now
    let last = entries
        .query()
        .filter(TimelineEntry::PATIENT_ID.eq(patient_id) & TimelineEntry::DOMAIN.eq(domain.to_owned()))
        .order_by(TimelineEntry::NUMBER.desc())
        .first()
        .await?;
    entries
        .create(NewTimelineEntry {
            patient_id,
            domain: domain.to_owned(),
            number: last.map_or(0, |last| last.number) + 1,
            event_id: meta.event_id.clone(),
            event_type: meta.event_type.clone(),
            sequence: meta.sequence.unwrap_or_default(),
            at: meta.time.unwrap_or_else(time::now),
        })
        .await?;
    Ok(())
}

/// The service.
#[must_use]
pub fn service() -> Service {
    Service::new("timeline")
        .version(env!("CARGO_PKG_VERSION"))
        .docs("What happened to each patient.")
        .entities(entities![TimelineEntry])
        .subscribe(subscribers![enter_patient, enter_appointment, enter_invoice])
}
