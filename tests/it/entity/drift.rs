//! Tables that are not what is declared: told, and mended by the SQL that is told.

use shared::db::{Difference, Engine, Mend, Migrations, Part, plan};
use shared::entity::{Entity as _, EntityDef};
use shared::{Db, entities};

use crate::engines::{execute_text, on_every_empty_database};
use crate::indexes::{Case, Request};
use crate::vocabulary::{Appointment, Everything, NewPatient, Patient, Shift, Ward, booking};

on_every_empty_database!(
    what_is_declared_is_what_is_made,
    each_difference_is_told_and_mended,
    what_is_there_besides_is_tolerated,
    rows_survive_a_table_that_is_made_anew,
    a_missing_table_is_made_by_the_plan,
);

const ALL: [&EntityDef; 7] = entities![Patient, Appointment, Everything, Ward, Shift, Case, Request];

/// Tables as they are declared, but for one edit of a statement: what is replaced, and by what.
async fn with_edit(db: &Db, of: &EntityDef, from: &str, to: &str) {
    for entity in ALL {
        let ddl = entity.ddl(db.engine());
        let edited = if entity.table == of.table { ddl.replacen(from, to, 1) } else { ddl.clone() };
        assert_eq!(edited == ddl, entity.table != of.table, "{from} is not in\n{ddl}");
        execute_text(db, edited).await.unwrap();
    }
}

async fn drop_all(db: &Db) {
    for table in ["requests", "cases", "appointments", "patients", "wards", "shifts", "\"order\""] {
        execute_text(db, format!("DROP TABLE IF EXISTS {table}")).await.unwrap();
    }
}

async fn differences(db: &Db) -> Vec<Difference> {
    db.check_tables(&ALL).await.unwrap()
}

/// Runs the plan as a migration.
async fn mend(db: &Db, differences: &[Difference], number: usize) {
    let scratch = tests::Scratch::new("drift");
    let sql = plan(differences, db.engine());
    std::fs::write(scratch.join(format!("{number:04}_mend.sql")), &sql).unwrap();
    let migrations = Migrations::read(scratch.path()).unwrap();
    let applied = db.migrate(&format!("mend {number}"), &migrations).await;
    assert_eq!(applied.unwrap_or_else(|error| panic!("{error}\n{sql}")).len(), 1);
}

async fn what_is_declared_is_what_is_made(db: Db) {
    db.create_tables(&ALL).await.unwrap();
    assert_eq!(differences(&db).await, []);
    // asked for alone, although it refers to others
    assert_eq!(db.check_tables(&entities![Appointment]).await.unwrap(), []);
}

async fn each_difference_is_told_and_mended(db: Db) {
    let postgres = db.engine() == Engine::Postgres;
    for (number, Edit { of, from, to, part, says }) in edits(postgres).into_iter().enumerate() {
        drop_all(&db).await;
        with_edit(&db, of, &from, &to).await;
        let found = differences(&db).await;
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        let about = found.iter().find(|one| one.part == part && one.to_string().contains(says));
        let about = about.unwrap_or_else(|| panic!("{from} → {to}: {says:?} is not in {told:#?}"));
        assert_eq!((about.entity, about.table.as_str()), (of.name, of.table));
        assert!(!about.is_tolerable(), "{about}");
        assert!(found.iter().all(|one| one.table == of.table), "{told:#?}");
        mend(&db, &found, number + 1).await;
        let left = differences(&db).await;
        assert!(left.iter().all(Difference::is_tolerable), "{from} → {to}: {left:#?}");
    }
}

struct Edit {
    of: &'static EntityDef,
    /// In the statements of the declaration.
    from: String,
    to: String,
    part: Part,
    says: &'static str,
}

fn edits(postgres: bool) -> Vec<Edit> {
    let edit = |of, from: &str, to: &str, part, says| Edit { of, from: from.into(), to: to.into(), part, says };
    let (appointments, patients, wards) = (Appointment::DEF, Patient::DEF, Ward::DEF);
    let (shifts, requests) = (Shift::DEF, Request::DEF);
    let text = if postgres { "text COLLATE \"C\"" } else { "TEXT" };
    let (integer, double) = if postgres { ("integer", "double precision") } else { ("INTEGER", "REAL") };
    let (notes, required_notes) = (format!("\"notes\" {text},"), format!("\"notes\" {text} NOT NULL,"));
    // no check and no index says its name
    let date = format!("\"some_date\" {},", if postgres { "date" } else { "TEXT" });
    let beds = format!("\"bed_count\" {integer} NOT NULL");
    let name = format!("\"name\" {text} NOT NULL");
    let duration = "\"duration_minutes\" ";
    let key =
        "CONSTRAINT \"appointments_patient_id_fkey\" FOREIGN KEY (\"patient_id\") REFERENCES \"patients\" (\"id\")";
    let index = "CREATE INDEX IF NOT EXISTS \"appointments_patient_id_starts_at_idx\" ON \"appointments\" (\"patient_id\", \"starts_at\");";
    // instead of a constraint
    let nothing = "CHECK (1 = 1)";
    let mut edits = vec![
        edit(Everything::DEF, &date, "", Part::Column, "`some_date` of table `order` is missing"),
        edit(wards, &format!(",\n    {beds}"), "", Part::Column, "`bed_count` of table `wards` is missing"),
        edit(
            wards,
            &beds,
            &format!("{beds}, \"x y\" {integer} NOT NULL"),
            Part::Column,
            "`x y` of table `wards` is not declared",
        ),
        edit(appointments, &format!("{duration}{integer}"), &format!("{duration}{double}"), Part::Column, "instead of"),
        edit(appointments, &notes, &required_notes, Part::Column, "NOT NULL instead of"),
        edit(patients, &name, &format!("\"name\" {text}"), Part::Column, "`name` of table `patients` is"),
        edit(shifts, "KEY (\"id\")", "KEY (\"kind\", \"id\")", Part::PrimaryKey, "is (kind, id) instead of (id)"),
        edit(
            patients,
            "CONSTRAINT \"patients_mrn_key\" UNIQUE (\"mrn\")",
            nothing,
            Part::Unique,
            "`patients_mrn_key` of table `patients` is missing: unique (mrn)",
        ),
        edit(
            appointments,
            " WHERE \"deleted_at\" IS NULL",
            "",
            Part::Unique,
            "is unique (doctor_id, starts_at) instead of unique (doctor_id, starts_at) where",
        ),
        edit(
            appointments,
            index,
            "",
            Part::Index,
            "`appointments_patient_id_starts_at_idx` of table `appointments` is missing",
        ),
        edit(
            appointments,
            "(\"patient_id\", \"starts_at\")",
            "(\"patient_id\", \"starts_at\" DESC)",
            Part::Index,
            "is (patient_id, starts_at DESC) instead of (patient_id, starts_at)",
        ),
        edit(requests, "(\"made_at\" DESC)", "(\"made_at\")", Part::Index, "is (made_at) instead of (made_at DESC)"),
        edit(
            requests,
            "(\"made_at\") WHERE \"done_at\" IS NOT NULL",
            "(\"made_at\") WHERE \"done_at\" IS NULL",
            Part::Index,
            "instead of",
        ),
        edit(requests, "WHERE \"size\" <> 100", "WHERE \"size\" <> 101", Part::Index, "instead of"),
        edit(
            requests,
            " ON DELETE CASCADE",
            "",
            Part::ForeignKey,
            "instead of (case_id) references cases (id) ON DELETE CASCADE",
        ),
        edit(requests, " ON DELETE SET NULL", " ON DELETE CASCADE", Part::ForeignKey, "ON DELETE CASCADE instead of"),
        edit(appointments, key, nothing, Part::ForeignKey, "is missing: (patient_id) references patients (id)"),
        edit(appointments, key, &format!("{key} ON DELETE CASCADE"), Part::ForeignKey, "ON DELETE CASCADE instead of"),
        edit(appointments, "'booked', 'checked_in'", "'booked'", Part::Check, "`appointments_status_check`"),
        edit(appointments, "IN ('booked'", "NOT IN ('booked'", Part::Check, "instead of"),
    ];
    edits.push(if postgres {
        edit(shifts, "\"id\" uuid", "\"id\" text", Part::Column, "is text NOT NULL instead of uuid NOT NULL")
    } else {
        edit(shifts, " STRICT;", ";", Part::Table, "is not STRICT instead of STRICT")
    });
    edits
}

async fn what_is_there_besides_is_tolerated(db: Db) {
    db.create_tables(&ALL).await.unwrap();
    for sql in [
        "ALTER TABLE wards ADD COLUMN remarks TEXT",
        "ALTER TABLE wards ADD COLUMN floor INTEGER NOT NULL DEFAULT 1",
        "CREATE INDEX wards_by_floor ON wards (floor)",
    ] {
        execute_text(&db, sql.to_owned()).await.unwrap();
    }
    assert_eq!(differences(&db).await, []);
    execute_text(&db, "CREATE UNIQUE INDEX one_of_each ON wards (remarks)".to_owned()).await.unwrap();
    let found = differences(&db).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].is_tolerable() && found[0].expected.is_none(), "{found:#?}");
    assert_eq!(
        found[0].to_string(),
        "`Ward`: unique key `one_of_each` of table `wards` is not declared: unique (remarks)"
    );
    assert!(matches!(&found[0].mend, Mend::Careful { sql, .. } if sql.contains("DROP INDEX")));
    let sql = plan(&found, db.engine());
    assert!(sql.contains("\n-- DROP INDEX \"one_of_each\";"), "only a person can say that it is not wanted: {sql}");

    #[cfg(feature = "postgres")]
    if db.engine() == Engine::Postgres {
        execute_text(
            &db,
            "DROP INDEX one_of_each; ALTER TABLE patients RENAME CONSTRAINT patients_mrn_key TO mrn".to_owned(),
        )
        .await
        .unwrap();
        let found = differences(&db).await;
        assert!(found.len() == 1 && found[0].is_tolerable(), "{found:#?}");
        assert!(matches!(&found[0].mend, Mend::Safe(_)), "{found:#?}");
        mend(&db, &found, 1).await;
        assert_eq!(differences(&db).await, []);
    }
}

async fn rows_survive_a_table_that_is_made_anew(db: Db) {
    let text = if db.engine() == Engine::Postgres { "text COLLATE \"C\"" } else { "TEXT" };
    with_edit(&db, Patient::DEF, &format!("\"name\" {text} NOT NULL"), &format!("\"name\" {text}, \"legacy\" {text}"))
        .await;
    if db.engine() == Engine::Sqlite {
        let trigger = "CREATE TRIGGER no_end BEFORE UPDATE ON patients BEGIN SELECT 1; END";
        execute_text(&db, trigger.to_owned()).await.unwrap();
    }
    db.create_library_tables().await.unwrap();
    let patient = db.repo::<Patient>().create(NewPatient { mrn: "1".into(), name: "Ada".into() }).await.unwrap();
    let appointment = db.repo::<Appointment>().create(booking(patient.id, 0)).await.unwrap();
    execute_text(&db, "UPDATE patients SET legacy = 'kept'".to_owned()).await.unwrap();

    let found = differences(&db).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    mend(&db, &found, 1).await;
    assert_eq!(differences(&db).await, []);
    assert_eq!(db.repo::<Patient>().get(patient.id).await.unwrap(), patient);
    assert_eq!(db.repo::<Appointment>().get(appointment.id).await.unwrap(), appointment);
    execute_text(&db, "UPDATE patients SET name = NULL WHERE legacy = 'kept'".to_owned()).await.unwrap_err();
    let orphan = db.repo::<Patient>().delete_by_id(patient.id).await;
    assert!(matches!(orphan, Err(shared::Error::ForeignKey { .. })), "foreign keys are on again: {orphan:?}");
}

async fn a_missing_table_is_made_by_the_plan(db: Db) {
    let found = differences(&db).await;
    assert_eq!(found.len(), ALL.len());
    assert!(found.iter().all(|one| one.part == Part::Table && matches!(one.mend, Mend::Safe(_))));
    // in the order in which they refer to each other
    mend(&db, &found, 1).await;
    assert_eq!(differences(&db).await, []);
}
