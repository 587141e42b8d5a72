//! Rules as checks of the table: for whoever writes past the library.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use shared::db::Engine;
use shared::entity::Entity as _;
use shared::{Db, Entity, Error, Phi, entities};

use crate::engines::on_every_engine;

on_every_engine!(what_breaks_a_rule_breaks_a_check, what_the_rules_allow_the_checks_allow);

const FIRST: NaiveDate = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap();
const LAST: DateTime<Utc> = DateTime::from_timestamp(4_000_000_000, 0).unwrap();

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "measures")]
pub struct Measure {
    #[entity(id, given)]
    pub id: i64,
    #[validate(range(min = 5, max = 480))]
    pub minutes: i32,
    #[validate(range(min = 0.5))]
    pub weight: Option<f64>,
    #[validate(length(min = 1, max = 3))]
    pub name: Phi<String>,
    #[validate(length(bytes, max = 4))]
    #[entity(rename = "short_code")]
    pub code: String,
    #[validate(one_of("it's", "not"))]
    pub kind: String,
    #[validate(one_of(1, 2, 3))]
    pub level: i16,
    #[validate(length(max = 2))]
    pub bytes: Vec<u8>,
    #[validate(length(max = 2))]
    pub list: Vec<i64>,
    #[validate(range(min = FIRST))]
    pub born: NaiveDate,
    #[validate(range(max = LAST))]
    pub made: DateTime<Utc>,
}

/// The same table by a program that knows no rules.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "measures")]
pub struct Careless {
    #[entity(id, given)]
    pub id: i64,
    pub minutes: i32,
    pub weight: Option<f64>,
    pub name: Phi<String>,
    #[entity(rename = "short_code")]
    pub code: String,
    pub kind: String,
    pub level: i16,
    pub bytes: Vec<u8>,
    pub list: Vec<i64>,
    pub born: NaiveDate,
    pub made: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "unchecked", unchecked)]
pub struct Unchecked {
    #[entity(id, given)]
    pub id: i64,
    #[validate(range(min = 5, max = 480))]
    pub minutes: i32,
}

fn careless(id: i64) -> NewCareless {
    NewCareless {
        id,
        minutes: 30,
        weight: None,
        name: "äöü".to_owned().into(),
        code: "äö".into(),
        kind: "it's".into(),
        level: 2,
        bytes: vec![0, 255],
        list: vec![1],
        born: FIRST,
        made: LAST,
    }
}

async fn what_breaks_a_rule_breaks_a_check(db: Db) {
    db.create_tables(&entities![Measure]).await.unwrap();
    let repo = db.repo::<Careless>();
    let good = || careless(1);
    for (field, new) in [
        ("minutes", NewCareless { minutes: 4, ..good() }),
        ("minutes", NewCareless { minutes: 481, ..good() }),
        ("weight", NewCareless { weight: Some(0.4), ..good() }),
        ("name", NewCareless { name: String::new().into(), ..good() }),
        ("name", NewCareless { name: "sentinel".to_owned().into(), ..good() }),
        ("code", NewCareless { code: "äöü".into(), ..good() }),
        ("kind", NewCareless { kind: "other".into(), ..good() }),
        ("level", NewCareless { level: 4, ..good() }),
        ("bytes", NewCareless { bytes: vec![0; 3], ..good() }),
        ("born", NewCareless { born: FIRST - Days::new(1), ..good() }),
        ("made", NewCareless { made: LAST + TimeDelta::microseconds(1), ..good() }),
    ] {
        let error = repo.create(new).await.unwrap_err();
        assert!(matches!(&error, Error::Check { fields, .. } if fields == &[field]), "{field}: {error:?}");
        assert!(error.to_string().contains(field) && !format!("{error:?}").contains("sentinel"), "{error:?}");
    }
    assert_eq!(repo.count().await.unwrap(), 0);
}

async fn what_the_rules_allow_the_checks_allow(db: Db) {
    db.create_tables(&entities![Measure, Unchecked]).await.unwrap();
    let new = |id, minutes, level| NewMeasure {
        id,
        minutes,
        weight: Some(0.5),
        name: "äöü".to_owned().into(),
        code: "äö".into(),
        kind: "it's".into(),
        level,
        bytes: vec![0, 255],
        list: vec![1, 2],
        born: FIRST,
        made: LAST,
    };
    db.repo::<Measure>().create_many(vec![new(1, 5, 1), new(2, 480, 3)]).await.unwrap();
    db.repo::<Careless>().create(careless(3)).await.unwrap();
    assert!(Unchecked::DEF.checks(db.engine()).is_empty());
}

#[test]
fn checks_have_names_of_their_own() {
    let checks = Measure::DEF.checks(Engine::Postgres);
    let names: Vec<_> = checks.iter().map(|(name, _, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "measures_minutes_range_check",
            "measures_weight_range_check",
            "measures_name_length_check",
            "measures_short_code_length_check",
            "measures_kind_one_of_check",
            "measures_level_one_of_check",
            "measures_bytes_length_check",
            "measures_born_range_check",
            "measures_made_range_check",
        ]
    );
}
