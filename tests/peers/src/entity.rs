//! With `shared`.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use shared::prelude::*;
use uuid::Uuid;

use crate::appointment::{Booking, PAGE, ROWS};
use crate::diesel_async;
use crate::operation::Peer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
pub enum Status {
    Booked,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "appointments", index(doctor_id, starts_at))]
pub struct Appointment {
    #[entity(id)]
    pub id: Uuid,
    pub patient_id: Uuid,
    pub doctor_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub duration_minutes: i32,
    pub status: Status,
    pub notes: Option<String>,
    #[entity(version)]
    pub version: i64,
    #[entity(created_at)]
    pub created_at: DateTime<Utc>,
    #[entity(updated_at)]
    pub updated_at: DateTime<Utc>,
}

impl From<Booking> for NewAppointment {
    fn from(booking: Booking) -> Self {
        let Booking { patient_id, doctor_id, starts_at, duration_minutes, notes } = booking;
        Self { patient_id, doctor_id, starts_at, duration_minutes, status: Status::Booked, notes }
    }
}

/// Creates the tables and fills them.
pub async fn fill(url: &str) {
    let db = Db::connect(url).await.expect("a database");
    db.create_tables(&entities![Appointment]).await.expect("the table");
    for first in (0..ROWS).step_by(10_000) {
        let new = (first..first + 10_000).map(|n| Booking::number(n).into()).collect();
        db.repo::<Appointment>().create_many(new).await.expect("rows");
    }
    if let Some(pool) = db.postgres() {
        sqlx::query("ANALYZE").execute(pool).await.expect("statistics");
    }
    if db.sqlite().is_some() {
        diesel_async::sqlite::fill(url).await;
    }
    db.close().await;
}

pub struct Shared {
    appointments: Repo<Appointment>,
}

impl Shared {
    pub fn new(db: &Db) -> Self {
        Self { appointments: db.repo() }
    }
}

impl Peer for Shared {
    type Row = Appointment;

    fn id(row: &Appointment) -> Uuid {
        row.id
    }

    fn version(row: &Appointment) -> i64 {
        row.version
    }

    async fn get(&self, id: Uuid) -> Appointment {
        self.appointments.get(id).await.expect("a row")
    }

    async fn insert(&self, booking: Booking) -> Appointment {
        self.appointments.create(booking.into()).await.expect("a new row")
    }

    async fn update(&self, row: &Appointment, note: String) -> Appointment {
        let patch = AppointmentPatch::new().status(Status::Cancelled).notes(note);
        self.appointments.update(row, patch).await.expect("a row of this version")
    }

    async fn page(&self, doctor_id: Uuid, from: DateTime<Utc>) -> Vec<Appointment> {
        let query = self.appointments.query();
        let of_doctor = query.filter(Appointment::DOCTOR_ID.eq(doctor_id)).filter(Appointment::STARTS_AT.ge(from));
        of_doctor.order_by(Appointment::STARTS_AT.asc()).limit(PAGE).all().await.expect("rows")
    }

    async fn insert_many(&self, bookings: Vec<Booking>) -> Vec<Appointment> {
        let new = bookings.into_iter().map(NewAppointment::from).collect();
        self.appointments.create_many(new).await.expect("new rows")
    }

    async fn stream(&self, rows: usize) -> (usize, i64) {
        let stream = self.appointments.query().limit(rows).stream();
        let add = async |(count, sum), row: Appointment| Ok((count + 1, sum + row.version));
        stream.try_fold((0, 0), add).await.expect("rows")
    }
}
