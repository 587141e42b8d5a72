//! With SeaORM.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{QueryOrder, QuerySelect, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::{PgPool, SqlitePool};

use crate::appointment::{Booking, PAGE, now};
use crate::operation::Peer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Status {
    #[sea_orm(string_value = "booked")]
    Booked,
    #[sea_orm(string_value = "cancelled")]
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "appointments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub patient_id: Uuid,
    pub doctor_id: Uuid,
    pub starts_at: DateTime<Utc>,
    pub duration_minutes: i32,
    pub status: Status,
    pub notes: Option<String>,
    pub version: i64,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<Booking> for Model {
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

/// Every column is set: the model is a new row.
fn active(new: Model) -> ActiveModel {
    ActiveModel {
        id: Set(new.id),
        patient_id: Set(new.patient_id),
        doctor_id: Set(new.doctor_id),
        starts_at: Set(new.starts_at),
        duration_minutes: Set(new.duration_minutes),
        status: Set(new.status),
        notes: Set(new.notes),
        version: Set(new.version),
        created_at: Set(new.created_at),
        updated_at: Set(new.updated_at),
    }
}

pub struct SeaOrm {
    db: DatabaseConnection,
}

impl SeaOrm {
    pub fn on_postgres(pool: PgPool) -> Self {
        Self { db: SqlxPostgresConnector::from_sqlx_postgres_pool(pool) }
    }

    pub fn on_sqlite(pool: SqlitePool) -> Self {
        Self { db: SqlxSqliteConnector::from_sqlx_sqlite_pool(pool) }
    }
}

impl Peer for SeaOrm {
    type Row = Model;

    fn id(row: &Model) -> Uuid {
        row.id
    }

    fn version(row: &Model) -> i64 {
        row.version
    }

    async fn get(&self, id: Uuid) -> Model {
        Entity::find_by_id(id).one(&self.db).await.expect("an answer").expect("a row")
    }

    async fn insert(&self, booking: Booking) -> Model {
        // without reading the row again: what is in it is known
        let new = Model::from(booking);
        Entity::insert(active(new.clone())).exec_without_returning(&self.db).await.expect("a new row");
        new
    }

    async fn update(&self, row: &Model, note: String) -> Model {
        let update = Entity::update_many()
            .col_expr(Column::Status, Expr::value(Status::Cancelled))
            .col_expr(Column::Notes, Expr::value(note))
            .col_expr(Column::UpdatedAt, Expr::value(now()))
            .col_expr(Column::Version, Expr::col(Column::Version).add(1))
            .filter(Column::Id.eq(row.id))
            .filter(Column::Version.eq(row.version));
        let rows = update.exec_with_returning(&self.db).await.expect("an answer");
        rows.into_iter().next().expect("a row of this version")
    }

    async fn page(&self, doctor_id: Uuid, from: DateTime<Utc>) -> Vec<Model> {
        let of_doctor = Entity::find().filter(Column::DoctorId.eq(doctor_id)).filter(Column::StartsAt.gte(from));
        let page = of_doctor.order_by_asc(Column::StartsAt).order_by_asc(Column::Id).limit(PAGE as u64);
        page.all(&self.db).await.expect("rows")
    }

    async fn insert_many(&self, bookings: Vec<Booking>) -> Vec<Model> {
        let new: Vec<Model> = bookings.into_iter().map(Model::from).collect();
        let insert = Entity::insert_many(new.iter().cloned().map(active));
        insert.exec_without_returning(&self.db).await.expect("new rows");
        new
    }

    async fn stream(&self, rows: usize) -> (usize, i64) {
        let stream = Entity::find().limit(rows as u64).stream(&self.db).await.expect("an answer");
        let add = async |(count, sum), row: Model| Ok((count + 1, sum + row.version));
        stream.try_fold((0, 0), add).await.expect("rows")
    }
}
