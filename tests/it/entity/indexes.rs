//! Indexes of some rows, sorted downwards, and what becomes of rows whose other row is deleted.

use chrono::{DateTime, Utc};
use shared::db::Engine;
use shared::entity::Entity as _;
use shared::error::ErrorKind;
use shared::{Db, Entity, EntityEnum, entities};
use uuid::Uuid;

use crate::engines::on_every_engine;
use crate::refusals::{is, named};

on_every_engine!(a_foreign_key_does_what_it_says, tables_with_such_indexes_can_be_made_and_used,);

#[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
pub enum Kind {
    Routine,
    #[entity(rename = "it's urgent")]
    Urgent,
}

pub const MANY: i32 = 100;

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "cases")]
pub struct Case {
    #[entity(id, given)]
    pub id: i64,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(
    table = "requests",
    index(kind, made_at(desc), where(kind = Kind::Urgent, done_at is null)),
    index(kind, made_at),
    index(made_at(desc)),
    index(made_at, where(done_at is not null)),
    index(size, where(size != MANY, reason != "none")),
    unique(case_id, where(is_open = true))
)]
pub struct Request {
    #[entity(id)]
    pub id: Uuid,
    #[entity(references(Case, on_delete = cascade))]
    pub case_id: i64,
    #[entity(references(Case, on_delete = set_null))]
    pub related: Option<i64>,
    #[entity(references(Case, on_delete = restrict))]
    pub blocks: Option<i64>,
    pub kind: Kind,
    pub made_at: DateTime<Utc>,
    pub done_at: Option<DateTime<Utc>>,
    pub size: i32,
    pub reason: Option<String>,
    pub is_open: bool,
}

fn request(case_id: i64) -> NewRequest {
    NewRequest {
        case_id,
        related: None,
        blocks: None,
        kind: Kind::Urgent,
        made_at: Utc::now(),
        done_at: None,
        size: 1,
        reason: None,
        is_open: false,
    }
}

async fn a_foreign_key_does_what_it_says(db: Db) {
    db.create_tables(&entities![Request, Case]).await.unwrap();
    let (cases, requests) = (db.repo::<Case>(), db.repo::<Request>());
    cases.create_many((1..=4).map(|id| NewCase { id }).collect()).await.unwrap();
    let related = requests.create(NewRequest { related: Some(2), blocks: Some(3), ..request(1) }).await.unwrap();
    requests.create(request(4)).await.unwrap();

    cases.delete_by_id(4).await.unwrap();
    assert_eq!(requests.count().await.unwrap(), 1, "it went with its case");
    cases.delete_by_id(2).await.unwrap();
    assert_eq!(requests.get(related.id).await.unwrap().related, None);
    assert_eq!(named(cases.delete_by_id(3).await), is(ErrorKind::ForeignKey, "Request", &["blocks"]));
}

async fn tables_with_such_indexes_can_be_made_and_used(db: Db) {
    db.create_tables(&entities![Request, Case]).await.unwrap();
    db.create_tables(&entities![Request, Case]).await.unwrap();
    db.repo::<Case>().create(NewCase { id: 1 }).await.unwrap();
    let requests = db.repo::<Request>();
    let open = || NewRequest { is_open: true, ..request(1) };
    let first = requests.create(open()).await.unwrap();
    requests.create(request(1)).await.unwrap();
    assert_eq!(requests.create(open()).await.unwrap_err().kind(), ErrorKind::Unique);
    assert_eq!(requests.find_by(Request::by_case_id(1)).await.unwrap(), Some(first));
}

#[test]
fn the_declaration_is_in_the_ddl() {
    let postgres = Request::DEF.ddl(Engine::Postgres);
    let both = [
        "\"requests_kind_made_at_desc_where_kind_done_at_idx\" ON \"requests\" (\"kind\", \"made_at\" DESC) WHERE \"kind\" = 'it''s urgent' AND \"done_at\" IS NULL;",
        "\"requests_kind_made_at_idx\" ON \"requests\" (\"kind\", \"made_at\");",
        "\"requests_made_at_desc_idx\" ON \"requests\" (\"made_at\" DESC);",
        "\"requests_made_at_where_done_at_idx\" ON \"requests\" (\"made_at\") WHERE \"done_at\" IS NOT NULL;",
        "(\"size\") WHERE \"size\" <> 100 AND (\"reason\" <> 'none' OR \"reason\" IS NULL);",
        "FOREIGN KEY (\"case_id\") REFERENCES \"cases\" (\"id\") ON DELETE CASCADE",
        "FOREIGN KEY (\"related\") REFERENCES \"cases\" (\"id\") ON DELETE SET NULL",
        "FOREIGN KEY (\"blocks\") REFERENCES \"cases\" (\"id\") ON DELETE RESTRICT",
    ];
    let sqlite = Request::DEF.ddl(Engine::Sqlite);
    for ddl in [&postgres, &sqlite] {
        for part in both {
            assert!(ddl.contains(part), "{part} is not in\n{ddl}");
        }
    }
    assert!(postgres.contains(
        "UNIQUE INDEX IF NOT EXISTS \"requests_case_id_key\" ON \"requests\" (\"case_id\") WHERE \"is_open\" = true;"
    ));
    assert!(sqlite.contains("WHERE \"is_open\" = 1;"), "{sqlite}");
}
