//! With diesel-async.

use std::io::Write as _;

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;

#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Text)]
pub enum Status {
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
}

impl ToSql<Text, Pg> for Status {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.as_str().as_bytes())?;
        Ok(IsNull::No)
    }
}

impl ToSql<Text, Sqlite> for Status {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.as_str());
        Ok(IsNull::No)
    }
}

impl<DB: Backend> FromSql<Text, DB> for Status
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        match String::from_sql(value)?.as_str() {
            "booked" => Ok(Self::Booked),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err("the column holds no status".into()),
        }
    }
}

/// The table, the row and the peer, on one of the engines.
macro_rules! peer {
    ($table:literal, $uuid:ty => $id:ty, $time:ident, $connection:ty) => {
        use chrono::{DateTime, Utc};
        use diesel::prelude::*;
        use diesel_async::RunQueryDsl;
        use diesel_async::pooled_connection::AsyncDieselConnectionManager;
        use diesel_async::pooled_connection::deadpool::{Object, Pool};
        use futures_util::TryStreamExt;
        use uuid::Uuid;

        use super::Status;
        use crate::appointment::{Booking, PAGE, now};
        use crate::operation::Peer;

        diesel::table! {
            #[sql_name = $table]
            appointments (id) {
                id -> $uuid,
                patient_id -> $uuid,
                doctor_id -> $uuid,
                starts_at -> $time,
                duration_minutes -> Integer,
                status -> Text,
                notes -> Nullable<Text>,
                version -> BigInt,
                created_at -> $time,
                updated_at -> $time,
            }
        }

        #[derive(Clone, Queryable, Selectable, Insertable)]
        #[diesel(table_name = appointments, treat_none_as_default_value = false)]
        #[allow(dead_code)] // all of it is read from the database
        pub struct Appointment {
            id: $id,
            patient_id: $id,
            doctor_id: $id,
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
                let (id, created_at, status) = (Uuid::now_v7().into(), now(), Status::Booked);
                Self {
                    id,
                    patient_id: patient_id.into(),
                    doctor_id: doctor_id.into(),
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

        pub struct Diesel {
            pool: Pool<$connection>,
        }

        impl Diesel {
            async fn connection(&self) -> Object<$connection> {
                self.pool.get().await.expect("a connection")
            }
        }

        impl Peer for Diesel {
            type Row = Appointment;

            fn id(row: &Appointment) -> Uuid {
                row.id.into()
            }

            fn version(row: &Appointment) -> i64 {
                row.version
            }

            async fn get(&self, id: Uuid) -> Appointment {
                let select = appointments::table.find(<$id>::from(id)).select(Appointment::as_select());
                select.get_result(&mut self.connection().await).await.expect("a row")
            }

            async fn insert(&self, booking: Booking) -> Appointment {
                let new = Appointment::from(booking);
                let insert = diesel::insert_into(appointments::table).values(&new);
                insert.execute(&mut self.connection().await).await.expect("a new row");
                new
            }

            async fn update(&self, row: &Appointment, note: String) -> Appointment {
                let this = appointments::table
                    .filter(appointments::id.eq(row.id))
                    .filter(appointments::version.eq(row.version));
                let update = diesel::update(this).set((
                    appointments::status.eq(Status::Cancelled),
                    appointments::notes.eq(note),
                    appointments::updated_at.eq(now()),
                    appointments::version.eq(appointments::version + 1),
                ));
                let update = update.returning(Appointment::as_returning());
                update.get_result(&mut self.connection().await).await.expect("a row of this version")
            }

            async fn page(&self, doctor_id: Uuid, from: DateTime<Utc>) -> Vec<Appointment> {
                let page = appointments::table
                    .filter(appointments::doctor_id.eq(<$id>::from(doctor_id)))
                    .filter(appointments::starts_at.ge(from))
                    .order((appointments::starts_at, appointments::id))
                    .limit(PAGE as i64)
                    .select(Appointment::as_select());
                page.load(&mut self.connection().await).await.expect("rows")
            }

            async fn insert_many(&self, bookings: Vec<Booking>) -> Vec<Appointment> {
                let new: Vec<Appointment> = bookings.into_iter().map(Appointment::from).collect();
                insert_all(&mut *self.connection().await, new).await
            }

            async fn stream(&self, rows: usize) -> (usize, i64) {
                let mut connection = self.connection().await;
                let select = appointments::table.limit(rows as i64).select(Appointment::as_select());
                let stream = select.load_stream::<Appointment>(&mut connection).await.expect("an answer");
                let add = async |(count, sum), row: Appointment| Ok((count + 1, sum + row.version));
                stream.try_fold((0, 0), add).await.expect("rows")
            }
        }
    };
}

pub mod postgres;
pub mod sqlite;
