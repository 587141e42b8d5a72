//! Creating tables.

use shared::db::Engine;
use shared::entity::Entity as _;
use shared::{Db, entities};

#[cfg(feature = "sqlite")]
use crate::engines::file_in;
use crate::engines::on_every_engine;
use crate::vocabulary::{Appointment, Everything, Patient, Ward, patient};

on_every_engine!(tables_are_created_once_by_many,);

async fn tables_are_created_once_by_many(db: Db) {
    let patient_id = patient(&db).await;
    let mut starters = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let db = db.clone();
        starters.spawn(async move { db.create_tables(&entities![Appointment, Patient, Ward, Everything]).await });
    }
    for result in starters.join_all().await {
        result.unwrap();
    }
    assert!(db.repo::<Patient>().exists(patient_id).await.unwrap(), "existing rows stay");
}

/// Each with a pool of its own, as processes have it.
async fn many_create_the_tables_of_an_empty_database(url: &str) {
    let mut starters = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let url = url.to_owned();
        starters.spawn(async move {
            let db = Db::connect(&url).await?;
            let result = db.create_tables(&entities![Appointment, Patient, Ward, Everything]).await;
            db.close().await;
            result
        });
    }
    for result in starters.join_all().await {
        result.unwrap();
    }
    let db = Db::connect(url).await.unwrap();
    assert_eq!(db.repo::<Appointment>().count().await.unwrap(), 0);
    db.close().await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn many_create_the_tables_of_an_empty_sqlite_file() {
    let scratch = tests::Scratch::new("entity");
    many_create_the_tables_of_an_empty_database(&file_in(&scratch)).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn many_create_the_tables_of_an_empty_postgres_database() {
    let url = tests::Postgres::shared().await.database().await;
    many_create_the_tables_of_an_empty_database(&url).await;
}

#[test]
fn the_ddl_names_every_constraint() {
    let postgres = Appointment::DEF.ddl(Engine::Postgres);
    for part in [
        "CREATE TABLE IF NOT EXISTS \"appointments\"",
        "\"id\" uuid NOT NULL",
        "\"starts_at\" timestamptz NOT NULL",
        "\"status\" text COLLATE \"C\" NOT NULL",
        "\"notes\" text COLLATE \"C\",",
        "CONSTRAINT \"appointments_pkey\" PRIMARY KEY (\"id\")",
        "CONSTRAINT \"appointments_patient_id_fkey\" FOREIGN KEY (\"patient_id\") REFERENCES \"patients\" (\"id\")",
        "CONSTRAINT \"appointments_status_check\" CHECK (\"status\" IN ('booked', 'checked_in', 'cancelled', 'it''s over'))",
        "CREATE UNIQUE INDEX IF NOT EXISTS \"appointments_doctor_id_starts_at_key\" ON \"appointments\" (\"doctor_id\", \"starts_at\") WHERE \"deleted_at\" IS NULL;",
        "CREATE INDEX IF NOT EXISTS \"appointments_patient_id_starts_at_idx\" ON \"appointments\" (\"patient_id\", \"starts_at\");",
    ] {
        assert!(postgres.contains(part), "{part} is not in\n{postgres}");
    }
    let sqlite = Patient::DEF.ddl(Engine::Sqlite);
    for part in ["\"id\" BLOB NOT NULL", "CONSTRAINT \"patients_mrn_key\" UNIQUE (\"mrn\")", ") STRICT;"] {
        assert!(sqlite.contains(part), "{part} is not in\n{sqlite}");
    }
    let mrn = Patient::DEF.column("mrn").unwrap();
    assert!(mrn.shape.protected && !mrn.shape.is_nullable());
    assert_eq!(Ward::DEF.column("bed_count").unwrap().field, "beds");
}
