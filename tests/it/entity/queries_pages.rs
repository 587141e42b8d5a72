//! Pages and their cursors. That pages in any order make up all rows is tested at random.

use chrono::TimeDelta;
use shared::db::DbOptions;
use shared::entity::{Cursor, MAX_PAGE, Page, PageOf, Query};
use shared::error::ErrorKind;
use shared::{Config, Db};

use crate::engines::{execute, on_every_engine};
use crate::vocabulary::{
    Appointment, NewPatient, NewWard, Patient, Status, Ward, WardPatch, at, booking, everything, patient,
};

on_every_engine!(
    a_page_knows_its_neighbours,
    rows_that_come_and_go_do_not_shift_pages,
    a_cursor_belongs_to_one_query,
    what_is_no_cursor_is_refused,
    a_cursor_shows_nothing_of_its_row,
    a_limit_out_of_range_is_refused,
    a_total_comes_with_every_page,
    a_page_is_read_in_a_transaction,
    without_a_key_there_is_help,
    every_type_has_pages,
);

async fn wards(db: &Db, beds: impl IntoIterator<Item = i32>) {
    let new = beds.into_iter().map(|beds| NewWard { code: format!("{beds:02}"), part_of: None, beds }).collect();
    db.repo::<Ward>().create_many(new).await.unwrap();
}

fn by_beds(db: &Db) -> Query<Ward> {
    db.repo::<Ward>().query().order_by(Ward::BEDS.asc())
}

fn beds(page: &PageOf<Ward>) -> Vec<i32> {
    page.items.iter().map(|ward| ward.beds).collect()
}

async fn a_page_knows_its_neighbours(db: Db) {
    wards(&db, 0..7).await;
    let query = by_beds(&db);
    let first = query.clone().page(Page::first(3)).await.unwrap();
    assert_eq!((beds(&first), first.previous.is_some()), (vec![0, 1, 2], false));
    let second = query.clone().page(Page::after(first.next.unwrap(), 3)).await.unwrap();
    assert_eq!((beds(&second), second.previous.is_some()), (vec![3, 4, 5], true));
    let third = query.clone().page(Page::after(second.next.unwrap(), 3)).await.unwrap();
    assert_eq!((beds(&third), third.next.is_some()), (vec![6], false));
    let back = query.clone().page(Page::before(third.previous.unwrap(), 3)).await.unwrap();
    assert_eq!((beds(&back), back.next.is_some()), (vec![3, 4, 5], true));
    let back = query.clone().page(Page::before(back.previous.unwrap(), 100)).await.unwrap();
    assert_eq!((beds(&back), back.previous.is_some()), (vec![0, 1, 2], false));
    let last = query.clone().page(Page::last(2)).await.unwrap();
    assert_eq!((beds(&last), last.next.is_some(), last.previous.is_some()), (vec![5, 6], false, true));
    // as many rows as the page has
    let whole = query.clone().page(Page::first(7)).await.unwrap();
    assert_eq!((beds(&whole).len(), whole.next, whole.previous), (7, None, None));
    let none = query.filter(Ward::BEDS.gt(99)).page(Page::first(7)).await.unwrap();
    assert_eq!(none, PageOf { items: vec![], next: None, previous: None });
    // a client's page, and what it gets, are JSON
    let asked: Page = serde_json::from_str(r#"{"limit": "2"}"#).unwrap();
    let page = by_beds(&db).page(asked).await.unwrap().map(|ward| ward.beds);
    let json = serde_json::to_value(&page).unwrap();
    assert_eq!((&json["items"], &json["previous"]), (&serde_json::json!([0, 1]), &serde_json::Value::Null));
    let next: PageOf<i32> = serde_json::from_value(json).unwrap();
    assert_eq!(beds(&by_beds(&db).page(Page::after(next.next.unwrap(), 1)).await.unwrap()), [2]);
}

async fn rows_that_come_and_go_do_not_shift_pages(db: Db) {
    wards(&db, (0..10).map(|i| i * 2)).await;
    let repo = db.repo::<Ward>();
    let first = by_beds(&db).page(Page::first(3)).await.unwrap();
    assert_eq!(beds(&first), [0, 2, 4]);
    // before the position, at it, and after it
    wards(&db, [1, 3, 5]).await;
    repo.delete_where(Ward::BEDS.eq(0)).await.unwrap();
    repo.delete_where(Ward::BEDS.eq(4)).await.unwrap();
    repo.update_where(Ward::BEDS.eq(2), WardPatch::new().beds(99)).await.unwrap();
    let second = by_beds(&db).page(Page::after(first.next.clone().unwrap(), 3)).await.unwrap();
    assert_eq!(beds(&second), [5, 6, 8]);
    let before = by_beds(&db).page(Page::before(first.next.unwrap(), 3)).await.unwrap();
    assert_eq!(beds(&before), [1, 3]);
    // at the end nothing is left
    repo.delete_where(Ward::BEDS.gt(8)).await.unwrap();
    let empty = by_beds(&db).page(Page::after(second.next.unwrap(), 3)).await.unwrap();
    assert_eq!(empty, PageOf { items: vec![], next: None, previous: None });
}

async fn a_cursor_belongs_to_one_query(db: Db) {
    let patient_id = patient(&db).await;
    let repo = db.repo::<Appointment>();
    repo.create_many((0..9).map(|minute| booking(patient_id, minute)).collect()).await.unwrap();
    wards(&db, 0..3).await;
    let time = at("2026-11-23T08:00:00Z");
    let query = || {
        let query = repo.query().filter(Appointment::STARTS_AT.ge(time) & Appointment::STATUS.eq(Status::Booked));
        query.order_by(Appointment::DURATION_MINUTES.asc()).order_by(Appointment::STARTS_AT.desc())
    };
    let cursor = query().page(Page::first(2)).await.unwrap().next.unwrap();
    let page = || Page::after(cursor.clone(), 2);
    // the same query, of whatever makes no difference
    assert_eq!(query().page(page()).await.unwrap().items.len(), 2);
    assert_eq!(query().page(Page::after(cursor.as_str(), 5)).await.unwrap().items.len(), 5);
    assert_eq!(query().values(Appointment::ID).page(page()).await.unwrap().items.len(), 2);
    assert_eq!(query().page_with_total(page()).await.unwrap().1, 9);
    let columns = (Appointment::DURATION_MINUTES, Appointment::STARTS_AT);
    let filter = |time, status| Appointment::STARTS_AT.ge(time) & Appointment::STATUS.eq(status);
    let later = time + TimeDelta::microseconds(1);
    for (what, other) in [
        ("no filter", repo.query().order_by(columns.0.asc()).order_by(columns.1.desc())),
        ("one more filter", query().filter(Appointment::VERSION.eq(1))),
        ("deleted rows", query().with_deleted()),
        ("one more order", query().order_by(Appointment::STATUS.asc())),
        ("no order", repo.query().filter(filter(time, Status::Booked))),
        ("half the order", repo.query().filter(filter(time, Status::Booked)).order_by(columns.0.asc())),
        (
            "another direction",
            repo.query().filter(filter(time, Status::Booked)).order_by(columns.0.asc()).order_by(columns.1.asc()),
        ),
        (
            "another sequence",
            repo.query().filter(filter(time, Status::Booked)).order_by(columns.1.desc()).order_by(columns.0.asc()),
        ),
        (
            "another time",
            repo.query().filter(filter(later, Status::Booked)).order_by(columns.0.asc()).order_by(columns.1.desc()),
        ),
        (
            "another status",
            repo.query().filter(filter(time, Status::Over)).order_by(columns.0.asc()).order_by(columns.1.desc()),
        ),
        (
            "another comparison",
            repo.query()
                .filter(Appointment::STARTS_AT.gt(time) & Appointment::STATUS.eq(Status::Booked))
                .order_by(columns.0.asc())
                .order_by(columns.1.desc()),
        ),
    ] {
        for page in [page(), Page::before(cursor.clone(), 2)] {
            let error = other.clone().page(page.clone()).await.expect_err(what);
            assert_eq!((error.kind(), error.http_status()), (ErrorKind::Cursor, 400), "{what}");
            assert_eq!(other.clone().page_with_total(page).await.expect_err(what).kind(), ErrorKind::Cursor, "{what}");
        }
    }
    // another entity, with the order that every query has
    let wards = db.repo::<Ward>().query().page(Page::first(1)).await.unwrap();
    let error = repo.query().page(Page::after(wards.next.unwrap(), 1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cursor);
}

async fn what_is_no_cursor_is_refused(db: Db) {
    wards(&db, 0..3).await;
    let cursor = by_beds(&db).page(Page::first(1)).await.unwrap().next.unwrap();
    let text = cursor.as_str();
    let mut forged =
        vec![String::new(), "x".into(), "'; DROP TABLE wards; --".into(), format!("{text}A"), text.repeat(2)];
    forged.extend((0..text.len()).step_by(7).map(|at| {
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    }));
    for text in forged {
        for page in [Page::after(text.as_str(), 1), Page::before(text.as_str(), 1)] {
            let error = by_beds(&db).page(page).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cursor, "{text}");
            assert!(text.len() < 5 || !error.to_string().contains(&text), "{error}");
        }
    }
}

/// The order is by what identifies a patient, and the cursor is for everybody to see.
async fn a_cursor_shows_nothing_of_its_row(db: Db) {
    let repo = db.repo::<Patient>();
    for i in 0..3 {
        let new = NewPatient { mrn: format!("mrn-{i}").into(), name: format!("SENTINEL-{i}").into() };
        repo.create(new).await.unwrap();
    }
    let query = || repo.query().filter(Patient::NAME.starts_with("SENTINEL")).order_by(Patient::NAME.asc());
    let cursor = async || query().page(Page::first(1)).await.unwrap().next.unwrap();
    let (one, other) = (cursor().await, cursor().await);
    // not even that two of them are about the same row
    assert_ne!(one, other);
    let bytes = decoded(&one);
    for part in ["SENTINEL", "NTINE", "name", "patients"] {
        assert!(!bytes.windows(part.len()).any(|window| window == part.as_bytes()), "{part}");
    }
    assert!(!one.as_str().contains("SENTINEL") && !format!("{one:?}").contains("SENTINEL"));
    let names = query().page(Page::after(one, 9)).await.unwrap().items;
    assert_eq!(
        names.iter().map(|patient| patient.name.expose().as_str()).collect::<Vec<_>>(),
        ["SENTINEL-1", "SENTINEL-2"]
    );
    // nor how long a name is
    let long = NewPatient { mrn: "mrn-4".into(), name: "SENTINEL".into() };
    repo.create(long).await.unwrap();
    assert_eq!(cursor().await.as_str().len(), other.as_str().len());
}

/// Base64 for URLs, read by hand: the tests shall not depend on the library for it.
fn decoded(cursor: &Cursor) -> Vec<u8> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for c in cursor.as_str().bytes() {
        let digit = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            other => panic!("{other} is not for URLs"),
        };
        bits = (bits << 6) | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    bytes
}

async fn a_limit_out_of_range_is_refused(db: Db) {
    wards(&db, 0..3).await;
    for limit in [0, MAX_PAGE + 1, usize::MAX] {
        for page in [Page::first(limit), Page::last(limit), Page::after("x", limit)] {
            let error = by_beds(&db).page(page.clone()).await.unwrap_err();
            assert_eq!((error.kind(), error.http_status()), (ErrorKind::Invalid, 422));
            assert!(error.to_string().contains("/limit must be 1 to 10000"), "{error}");
            assert_eq!(by_beds(&db).page_with_total(page).await.unwrap_err().kind(), ErrorKind::Invalid);
        }
    }
    assert_eq!(by_beds(&db).page(Page::first(MAX_PAGE)).await.unwrap().items.len(), 3);
    for query in [by_beds(&db).limit(3), by_beds(&db).unlimited()] {
        let error = query.page(Page::first(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("leave out"), "{error}");
    }
}

async fn a_total_comes_with_every_page(db: Db) {
    wards(&db, 0..7).await;
    let query = || by_beds(&db).filter(Ward::BEDS.ge(2));
    let (page, total) = query().page_with_total(Page::first(2)).await.unwrap();
    assert_eq!((beds(&page), total), (vec![2, 3], 5));
    let next = page.next.unwrap();
    let (page, total) = query().page_with_total(Page::after(next.clone(), 9)).await.unwrap();
    assert_eq!((beds(&page), total), (vec![4, 5, 6], 5));
    let (page, total) = query().page_with_total(Page::last(1)).await.unwrap();
    assert_eq!((beds(&page), total), (vec![6], 5));
    // a page without rows has a total, too
    db.repo::<Ward>().delete_where(Ward::BEDS.gt(3)).await.unwrap();
    let (page, total) = query().page_with_total(Page::after(next, 9)).await.unwrap();
    assert_eq!((beds(&page), total), (vec![], 2));
    let (page, total) = by_beds(&db).filter(Ward::BEDS.gt(99)).page_with_total(Page::first(9)).await.unwrap();
    assert_eq!((page.items, total), (vec![], 0));
    // of a column that is NULL
    let (page, total) = by_beds(&db).values(Ward::PART_OF).page_with_total(Page::first(1)).await.unwrap();
    assert_eq!((page.items, total), (vec![None], 4));
}

async fn a_page_is_read_in_a_transaction(db: Db) {
    wards(&db, 0..5).await;
    let pages = db.transaction(async |tx| {
        let query = tx.repo::<Ward>().query().order_by(Ward::BEDS.desc());
        let first = query.clone().page(Page::first(2)).await?;
        tx.repo::<Ward>().create(NewWard { code: "new".into(), part_of: None, beds: 2 }).await?;
        let second = query.page(Page::after(first.next.clone().unwrap(), 2)).await?;
        Ok([beds(&first), beds(&second)])
    });
    assert_eq!(pages.await.unwrap(), [[4, 3], [2, 2]]);
}

async fn without_a_key_there_is_help(db: Db) {
    wards(&db, 0..3).await;
    execute(&db, "DROP TABLE shared_keys").await.unwrap();
    let error = by_beds(&db).page(Page::first(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    assert!(text.contains("CURSOR_KEY") && text.contains("openssl rand -hex 32"), "{text}");
    // where there is no other page, no key is needed
    assert_eq!(by_beds(&db).page(Page::first(3)).await.unwrap().items.len(), 3);
}

/// A cursor of one process in another one.
async fn cursors_travel(url: &str) {
    let connect = async |key: Option<String>| {
        let config = Config::from_lookup(|name| (name == "CURSOR_KEY").then(|| key.clone()).flatten()).unwrap();
        DbOptions::from_config(&config.with_database_url(url)).connect().await.unwrap()
    };
    let (one, other) = (connect(None).await, connect(None).await);
    crate::engines::tables(&one).await;
    wards(&one, 0..3).await;
    let cursor = by_beds(&one).page(Page::first(1)).await.unwrap().next.unwrap();
    assert_eq!(beds(&by_beds(&other).page(Page::after(cursor.clone(), 1)).await.unwrap()), [1]);
    // a key of their own
    let (first, second) = (connect(Some("0a".repeat(32))).await, connect(Some("0A".repeat(32))).await);
    let own = by_beds(&first).page(Page::first(1)).await.unwrap().next.unwrap();
    assert_eq!(beds(&by_beds(&second).page(Page::after(own.clone(), 1)).await.unwrap()), [1]);
    for (db, cursor) in [(&first, &cursor), (&one, &own)] {
        let error = by_beds(db).page(Page::after(cursor.clone(), 1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cursor);
    }
    for db in [one, other, first, second] {
        db.close().await;
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn cursors_travel_on_sqlite() {
    let scratch = tests::Scratch::new("entity");
    cursors_travel(&crate::engines::file_in(&scratch)).await;
}

#[cfg(feature = "postgres")]
#[tokio::test]
async fn cursors_travel_on_postgres() {
    cursors_travel(&tests::Postgres::shared().await.database().await).await;
}

/// Whatever a column's type: an order by each of them has pages.
async fn every_type_has_pages(db: Db) {
    use crate::vocabulary::Everything;
    let repo = db.repo::<Everything>();
    repo.create_many((0..4).map(everything).collect()).await.unwrap();
    macro_rules! by {
        ($($column:ident),* $(,)?) => {
            [$(
                (stringify!($column), Everything::$column.asc()),
                (stringify!($column), Everything::$column.desc()),
            )*]
        };
    }
    for (name, order) in by![
        ID,
        UUID,
        WHERE,
        DATE,
        TIME,
        SELECT,
        FROM,
        BIGINT,
        BOOLEAN,
        DOUBLE,
        DECIMAL,
        TEXT,
        BYTES,
        STATUS,
        TYPED,
        TOKEN,
        PHI,
        SOME_UUID,
        SOME_INSTANT,
        SOME_DATE,
        SOME_TIME,
        SOME_SMALL,
        SOME_INTEGER,
        SOME_BIGINT,
        SOME_BOOLEAN,
        SOME_DOUBLE,
        SOME_DECIMAL,
        SOME_TEXT,
        SOME_BYTES,
        SOME_STATUS,
        SOME_TYPED,
        SOME_TOKEN,
        SOME_PHI,
    ] {
        let query = || repo.query().order_by(order).values(Everything::ID);
        let first = query().page(Page::first(2)).await.unwrap();
        let second = query().page(Page::after(first.next.unwrap(), 2)).await.unwrap();
        let mut ids = [first.items, second.items].concat();
        ids.sort_unstable();
        assert_eq!(ids, [0, 1, 2, 3], "{name}");
        assert_eq!(second.next, None, "{name}");
    }
}
