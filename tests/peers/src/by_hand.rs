//! With sqlx by hand: constant statements, columns by index, nothing that is not needed.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sqlx::postgres::PgRow;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, PgPool, Row, SqlitePool};
use uuid::Uuid;

use crate::appointment::{Booking, PAGE, now};
use crate::operation::Peer;

macro_rules! columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "id, patient_id, doctor_id, starts_at, duration_minutes, status, notes, version, created_at, updated_at",
            $after
        )
    };
}

const GET: &str = columns!("SELECT ", " FROM appointments WHERE id = $1");
const INSERT: &str = columns!("INSERT INTO appointments (", ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
const UPDATE: &str = columns!(
    "UPDATE appointments SET status = $1, notes = $2, updated_at = $3, version = version + 1 \
     WHERE id = $4 AND version = $5 RETURNING ",
    ""
);
const PAGE_OF_DOCTOR: &str =
    columns!("SELECT ", " FROM appointments WHERE doctor_id = $1 AND starts_at >= $2 ORDER BY starts_at, id LIMIT $3");
const STREAM: &str = columns!("SELECT ", " FROM appointments LIMIT $1");
const UNNEST: &str = columns!(
    "INSERT INTO appointments (",
    ") SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::integer[], $6::text[], $7::text[], \
     $8::bigint[], $9::timestamptz[], $10::timestamptz[])"
);
const VALUES: &str = columns!("INSERT INTO appointments (", ") VALUES ");
const VALUES_OF_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Booked,
    Cancelled,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Cancelled => "cancelled",
        }
    }

    fn from_str(text: &str) -> Self {
        match text {
            "booked" => Self::Booked,
            "cancelled" => Self::Cancelled,
            _ => panic!("the column holds a status"),
        }
    }
}

#[allow(dead_code)] // all of it is read from the database
pub struct Appointment {
    id: Uuid,
    patient_id: Uuid,
    doctor_id: Uuid,
    starts_at: DateTime<Utc>,
    duration_minutes: i32,
    status: Status,
    notes: Option<String>,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<Booking> for Appointment {
    fn from(booking: Booking) -> Self {
        let Booking { patient_id, doctor_id, starts_at, duration_minutes, notes } = booking;
        let (id, created_at, status) = (Uuid::now_v7(), now(), Status::Booked);
        Self {
            id,
            patient_id,
            doctor_id,
            starts_at,
            duration_minutes,
            status,
            notes,
            version: 1,
            created_at,
            updated_at: created_at,
        }
    }
}

/// As `shared` opens a file, with one connection.
pub async fn sqlite_pool(url: &str) -> SqlitePool {
    let options: SqliteConnectOptions = url.parse().expect("a URL");
    let options = options.foreign_keys(true).journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
    pool.connect_with(options).await.expect("a connection")
}

macro_rules! peer {
    ($name:ident, $pool:ty, $row:ty, $insert_many:expr) => {
        pub struct $name {
            pool: $pool,
        }

        impl $name {
            pub fn new(pool: $pool) -> Self {
                Self { pool }
            }

            fn read(row: &$row) -> sqlx::Result<Appointment> {
                Ok(Appointment {
                    id: row.try_get(0)?,
                    patient_id: row.try_get(1)?,
                    doctor_id: row.try_get(2)?,
                    starts_at: row.try_get(3)?,
                    duration_minutes: row.try_get(4)?,
                    status: Status::from_str(row.try_get(5)?),
                    notes: row.try_get(6)?,
                    version: row.try_get(7)?,
                    created_at: row.try_get(8)?,
                    updated_at: row.try_get(9)?,
                })
            }
        }

        impl Peer for $name {
            type Row = Appointment;

            fn id(row: &Appointment) -> Uuid {
                row.id
            }

            fn version(row: &Appointment) -> i64 {
                row.version
            }

            async fn get(&self, id: Uuid) -> Appointment {
                let row = sqlx::query(GET).bind(id).fetch_one(&self.pool).await.expect("a row");
                Self::read(&row).expect("an appointment")
            }

            async fn insert(&self, booking: Booking) -> Appointment {
                let new = Appointment::from(booking);
                let insert = sqlx::query(INSERT)
                    .bind(new.id)
                    .bind(new.patient_id)
                    .bind(new.doctor_id)
                    .bind(new.starts_at)
                    .bind(new.duration_minutes)
                    .bind(new.status.as_str())
                    .bind(new.notes.as_deref())
                    .bind(new.version)
                    .bind(new.created_at)
                    .bind(new.updated_at);
                insert.execute(&self.pool).await.expect("a new row");
                new
            }

            async fn update(&self, row: &Appointment, note: String) -> Appointment {
                let update = sqlx::query(UPDATE)
                    .bind(Status::Cancelled.as_str())
                    .bind(note)
                    .bind(now())
                    .bind(row.id)
                    .bind(row.version);
                let row = update.fetch_one(&self.pool).await.expect("a row of this version");
                Self::read(&row).expect("an appointment")
            }

            async fn page(&self, doctor_id: Uuid, from: DateTime<Utc>) -> Vec<Appointment> {
                let select = sqlx::query(PAGE_OF_DOCTOR).bind(doctor_id).bind(from).bind(PAGE as i64);
                let rows = select.fetch_all(&self.pool).await.expect("rows");
                rows.iter().map(Self::read).collect::<sqlx::Result<_>>().expect("appointments")
            }

            async fn insert_many(&self, bookings: Vec<Booking>) -> Vec<Appointment> {
                let new: Vec<Appointment> = bookings.into_iter().map(Appointment::from).collect();
                let insert: fn(&$pool, &[Appointment]) -> _ = $insert_many;
                insert(&self.pool, &new).await;
                new
            }

            async fn stream(&self, rows: usize) -> (usize, i64) {
                let stream = sqlx::query(STREAM).bind(rows as i64).fetch(&self.pool);
                let add = async |(count, sum), row| Ok((count + 1, sum + Self::read(&row)?.version));
                stream.try_fold((0, 0), add).await.expect("rows")
            }
        }
    };
}

peer!(OnPostgres, PgPool, PgRow, |pool, new| unnest(pool.clone(), new));
peer!(OnSqlite, SqlitePool, SqliteRow, |pool, new| values(pool.clone(), new));

fn unnest(pool: PgPool, new: &[Appointment]) -> impl Future<Output = ()> + use<> {
    fn column<'a, T>(new: &'a [Appointment], of: impl Fn(&'a Appointment) -> T) -> Vec<T> {
        new.iter().map(of).collect()
    }
    let insert = sqlx::query(UNNEST)
        .bind(column(new, |new| new.id))
        .bind(column(new, |new| new.patient_id))
        .bind(column(new, |new| new.doctor_id))
        .bind(column(new, |new| new.starts_at))
        .bind(column(new, |new| new.duration_minutes))
        .bind(column(new, |new| new.status.as_str()))
        .bind(column(new, |new| new.notes.as_deref()))
        .bind(column(new, |new| new.version))
        .bind(column(new, |new| new.created_at))
        .bind(column(new, |new| new.updated_at));
    async move {
        insert.execute(&pool).await.expect("new rows");
    }
}

fn values(pool: SqlitePool, new: &[Appointment]) -> impl Future<Output = ()> + use<> {
    let rows = vec![VALUES_OF_ROW; new.len()].join(", ");
    let mut insert = sqlx::query(AssertSqlSafe(Arc::<str>::from(format!("{VALUES}{rows}"))));
    for new in new {
        insert = insert
            .bind(new.id)
            .bind(new.patient_id)
            .bind(new.doctor_id)
            .bind(new.starts_at)
            .bind(new.duration_minutes)
            .bind(new.status.as_str())
            .bind(new.notes.clone())
            .bind(new.version)
            .bind(new.created_at)
            .bind(new.updated_at);
    }
    async move {
        insert.execute(&pool).await.expect("new rows");
    }
}
