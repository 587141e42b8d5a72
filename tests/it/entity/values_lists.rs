//! Lists and decimal numbers.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use shared::{Db, Entity, EntityEnum, EntityValue, Phi, entities};
use uuid::Uuid;

use crate::engines::{execute, on_every_engine};
use crate::vocabulary::at;

on_every_engine!(
    lists_come_back,
    what_a_list_cannot_hold_is_refused,
    decimals_come_back_and_sort,
    a_column_of_something_else_is_reported,
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
pub enum Color {
    Red,
    #[entity(rename = "it's blue")]
    Blue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EntityValue)]
pub struct TagId(pub Uuid);

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "lists")]
pub struct Lists {
    #[entity(id)]
    pub id: Uuid,
    pub numbers: Vec<i64>,
    pub doubles: Vec<f64>,
    pub texts: Phi<Vec<String>>,
    pub colors: Vec<Color>,
    pub tags: Option<Vec<TagId>>,
    pub times: Vec<DateTime<Utc>>,
    pub days: Vec<NaiveDate>,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "prices")]
pub struct Price {
    #[entity(id)]
    pub id: Uuid,
    pub amount: Decimal,
    pub before: Option<Decimal>,
}

fn lists() -> NewLists {
    NewLists {
        numbers: vec![i64::MIN, 0, i64::MAX],
        doubles: vec![0.1, 2.0, -1e300],
        texts: vec!["Grüße \"x\" \\u0000".to_owned(), String::new()].into(),
        colors: vec![Color::Blue, Color::Red, Color::Blue],
        tags: Some(vec![TagId(Uuid::nil())]),
        times: vec![at("2026-11-23T08:00:00.123456789Z")],
        days: vec![NaiveDate::from_ymd_opt(2026, 2, 28).unwrap()],
        bytes: vec![1, 2],
    }
}

async fn lists_come_back(db: Db) {
    db.create_tables(&entities![Lists]).await.unwrap();
    let repo = db.repo::<Lists>();
    let created = repo.create(lists()).await.unwrap();
    assert_eq!(created.times, [at("2026-11-23T08:00:00.123456Z")]);
    assert_eq!(repo.get(created.id).await.unwrap(), created);
    let empty = NewLists { numbers: vec![], tags: None, ..lists() };
    let many = repo.create_many(vec![lists(), empty]).await.unwrap();
    assert_eq!(repo.get_many(&[many[0].id, many[1].id]).await.unwrap(), many);
    let updated = repo.update(&created, ListsPatch::new().colors(vec![Color::Red]).tags(None)).await.unwrap();
    assert_eq!(updated, Lists { colors: vec![Color::Red], tags: None, ..created });
    assert_eq!(repo.query().filter(Lists::TAGS.is_null()).count().await.unwrap(), 2);
}

async fn what_a_list_cannot_hold_is_refused(db: Db) {
    db.create_tables(&entities![Lists]).await.unwrap();
    let repo = db.repo::<Lists>();
    for new in [
        NewLists { doubles: vec![f64::NAN], ..lists() },
        NewLists { doubles: vec![f64::INFINITY], ..lists() },
        NewLists { texts: vec!["sentinel\0".to_owned()].into(), ..lists() },
    ] {
        for error in
            [repo.create(new.clone()).await.unwrap_err(), repo.create_many(vec![lists(), new]).await.unwrap_err()]
        {
            assert_eq!(error.kind(), shared::error::ErrorKind::Usage, "{error}");
            assert!(!format!("{error} {error:?}").contains("sentinel"), "{error:?}");
        }
    }
    assert_eq!(repo.count().await.unwrap(), 0);
}

async fn decimals_come_back_and_sort(db: Db) {
    db.create_tables(&entities![Price]).await.unwrap();
    let repo = db.repo::<Price>();
    let texts = ["-79228162514264337593543950335", "-10", "-9.99", "-0.0000000000000000000000000001", "0", "0.1"];
    let texts = texts.into_iter().chain(["1", "9.5", "9.51", "10", "79228162514264337593543950335"]);
    let amounts: Vec<Decimal> = texts.map(|text| text.parse().unwrap()).collect();
    let new = |amount: &Decimal| NewPrice { amount: *amount, before: None };
    repo.create_many(amounts.iter().rev().map(new).collect()).await.unwrap();
    let sorted = repo.query().order_by(Price::AMOUNT.asc()).all().await.unwrap();
    assert_eq!(sorted.iter().map(|row| row.amount).collect::<Vec<_>>(), amounts);
    let cheap = Price::AMOUNT.lt("9.51".parse::<Decimal>().unwrap()) & Price::AMOUNT.ge(Decimal::ONE);
    assert_eq!(repo.query().filter(cheap).count().await.unwrap(), 2);

    let new = NewPrice { amount: "12.50".parse().unwrap(), before: Some("-0.10".parse().unwrap()) };
    let created = repo.create(new).await.unwrap();
    assert_eq!(created.amount.to_string(), "12.5", "what is returned is what is stored");
    let read = repo.get(created.id).await.unwrap();
    assert_eq!((read.amount.to_string(), read.before.unwrap().to_string()), ("12.5".into(), "-0.1".into()));
    let same = Price::AMOUNT.eq("12.500".parse::<Decimal>().unwrap());
    assert_eq!(repo.query().filter(same).count().await.unwrap(), 1);
}

async fn a_column_of_something_else_is_reported(db: Db) {
    db.create_tables(&entities![Lists, Price]).await.unwrap();
    let created = db.repo::<Lists>().create(lists()).await.unwrap();
    execute(&db, "UPDATE lists SET colors = '[\"sentinel\"]'").await.unwrap();
    let error = db.repo::<Lists>().get(created.id).await.unwrap_err();
    assert!(format!("{error}").contains("colors") && !format!("{error:?}").contains("sentinel"), "{error:?}");
    let price = db.repo::<Price>().create(NewPrice { amount: Decimal::ONE, before: None }).await.unwrap();
    // Postgres can hold numbers that a `Decimal` cannot, SQLite any text
    execute(&db, "UPDATE prices SET amount = '1000000000000000000000000000000000'").await.unwrap();
    let error = db.repo::<Price>().get(price.id).await.unwrap_err();
    assert!(format!("{error}").contains("amount"), "{error:?}");
}
