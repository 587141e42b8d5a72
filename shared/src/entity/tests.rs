//! The SQL that entities become. That engines take it is tested against them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::column::OrderBy;
use super::insert;
use super::keyset::complete;
use super::output::Columns;
use super::select::{Reading, Rows};
use super::*;
use crate::db::{Engine, SqlText};
use crate::error::DecodeCode;
use crate::phi::Phi;
use crate::{Entity, EntityEnum};

#[derive(Debug, Clone, Copy, EntityEnum)]
enum Status {
    Booked,
    Cancelled,
}

#[derive(Debug, Entity)]
#[entity(table = "visits", unique(doctor_id, starts_at), index(starts_at))]
struct Visit {
    #[entity(id)]
    id: Uuid,
    #[entity(references(Ward))]
    ward: Option<String>,
    doctor_id: Uuid,
    starts_at: DateTime<Utc>,
    status: Status,
    urgent: bool,
    #[entity(rename = "remarks")]
    notes: Option<Phi<String>>,
    #[entity(version)]
    version: i64,
    #[entity(updated_at)]
    changed_at: DateTime<Utc>,
    #[entity(deleted_at)]
    deleted_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Entity)]
#[entity(table = "wards")]
struct Ward {
    #[entity(id, given)]
    code: String,
    #[entity(references(Ward))]
    part_of: Option<String>,
    #[entity(unique)]
    number: i16,
}

/// A table in a schema, that refers to one in another and to itself.
#[derive(Debug, Entity)]
#[entity(table = "clinic.beds", unique(ward), index(number(desc)))]
struct Bed {
    #[entity(id)]
    id: Uuid,
    #[entity(references(Pool))]
    pool: i64,
    #[entity(references(Bed))]
    next: Option<Uuid>,
    #[entity(references(Ward))]
    ward: Option<String>,
    #[validate(range(min = 1))]
    number: i16,
    #[entity(deleted_at)]
    deleted_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Entity)]
#[entity(table = "Shared.Pool")]
struct Pool {
    #[entity(id, given)]
    id: i64,
}

/// Refers to an entity that refers to it.
#[derive(Debug, Entity)]
#[entity(table = "eggs")]
struct Egg {
    #[entity(id)]
    id: Uuid,
    #[entity(references(Hen))]
    hen: Option<Uuid>,
}

#[derive(Debug, Entity)]
#[entity(table = "hens")]
struct Hen {
    #[entity(id)]
    id: Uuid,
    #[entity(references(Egg))]
    egg: Option<Uuid>,
}

#[cfg(feature = "postgres")]
const COLUMNS: &str =
    r#""id", "ward", "doctor_id", "starts_at", "status", "urgent", "remarks", "version", "changed_at", "deleted_at""#;

fn reading<'a>(of: &'static EntityDef, order: &'a [OrderBy], limit: Option<i64>) -> Reading<'a> {
    Reading { order, limit, ..Reading::new(of, Columns::All) }
}

fn plain(sql: SqlText) -> String {
    sql.into_sql().as_str().to_owned()
}

fn text((sql, args): (SqlText, crate::db::Args)) -> (String, usize) {
    (plain(sql), args.len())
}

#[cfg(feature = "postgres")]
#[test]
fn a_table_has_named_constraints_in_postgres() {
    assert_eq!(
        Visit::DEF.ddl(Engine::Postgres),
        r#"CREATE TABLE IF NOT EXISTS "visits" (
    "id" uuid NOT NULL,
    "ward" text COLLATE "C",
    "doctor_id" uuid NOT NULL,
    "starts_at" timestamptz NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "urgent" boolean NOT NULL,
    "remarks" text COLLATE "C",
    "version" bigint NOT NULL,
    "changed_at" timestamptz NOT NULL,
    "deleted_at" timestamptz,
    CONSTRAINT "visits_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "visits_ward_fkey" FOREIGN KEY ("ward") REFERENCES "wards" ("code"),
    CONSTRAINT "visits_status_check" CHECK ("status" IN ('booked', 'cancelled'))
);
CREATE UNIQUE INDEX IF NOT EXISTS "visits_doctor_id_starts_at_key" ON "visits" ("doctor_id", "starts_at") WHERE "deleted_at" IS NULL;
CREATE INDEX IF NOT EXISTS "visits_starts_at_idx" ON "visits" ("starts_at");
"#
    );
}

#[cfg(feature = "sqlite")]
#[test]
fn a_table_is_strict_in_sqlite() {
    assert_eq!(
        Ward::DEF.ddl(Engine::Sqlite),
        r#"CREATE TABLE IF NOT EXISTS "wards" (
    "code" TEXT NOT NULL,
    "part_of" TEXT,
    "number" INTEGER NOT NULL,
    CONSTRAINT "wards_pkey" PRIMARY KEY ("code"),
    CONSTRAINT "wards_number_key" UNIQUE ("number"),
    CONSTRAINT "wards_part_of_fkey" FOREIGN KEY ("part_of") REFERENCES "wards" ("code")
) STRICT;
"#
    );
    let visits = Visit::DEF.ddl(Engine::Sqlite);
    assert!(visits.contains(r#"CONSTRAINT "visits_urgent_check" CHECK ("urgent" IN (0, 1))"#), "{visits}");
}

#[cfg(feature = "postgres")]
#[test]
fn a_table_is_in_its_schema_in_postgres() {
    assert_eq!(
        Bed::DEF.ddl(Engine::Postgres),
        r#"CREATE SCHEMA IF NOT EXISTS "clinic";
CREATE TABLE IF NOT EXISTS "clinic"."beds" (
    "id" uuid NOT NULL,
    "pool" bigint NOT NULL,
    "next" uuid,
    "ward" text COLLATE "C",
    "number" smallint NOT NULL,
    "deleted_at" timestamptz,
    CONSTRAINT "beds_pkey" PRIMARY KEY ("id"),
    CONSTRAINT "beds_pool_fkey" FOREIGN KEY ("pool") REFERENCES "Shared"."Pool" ("id"),
    CONSTRAINT "beds_next_fkey" FOREIGN KEY ("next") REFERENCES "clinic"."beds" ("id"),
    CONSTRAINT "beds_ward_fkey" FOREIGN KEY ("ward") REFERENCES "wards" ("code"),
    CONSTRAINT "beds_number_range_check" CHECK ("number" >= 1)
);
CREATE UNIQUE INDEX IF NOT EXISTS "beds_ward_key" ON "clinic"."beds" ("ward") WHERE "deleted_at" IS NULL;
CREATE INDEX IF NOT EXISTS "beds_number_desc_idx" ON "clinic"."beds" ("number" DESC);
"#
    );
    let (sql, _) = text(Rows::all(Bed::DEF, true).count(Engine::Postgres));
    assert_eq!(sql, r#"SELECT count(*) FROM "clinic"."beds""#);
    assert_eq!(Pool::DEF.sql.get.postgres, r#"SELECT "id" FROM "Shared"."Pool" WHERE "id" = $1"#);
}

#[cfg(feature = "sqlite")]
#[test]
fn a_schema_is_a_part_of_the_name_in_sqlite() {
    let ddl = Bed::DEF.ddl(Engine::Sqlite);
    for part in [
        "CREATE TABLE IF NOT EXISTS \"clinic.beds\" (",
        "CONSTRAINT \"beds_pkey\" PRIMARY KEY (\"id\")",
        "CONSTRAINT \"beds_pool_fkey\" FOREIGN KEY (\"pool\") REFERENCES \"Shared.Pool\" (\"id\")",
        "REFERENCES \"clinic.beds\" (\"id\")",
        "CREATE UNIQUE INDEX IF NOT EXISTS \"clinic.beds_ward_key\" ON \"clinic.beds\" (\"ward\")",
        "CREATE INDEX IF NOT EXISTS \"clinic.beds_number_desc_idx\" ON \"clinic.beds\" (\"number\" DESC)",
    ] {
        assert!(ddl.contains(part), "{part} is not in\n{ddl}");
    }
    assert!(ddl.starts_with("CREATE TABLE"), "{ddl}");
    let (sql, _) = text(Rows::all(Bed::DEF, true).count(Engine::Sqlite));
    assert_eq!(sql, r#"SELECT count(*) FROM "clinic.beds""#);
    assert_eq!(Pool::DEF.sql.get.sqlite, r#"SELECT "id" FROM "Shared.Pool" WHERE "id" = $1"#);
}

#[test]
fn tables_come_after_those_that_they_refer_to() {
    let names = |entities: &[&'static EntityDef]| -> Vec<&str> {
        in_order_of_references(entities).iter().map(|entity| entity.name).collect()
    };
    assert_eq!(names(&[Visit::DEF, Ward::DEF, Visit::DEF]), ["Ward", "Visit"]);
    assert_eq!(names(&[Visit::DEF]), ["Visit"], "a table that is not asked for is not created");
    assert_eq!(names(&[Egg::DEF, Hen::DEF]), ["Hen", "Egg"], "a circle ends");
}

#[cfg(feature = "postgres")]
#[test]
fn a_query_is_complete_in_postgres() {
    let mut rows = Rows::all(Visit::DEF, false);
    rows.and(Visit::NOTES.is_null().node);
    rows.and((Visit::URGENT.eq(true) | Visit::STATUS.eq(Status::Booked)).node);
    let order = complete(Visit::DEF, &[Visit::NOTES.desc().by, Visit::STARTS_AT.asc().by]);
    assert_eq!(
        text(rows.read(Engine::Postgres, &reading(Visit::DEF, &order, Some(7)))),
        (
            format!(
                r#"SELECT {COLUMNS} FROM "visits" WHERE ("remarks" IS NULL AND ("urgent" = $1 OR "status" = $2)) AND "deleted_at" IS NULL ORDER BY "remarks" DESC, "starts_at", "id" LIMIT $3"#
            ),
            3
        )
    );
    let (sql, _) = text(Rows::all(Visit::DEF, true).count(Engine::Postgres));
    assert_eq!(sql, r#"SELECT count(*) FROM "visits""#);
}

#[cfg(feature = "sqlite")]
#[test]
fn a_query_sorts_null_in_sqlite_as_in_postgres() {
    let rows = Rows::all(Ward::DEF, false);
    for (order, expected) in [
        (vec![Ward::PART_OF.asc().by], r#""part_of" NULLS LAST, "code""#),
        (vec![Ward::PART_OF.desc().by], r#""part_of" DESC NULLS FIRST, "code""#),
        (vec![Ward::CODE.desc().by], r#""code" DESC"#),
    ] {
        let order = complete(Ward::DEF, &order);
        let (sql, _) = text(rows.read(Engine::Sqlite, &reading(Ward::DEF, &order, None)));
        assert_eq!(sql, format!(r#"SELECT "code", "part_of", "number" FROM "wards" ORDER BY {expected}"#));
    }
}

#[cfg(feature = "postgres")]
#[test]
fn an_update_names_the_columns_that_are_set() {
    let mut set = Assignments::new(Visit::DEF, Engine::Postgres);
    VisitPatch::new().notes(None).urgent(false).assign(&mut set);
    let mut rows = Rows::all(Visit::DEF, false);
    rows.and(Visit::ID.eq(Uuid::nil()).node);
    assert_eq!(
        text(set.returning(&rows)),
        (
            format!(
                r#"UPDATE "visits" SET "urgent" = $1, "remarks" = $2, "changed_at" = $3, "version" = "version" + 1 WHERE "id" = $4 AND "deleted_at" IS NULL RETURNING {COLUMNS}"#
            ),
            4
        )
    );
    let mut set = Assignments::new(Ward::DEF, Engine::Postgres);
    WardPatch::new().assign(&mut set);
    assert!(set.is_empty());
}

#[cfg(feature = "postgres")]
#[test]
fn the_update_of_one_row_has_a_text_for_each_set_of_columns() {
    let visit = NewVisit {
        ward: None,
        doctor_id: Uuid::nil(),
        starts_at: crate::time::now(),
        status: Status::Booked,
        urgent: true,
        notes: None,
    };
    let visit = visit.into_entity().unwrap();
    let update = |patch: VisitPatch, with_deleted| {
        let mut set = Assignments::new(Visit::DEF, Engine::Postgres);
        patch.assign(&mut set);
        text(set.one_row(&visit, with_deleted))
    };
    let expected = |set: &str, numbers: [usize; 3], alive: &str| {
        let [time, id, version] = numbers;
        format!(
            r#"UPDATE "visits" SET {set}, "changed_at" = ${time}, "version" = "version" + 1 WHERE "id" = ${id} AND "version" = ${version}{alive} RETURNING {COLUMNS}"#
        )
    };
    let alive = r#" AND "deleted_at" IS NULL"#;
    let (both, one) = (r#""urgent" = $1, "remarks" = $2"#, r#""remarks" = $1"#);
    for _ in 0..2 {
        assert_eq!(update(VisitPatch::new().notes(None).urgent(false), false), (expected(both, [3, 4, 5], alive), 5));
        assert_eq!(update(VisitPatch::new().notes(None).urgent(true), true), (expected(both, [3, 4, 5], ""), 5));
        assert_eq!(update(VisitPatch::new().notes(None), false), (expected(one, [2, 3, 4], alive), 4));
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn a_deletion_by_filter_marks_or_deletes() {
    let (sql, args) = text(Rows::all(Visit::DEF, false).delete(Engine::Sqlite));
    assert_eq!(
        sql,
        r#"UPDATE "visits" SET "deleted_at" = ?, "changed_at" = ?, "version" = "version" + 1 WHERE "deleted_at" IS NULL"#
    );
    assert_eq!(args, 2);
    let (sql, _) = text(Rows::all(Ward::DEF, false).delete(Engine::Sqlite));
    assert_eq!(sql, r#"DELETE FROM "wards""#);
}

#[test]
fn many_rows_are_arrays_or_lists() {
    let sql = |engine| plain(insert::many(Ward::DEF, engine, 2));
    let head = r#"INSERT INTO "wards" ("code", "part_of", "number")"#;
    assert_eq!(sql(Engine::Postgres), format!("{head} SELECT * FROM UNNEST($1::text[], $2::text[], $3::smallint[])"));
    assert_eq!(sql(Engine::Sqlite), format!("{head} VALUES (?, ?, ?), (?, ?, ?)"));
    // SQLite's limit of parameters (https://www.sqlite.org/limits.html)
    for def in [Ward::DEF, Visit::DEF] {
        let rows = insert::rows_per_statement(def, Engine::Sqlite);
        assert!(rows >= 1 && rows * def.columns.len() <= 32_766);
    }
}

#[test]
fn a_column_that_cannot_be_read_is_named_by_its_field() {
    let error = named(crate::db::dialect::unreadable(6), Visit::DEF, |_| Some("remarks"));
    let Error::Decode(error) = error else { panic!("{error:?}") };
    assert_eq!((error.what.as_ref(), error.path.as_str(), error.code), ("Visit", "/notes", DecodeCode::Column));
}

#[test]
fn a_definition_says_what_a_column_holds() {
    let remarks = Visit::DEF.column("remarks").unwrap();
    assert!(remarks.shape.is_nullable() && remarks.shape.protected);
    assert_eq!(remarks.shape.ty, ColumnType::Text);
    assert_eq!(Visit::DEF.column("status").unwrap().shape.allowed, ["booked", "cancelled"]);
    assert_eq!(Visit::DEF.id_column().name, "id");
    assert_eq!(Ward::DEF.references[0].column, "part_of");
}

#[test]
fn every_future_can_be_spawned() {
    fn spawned(_: impl Send + 'static) {}
    // compiled, never run: what matters is that it compiles
    let _ = |repo: Repo<Ward>, ward: Ward| {
        let query = repo.query();
        spawned(async move {
            repo.create(NewWard { code: String::new(), part_of: None, number: 1 }).await?;
            repo.create_many(Vec::new()).await?;
            repo.update(&ward, WardPatch::new().number(2)).await?;
            repo.update_where(Filter::all_rows(), WardPatch::new()).await?;
            repo.get_many(&[String::new()]).await?;
            repo.delete(&ward).await?;
            repo.delete_where(Ward::NUMBER.in_([1, 2]) | !Ward::CODE.contains("x")).await?;
            repo.restore(String::new()).await?;
            repo.exists(String::new()).await
        });
        spawned(async move {
            query.clone().first().await?;
            query.clone().count().await?;
            drop(query.stream());
            Ok::<(), Error>(())
        });
    };
}
