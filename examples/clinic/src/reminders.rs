//! The reminders service: one reminder for each booked appointment, closed when it is over.

use shared::prelude::*;

use crate::events::AppointmentEvent;

/// A reminder that is to be sent the day before.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "reminders", unique(appointment_id))]
pub struct Reminder {
    #[entity(id)]
    pub id: Uuid,
    pub appointment_id: Uuid,
    pub patient_id: Uuid,
    pub due_at: DateTime<Utc>,
    pub open: bool,
}

/// Keeps one reminder for each booked appointment.
#[subscribe("appointment.*")]
pub async fn remind(event: AppointmentEvent, tx: &mut Tx) -> Result<()> {
    let reminders = tx.repo::<Reminder>();
    let over = match event {
        AppointmentEvent::Scheduled(e) => {
            let reminder = NewReminder {
                appointment_id: e.appointment_id,
                patient_id: e.patient_id,
                due_at: e.starts_at - TimeDelta::days(1),
                open: true,
            };
            reminders.create(reminder).await?;
            return Ok(());
        }
        AppointmentEvent::Fulfilled(e) => e.appointment_id,
        AppointmentEvent::Cancelled(e) => e.appointment_id,
    };
    reminders.update_where(Reminder::APPOINTMENT_ID.eq(over), ReminderPatch::new().open(false)).await?;
    Ok(())
}

/// The service.
#[must_use]
pub fn service() -> Service {
    Service::new("reminders")
        .version(env!("CARGO_PKG_VERSION"))
        .docs("Reminders of the appointments that are booked.")
        .entities(entities![Reminder])
        .subscribe(subscribers![remind])
}
