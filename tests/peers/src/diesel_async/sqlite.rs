//! On SQLite. Diesel writes times in a form of its own, so it has a table of its own.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Binary;
use diesel::sqlite::{Sqlite, SqliteConnection};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

peer!("appointments_of_diesel", Binary => Id, TimestamptzSqlite, SyncConnectionWrapper<SqliteConnection>);

/// Diesel has no `Uuid` for SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, AsExpression, FromSqlRow)]
#[diesel(sql_type = Binary)]
pub struct Id(Uuid);

impl From<Uuid> for Id {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<Id> for Uuid {
    fn from(Id(id): Id) -> Self {
        id
    }
}

impl ToSql<Binary, Sqlite> for Id {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(&self.0.as_bytes()[..]);
        Ok(IsNull::No)
    }
}

impl FromSql<Binary, Sqlite> for Id {
    fn from_sql(value: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
        Ok(Self(Uuid::from_slice(&bytes)?))
    }
}

impl Diesel {
    pub async fn connect(url: &str) -> Self {
        let file = url.trim_start_matches("sqlite://");
        let pool = Pool::builder(AsyncDieselConnectionManager::new(file));
        let this = Self { pool: pool.max_size(1).build().expect("a pool") };
        let connection = &mut this.connection().await;
        for pragma in ["PRAGMA foreign_keys = ON", "PRAGMA busy_timeout = 5000"] {
            diesel::sql_query(pragma).execute(connection).await.expect("a setting");
        }
        this
    }
}

/// The same rows in the table of its own.
pub async fn fill(url: &str) {
    let diesel = Diesel::connect(url).await;
    let connection = &mut diesel.connection().await;
    let table = "CREATE TABLE appointments_of_diesel (id BLOB NOT NULL PRIMARY KEY, patient_id BLOB NOT NULL, \
        doctor_id BLOB NOT NULL, starts_at TEXT NOT NULL, duration_minutes INTEGER NOT NULL, status TEXT NOT NULL \
        CHECK (status IN ('booked', 'cancelled')), notes TEXT, version INTEGER NOT NULL, created_at TEXT NOT NULL, \
        updated_at TEXT NOT NULL) STRICT";
    let index = "CREATE INDEX appointments_of_diesel_index ON appointments_of_diesel (doctor_id, starts_at)";
    let rows = "INSERT INTO appointments_of_diesel SELECT id, patient_id, doctor_id, replace(starts_at, 'T', ' '), \
        duration_minutes, status, notes, version, replace(created_at, 'T', ' '), replace(updated_at, 'T', ' ') \
        FROM appointments";
    for statement in [table, index, rows] {
        diesel::sql_query(statement).execute(connection).await.expect("a statement");
    }
}

/// Diesel inserts rows together on a connection that is not async, which the other one wraps.
async fn insert_all(
    connection: &mut SyncConnectionWrapper<SqliteConnection>,
    new: Vec<Appointment>,
) -> Vec<Appointment> {
    let insert = connection.spawn_blocking(|connection| {
        diesel::RunQueryDsl::execute(diesel::insert_into(appointments::table).values(&new), connection)?;
        Ok::<_, diesel::result::Error>(new)
    });
    insert.await.expect("new rows")
}
