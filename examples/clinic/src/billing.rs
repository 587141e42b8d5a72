//! The billing service: one invoice for each appointment that took place.

use shared::prelude::*;

use crate::events::{AppointmentFulfilled, InvoiceIssued};

/// An invoice.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "invoices", unique(appointment_id))]
pub struct Invoice {
    #[entity(id)]
    pub id: Uuid,
    pub appointment_id: Uuid,
    pub patient_id: Uuid,
    #[validate(range(min = 0))]
    pub amount_cents: i64,
    #[entity(created_at)]
    pub created_at: DateTime<Utc>,
}

/// Issues the invoice; the returned event is published in the same transaction.
#[subscribe("appointment.fulfilled")]
pub async fn bill(event: AppointmentFulfilled, tx: &mut Tx) -> Result<InvoiceIssued> {
    let invoice = tx
        .repo::<Invoice>()
        .create(NewInvoice {
            appointment_id: event.appointment_id,
            patient_id: event.patient_id,
            amount_cents: price_cents(&event.visit_type),
        })
        .await?;
    Ok(InvoiceIssued {
        invoice_id: invoice.id,
        appointment_id: invoice.appointment_id,
        patient_id: invoice.patient_id,
        amount_cents: invoice.amount_cents,
    })
}

/// The price of a visit by its type, a SNOMED CT code.
#[must_use]
pub fn price_cents(visit_type: &str) -> i64 {
    match visit_type {
        // general examination, well child visit
        "162673000" | "410620009" => 15_000,
        // check-up, follow-up, prenatal visit
        "185349003" | "390906007" | "424619006" => 9_500,
        // encounter for problem or symptom
        "185345009" | "185347001" => 12_000,
        _ => 10_000,
    }
}

/// The service.
#[must_use]
pub fn service() -> Service {
    Service::new("billing")
        .version(env!("CARGO_PKG_VERSION"))
        .docs("Invoices for the appointments that took place.")
        .entities(entities![Invoice])
        .subscribe(subscribers![bill])
}
