//! A clinic's reminders in one file. `cargo run -p quickstart`, Ctrl-C to stop; `cargo test -p quickstart`.

use shared::prelude::*;

/// An appointment was booked.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "appointment.scheduled", key = patient_id)]
pub struct AppointmentScheduled {
    pub appointment_id: Uuid,
    pub patient_id: Uuid,
    pub starts_at: DateTime<Utc>,
    #[validate(range(min = 5, max = 480))]
    pub duration_minutes: u32,
    pub reason: Option<Phi<String>>,
}

/// A reminder was written.
#[derive(Debug, Clone, Serialize, Deserialize, Event)]
#[event(subject = "reminder.written", key = patient_id)]
pub struct ReminderWritten {
    pub reminder_id: Uuid,
    pub patient_id: Uuid,
}

/// A reminder, one for each appointment.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "reminders", unique(appointment_id))]
pub struct Reminder {
    #[entity(id)]
    pub id: Uuid,
    pub appointment_id: Uuid,
    pub patient_id: Uuid,
    pub due_at: DateTime<Utc>,
}

/// Writes the reminder. The row, the event and the note that this was done commit together.
#[subscribe("appointment.scheduled")]
async fn remind(event: AppointmentScheduled, tx: &mut Tx) -> Result<ReminderWritten> {
    let due_at = event.starts_at - TimeDelta::days(1);
    let new = NewReminder { appointment_id: event.appointment_id, patient_id: event.patient_id, due_at };
    let reminder = tx.repo::<Reminder>().create(new).await?;
    Ok(ReminderWritten { reminder_id: reminder.id, patient_id: reminder.patient_id })
}

fn reminders() -> Service {
    Service::new("reminders").entities(entities![Reminder]).subscribe(subscribers![remind])
}

#[tokio::main]
async fn main() -> Result<()> {
    reminders().main().await
}

#[cfg(test)]
#[tokio::test]
async fn one_reminder_for_each_appointment() -> Result<()> {
    let service = shared::testing::TestService::start([reminders()]).await?;
    let (appointment_id, patient_id, starts_at) = (id::new(), id::new(), time::now());
    let booked = AppointmentScheduled { appointment_id, patient_id, starts_at, duration_minutes: 30, reason: None };
    service.publish(booked).await?;
    service.settled().await?;
    assert_eq!(service.repo::<Reminder>().query().all().await?.len(), 1);
    assert_eq!(service.published::<ReminderWritten>().await?[0].patient_id, patient_id);
    assert!(service.dead_letters().await?.is_empty());
    Ok(())
}
