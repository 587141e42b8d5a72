//! What the clinic's services have done, and whether it adds up.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures_util::TryStreamExt;
use shared::prelude::*;

use crate::billing::Invoice;
use crate::import::{InputError, Reason, Rejection};
use crate::reminders::Reminder;
use crate::scheduling::{Appointment, Patient, Practitioner};
use crate::timeline::TimelineEntry;

/// Counts and times, all from the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub patients: u64,
    pub practitioners: u64,
    pub appointments: u64,
    /// Encounters that did not become appointments, by reason.
    pub rejected: BTreeMap<String, u64>,
    pub input_errors: u64,
    /// Published events, by subject.
    pub events: BTreeMap<String, u64>,
    pub reminders: u64,
    pub invoices: u64,
    pub timeline_entries: u64,
    pub dead_letters: u64,
    pub duplicates_suppressed: u64,
    /// From the first event to the last one handled.
    pub elapsed_ms: u64,
    pub events_per_second: u64,
    pub commit_to_handled_ms: Latency,
}

/// How long events took from their transaction to their handlers, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p99: f64,
}

impl Report {
    /// Reads it from the database.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn read(db: &Db) -> Result<Self> {
        let rejections = db.repo::<Rejection>();
        let mut rejected = BTreeMap::new();
        for (name, reason) in [
            ("double_booked", Reason::DoubleBooked),
            ("no_practitioner", Reason::NoPractitioner),
            ("unknown_patient", Reason::UnknownPatient),
        ] {
            rejected.insert(name.to_owned(), rejections.query().filter(Rejection::REASON.eq(reason)).count().await?);
        }
        let events = db.outbox().published_by_subject().await?;
        let elapsed = match db.inbox().span().await? {
            Some((first, last)) => (last - first).to_std().unwrap_or_default(),
            None => Duration::ZERO,
        };
        let published: u64 = events.values().sum();
        let latencies = db.inbox().latencies().await?;
        Ok(Self {
            patients: db.repo::<Patient>().query().count().await?,
            practitioners: db.repo::<Practitioner>().query().count().await?,
            appointments: db.repo::<Appointment>().query().count().await?,
            rejected,
            input_errors: db.repo::<InputError>().query().count().await?,
            reminders: db.repo::<Reminder>().query().count().await?,
            invoices: db.repo::<Invoice>().query().count().await?,
            timeline_entries: db.repo::<TimelineEntry>().query().count().await?,
            dead_letters: db.dead_letters().count().await?,
            duplicates_suppressed: db.inbox().duplicates_suppressed().await?,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            events_per_second: published * 1_000 / u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1),
            commit_to_handled_ms: Latency { p50: percentile(&latencies, 50), p99: percentile(&latencies, 99) },
            events,
        })
    }

    fn event(&self, subject: &str) -> u64 {
        self.events.get(subject).copied().unwrap_or(0)
    }
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).map_or(0.0, |latency| (latency.as_secs_f64() * 1e5).round() / 100.0)
}

/// What does not add up, in words; empty when everything does.
///
/// # Errors
/// Those of the database.
pub async fn broken_invariants(db: &Db, report: &Report) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let mut equal = |what: &str, left: u64, right: u64| {
        if left != right {
            broken.push(format!("{what}: {left} is not {right}"));
        }
    };
    equal("reminders = appointment.scheduled", report.reminders, report.event("appointment.scheduled"));
    equal("invoices = appointment.fulfilled", report.invoices, report.event("appointment.fulfilled"));
    equal("invoices = invoice.issued", report.invoices, report.event("invoice.issued"));
    equal("timeline entries = published events", report.timeline_entries, report.events.values().sum());
    equal("events waiting in the outbox = 0", db.outbox().pending().await?, 0);
    equal("dead letters = 0", report.dead_letters, 0);
    broken.extend(broken_order(db).await?);
    broken.extend(broken_log(db).await?);
    Ok(broken)
}

/// Each patient's entries of a domain are numbered from 1 without a gap, and in the order of the outbox.
async fn broken_order(db: &Db) -> Result<Vec<String>> {
    let mut entries = db
        .repo::<TimelineEntry>()
        .query()
        .order_by(TimelineEntry::PATIENT_ID.asc())
        .order_by(TimelineEntry::DOMAIN.asc())
        .order_by(TimelineEntry::NUMBER.asc())
        .stream();
    let mut broken = Vec::new();
    let mut previous: Option<TimelineEntry> = None;
    while let Some(entry) = entries.try_next().await? {
        let before = previous.filter(|p| p.patient_id == entry.patient_id && p.domain == entry.domain);
        let (number, sequence) = before.map_or((0, 0), |p| (p.number, p.sequence));
        if entry.number != number + 1 {
            broken.push(format!("timeline entry {}: number {} follows {number}", entry.id, entry.number));
        }
        if entry.sequence <= sequence {
            broken.push(format!("timeline entry {}: it was committed before number {number}", entry.id));
        }
        previous = Some(entry);
    }
    Ok(broken)
}

/// Every event of the outbox has its entry at its position: both are read in the same order.
async fn broken_log(db: &Db) -> Result<Vec<String>> {
    let mut events = db.outbox().entries();
    let mut entries = db.repo::<TimelineEntry>().query().order_by(TimelineEntry::SEQUENCE.asc()).stream();
    let mut broken = Vec::new();
    loop {
        match (events.try_next().await?, entries.try_next().await?) {
            (None, None) => return Ok(broken),
            (Some(event), Some(entry))
                if event.seq == entry.sequence && event.event_id.to_string() == entry.event_id => {}
            (event, _) => {
                let at = event.map_or("the end".to_owned(), |event| format!("position {}", event.seq));
                broken.push(format!("the timeline and the outbox differ from {at} on"));
                return Ok(broken);
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line =
            |f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display| writeln!(f, "  {name:<28}{value:>10}");
        line(f, "patients", &self.patients)?;
        line(f, "practitioners", &self.practitioners)?;
        line(f, "appointments", &self.appointments)?;
        for (reason, count) in &self.rejected {
            line(f, &format!("rejected: {reason}"), count)?;
        }
        line(f, "input errors", &self.input_errors)?;
        for (subject, count) in &self.events {
            line(f, subject, count)?;
        }
        line(f, "reminders", &self.reminders)?;
        line(f, "invoices", &self.invoices)?;
        line(f, "timeline entries", &self.timeline_entries)?;
        line(f, "dead letters", &self.dead_letters)?;
        line(f, "duplicates suppressed", &self.duplicates_suppressed)?;
        line(f, "elapsed, ms", &self.elapsed_ms)?;
        line(f, "events per second", &self.events_per_second)?;
        line(f, "commit to handled p50, ms", &self.commit_to_handled_ms.p50)?;
        line(f, "commit to handled p99, ms", &self.commit_to_handled_ms.p99)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_sorted_list() {
        let list: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&list, 50), 50.0);
        assert_eq!(percentile(&list, 99), 99.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }
}
