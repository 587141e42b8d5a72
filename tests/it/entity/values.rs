//! Every type comes back as it went in.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use rust_decimal::Decimal;
use shared::db::Engine;
use shared::entity::Json;
use shared::error::ErrorKind;
use shared::{Db, Error, Phi};
use uuid::Uuid;

use crate::engines::{execute, on_every_engine};
use crate::vocabulary::{
    Address, Everything, EverythingPatch, NewEverything, PatientId, Status, address, at, everything,
};

on_every_engine!(
    every_type_comes_back_as_it_went_in,
    extreme_values_come_back_as_they_went_in,
    what_one_engine_cannot_keep_is_refused_on_both,
    a_row_of_another_shape_is_a_decode_error,
    a_text_that_is_no_token_is_a_decode_error,
);

async fn every_type_comes_back_as_it_went_in(db: Db) {
    let repo = db.repo::<Everything>();
    let none = repo.create(everything(1)).await.unwrap();
    assert_eq!(repo.get(1).await.unwrap(), none);
    assert_eq!(none.r#where, at("2026-11-23T08:00:00.123456Z"), "finer than a microsecond is dropped");
    assert_eq!(none.time, NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap());
    assert_eq!(none.json, address());
    assert_eq!((none.text.as_str(), none.phi.expose().as_str()), ("Grüße, 🩺\n", "protected"));

    let some = NewEverything {
        some_uuid: Some(Uuid::max()),
        some_instant: Some(at("1969-12-31T23:59:59.999999999Z")),
        some_date: NaiveDate::from_ymd_opt(0, 1, 1),
        some_time: Some(NaiveTime::MIN),
        some_small: Some(0),
        some_integer: Some(0),
        some_bigint: Some(0),
        some_boolean: Some(false),
        some_double: Some(0.0),
        some_decimal: Some(Decimal::ZERO),
        some_text: Some(String::new()),
        some_bytes: Some(Vec::new()),
        some_json: Some(address()),
        some_status: Some(Status::CheckedIn),
        some_typed: Some(PatientId(Uuid::max())),
        some_token: Some(everything(2).token),
        some_phi: Some(Phi::new(NaiveDate::from_ymd_opt(1912, 6, 23).unwrap())),
        ..everything(2)
    };
    let some = repo.create(some).await.unwrap();
    assert_eq!(repo.get(2).await.unwrap(), some);
    assert_eq!(some.some_instant, Some(at("1969-12-31T23:59:59.999999Z")));

    // the same through the arrays of `create_many` and through an update
    let many = repo.create_many(vec![everything(3), NewEverything { id: 4, ..as_new(&some) }]).await.unwrap();
    assert_eq!(repo.get_many(&[3, 4]).await.unwrap(), many);
    assert_eq!(Everything { id: 2, ..many[1].clone() }, some);
    let patch = EverythingPatch::new()
        .some_uuid(some.some_uuid)
        .some_instant(some.some_instant)
        .some_date(some.some_date)
        .some_time(some.some_time)
        .some_small(some.some_small)
        .some_integer(some.some_integer)
        .some_bigint(some.some_bigint)
        .some_boolean(some.some_boolean)
        .some_double(some.some_double)
        .some_decimal(some.some_decimal)
        .some_text(some.some_text.clone())
        .some_bytes(some.some_bytes.clone())
        .some_json(some.some_json.clone())
        .some_status(some.some_status)
        .some_typed(some.some_typed)
        .some_token(some.some_token.clone())
        .some_phi(some.some_phi);
    let updated = repo.update(&none, patch).await.unwrap();
    assert_eq!(Everything { id: 2, ..updated.clone() }, some);
    let cleared = EverythingPatch::new().some_text(None).some_json(None).some_phi(None).some_uuid(None);
    let cleared = repo.update(&updated, cleared).await.unwrap();
    assert_eq!((cleared.some_text, cleared.some_json, cleared.some_phi, cleared.some_uuid), (None, None, None, None));
    assert_eq!(cleared.some_bytes, some.some_bytes, "what the patch does not set stays");
}

async fn extreme_values_come_back_as_they_went_in(db: Db) {
    let repo = db.repo::<Everything>();
    let low = NewEverything {
        uuid: Uuid::nil(),
        r#where: at("0000-01-01T00:00:00Z"),
        date: NaiveDate::from_ymd_opt(0, 1, 1).unwrap(),
        time: NaiveTime::MIN,
        select: i16::MIN,
        from: i32::MIN,
        bigint: i64::MIN,
        boolean: false,
        double: f64::NEG_INFINITY,
        decimal: Decimal::MIN,
        text: String::new(),
        bytes: Vec::new(),
        ..everything(i64::MIN)
    };
    let high = NewEverything {
        uuid: Uuid::max(),
        r#where: at("9999-12-31T23:59:59.999999Z"),
        date: NaiveDate::from_ymd_opt(9999, 12, 31).unwrap(),
        time: NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap(),
        select: i16::MAX,
        from: i32::MAX,
        bigint: i64::MAX,
        double: f64::MAX,
        decimal: Decimal::MAX,
        text: "\u{1}\u{7f}\u{80}\u{ffff}\u{10ffff}'\"\\%_".into(),
        bytes: (0..=255).collect(),
        ..everything(i64::MAX)
    };
    let tiny =
        NewEverything { double: f64::from_bits(1), decimal: Decimal::from_i128_with_scale(1, 28), ..everything(0) };
    let created = repo.create_many(vec![high.clone(), low.clone(), tiny.clone()]).await.unwrap();
    assert_eq!(repo.get_many(&[i64::MAX, i64::MIN, 0]).await.unwrap(), created);
    assert_eq!(as_new(&created[0]).text, high.text);
    for column in [
        Everything::WHERE.asc(),
        Everything::DATE.asc(),
        Everything::BIGINT.asc(),
        Everything::DOUBLE.asc(),
        Everything::DECIMAL.asc(),
    ] {
        let rows = repo.query().filter(Everything::ID.ne(0)).order_by(column).all().await.unwrap();
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        assert_eq!(ids, [i64::MIN, i64::MAX], "{column:?}");
    }
    // one by one, through another kind of statement than many
    execute(&db, "DELETE FROM \"order\"").await.unwrap();
    for (new, created) in [(high, &created[0]), (low, &created[1]), (tiny, &created[2])] {
        assert_eq!(repo.create(new).await.unwrap(), *created);
        assert_eq!(repo.get(created.id).await.unwrap(), *created);
    }
}

async fn what_one_engine_cannot_keep_is_refused_on_both(db: Db) {
    let repo = db.repo::<Everything>();
    let nul = Json(Address { street: "sentinel\0".into(), codes: BTreeMap::new() });
    let leap = NaiveTime::from_hms_milli_opt(23, 59, 59, 1_500).unwrap();
    for (refused, expected) in [
        (NewEverything { text: "sentinel\0".into(), ..everything(1) }, "U+0000"),
        (NewEverything { phi: "sentinel\0".into(), ..everything(1) }, "U+0000"),
        (NewEverything { json: nul, ..everything(1) }, "U+0000"),
        (NewEverything { double: f64::NAN, ..everything(1) }, "NaN"),
        (NewEverything { some_double: Some(f64::NAN), ..everything(1) }, "NaN"),
        (NewEverything { r#where: DateTime::<Utc>::MAX_UTC, ..everything(1) }, "9999"),
        (NewEverything { some_date: Some(NaiveDate::MIN), ..everything(1) }, "9999"),
        (NewEverything { time: leap, ..everything(1) }, "leap second"),
    ] {
        for error in [
            repo.create(refused.clone()).await.unwrap_err(),
            repo.create_many(vec![everything(2), refused.clone()]).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!format!("{error:?}").contains("sentinel"), "{error:?}");
        }
    }
    let filter = Everything::TEXT.eq("sentinel\0");
    let error = repo.query().filter(filter).all().await.unwrap_err();
    assert!(error.to_string().contains("U+0000"), "{error}");
    assert_eq!(repo.count().await.unwrap(), 0, "nothing was written");
}

async fn a_row_of_another_shape_is_a_decode_error(db: Db) {
    db.repo::<Everything>().create(everything(1)).await.unwrap();
    let sql = match db.engine() {
        Engine::Postgres => "ALTER TABLE \"order\" ALTER \"text\" TYPE bytea USING 'sentinel'::bytea",
        Engine::Sqlite => {
            "CREATE TABLE other AS SELECT * FROM \"order\"; DROP TABLE \"order\"; ALTER TABLE other RENAME TO \"order\"; \
             UPDATE \"order\" SET \"text\" = x'73656e74696e656c'"
        }
    };
    execute(&db, sql).await.unwrap();
    let error = db.repo::<Everything>().get(1).await.unwrap_err();
    let Error::Decode(decode) = &error else { panic!("{error:?}") };
    assert_eq!((decode.what.as_ref(), decode.path.as_str()), ("Everything", "/text"));
    assert!(!format!("{error:?}").contains("sentinel"));
}

async fn a_text_that_is_no_token_is_a_decode_error(db: Db) {
    db.repo::<Everything>().create(everything(1)).await.unwrap();
    execute(&db, "UPDATE \"order\" SET \"token\" = 'sentinel.x'").await.unwrap();
    let error = db.repo::<Everything>().get(1).await.unwrap_err();
    let Error::Decode(decode) = &error else { panic!("{error:?}") };
    assert_eq!((decode.what.as_ref(), decode.path.as_str()), ("Everything", "/token"));
    assert!(!format!("{error:?}").contains("sentinel"));
    let found = db.repo::<Everything>().query().filter(Everything::TOKEN.starts_with("sent")).count().await.unwrap();
    assert_eq!(found, 1);
}

fn as_new(row: &Everything) -> NewEverything {
    let row = row.clone();
    NewEverything {
        id: row.id,
        uuid: row.uuid,
        r#where: row.r#where,
        date: row.date,
        time: row.time,
        select: row.select,
        from: row.from,
        bigint: row.bigint,
        boolean: row.boolean,
        double: row.double,
        decimal: row.decimal,
        text: row.text,
        bytes: row.bytes,
        json: row.json,
        status: row.status,
        typed: row.typed,
        token: row.token,
        phi: row.phi,
        some_uuid: row.some_uuid,
        some_instant: row.some_instant,
        some_date: row.some_date,
        some_time: row.some_time,
        some_small: row.some_small,
        some_integer: row.some_integer,
        some_bigint: row.some_bigint,
        some_boolean: row.some_boolean,
        some_double: row.some_double,
        some_decimal: row.some_decimal,
        some_text: row.some_text,
        some_bytes: row.some_bytes,
        some_json: row.some_json,
        some_status: row.some_status,
        some_typed: row.some_typed,
        some_token: row.some_token,
        some_phi: row.some_phi,
    }
}
