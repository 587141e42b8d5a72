//! Reading many rows.

use shared::Db;
use shared::entity::Filter;
use shared::error::ErrorKind;
use uuid::Uuid;

use crate::engines::on_every_engine;
use crate::vocabulary::{
    Appointment, Everything, NewEverything, NewWard, Status, Ward, WardPatch, booking, everything, patient,
};

on_every_engine!(
    filters_find_what_rust_would,
    text_is_searched_with_its_case,
    what_one_engine_cannot_search_for_is_refused_on_both,
    an_open_condition_is_left_out,
    rows_come_in_the_asked_order,
    a_query_without_a_limit_refuses_to_cut_off,
    many_ids_are_read_in_their_order,
);

/// Rows in which the nullable columns are sometimes NULL, and what Rust finds in them.
async fn filters_find_what_rust_would(db: Db) {
    let repo = db.repo::<Everything>();
    let rows: Vec<NewEverything> = (0..20_i32)
        .map(|i| NewEverything {
            from: i % 5,
            some_integer: (i % 4 != 0).then_some(i % 3),
            some_text: (i % 6 != 0).then(|| format!("t{}", i % 4)),
            status: [Status::Booked, Status::Cancelled, Status::Over][i as usize % 3],
            ..everything(i.into())
        })
        .collect();
    let rows = repo.create_many(rows).await.unwrap();
    type Case = (Filter<Everything>, fn(&Everything) -> bool);
    let cases: Vec<Case> = vec![
        (Everything::FROM.eq(2), |row| row.from == 2),
        (Everything::FROM.ne(2), |row| row.from != 2),
        (Everything::FROM.lt(2), |row| row.from < 2),
        (Everything::FROM.le(2), |row| row.from <= 2),
        (Everything::FROM.gt(2), |row| row.from > 2),
        (Everything::FROM.ge(2), |row| row.from >= 2),
        (Everything::FROM.in_([1, 4, 9]), |row| [1, 4, 9].contains(&row.from)),
        (Everything::FROM.in_(Vec::<i32>::new()), |_| false),
        (Everything::STATUS.eq(Status::Over), |row| row.status == Status::Over),
        (Everything::STATUS.in_([Status::Over, Status::Booked]), |row| row.status != Status::Cancelled),
        (Everything::SOME_INTEGER.eq(1), |row| row.some_integer == Some(1)),
        (Everything::SOME_INTEGER.ne(1), |row| row.some_integer != Some(1)),
        (Everything::SOME_INTEGER.eq(None), |row| row.some_integer.is_none()),
        (Everything::SOME_INTEGER.ne(None), |row| row.some_integer.is_some()),
        (Everything::SOME_INTEGER.lt(2), |row| row.some_integer.is_some_and(|value| value < 2)),
        (Everything::SOME_INTEGER.lt(None), |_| false),
        (Everything::SOME_INTEGER.is_null(), |row| row.some_integer.is_none()),
        (Everything::SOME_INTEGER.is_not_null(), |row| row.some_integer.is_some()),
        (Everything::SOME_INTEGER.in_([Some(0), Some(2)]), |row| matches!(row.some_integer, Some(0 | 2))),
        (Everything::SOME_INTEGER.in_([Some(0), None]), |row| matches!(row.some_integer, Some(0))),
        (Everything::FROM.between(1, 3), |row| (1..=3).contains(&row.from)),
        (Everything::FROM.between(3, 1), |_| false),
        (Everything::SOME_INTEGER.between(1, Some(2)), |row| matches!(row.some_integer, Some(1 | 2))),
        (Everything::SOME_INTEGER.between(None, 2), |_| false),
        (Everything::FROM.not_in([1, 4]), |row| ![1, 4].contains(&row.from)),
        (Everything::FROM.not_in(Vec::<i32>::new()), |_| true),
        (Everything::SOME_INTEGER.not_in([0]), |row| row.some_integer != Some(0)),
        (Filter::any_of([Everything::FROM.eq(1), Everything::FROM.eq(2)]), |row| matches!(row.from, 1 | 2)),
        (Filter::any_of([]), |_| false),
        (Filter::all_of([Everything::FROM.ge(1), Everything::FROM.le(2)]), |row| matches!(row.from, 1 | 2)),
        (Filter::all_of([]), |_| true),
        (Everything::SOME_TEXT.ignore_ascii_case().eq("T1"), |row| row.some_text.as_deref() == Some("t1")),
        (Everything::SOME_TEXT.starts_with("t"), |row| row.some_text.is_some()),
        (Everything::SOME_TEXT.ends_with("3"), |row| row.some_text.as_deref() == Some("t3")),
        (Everything::FROM.ge(3) & (Everything::SOME_TEXT.eq("t1") | Everything::SOME_INTEGER.is_null()), |row| {
            row.from >= 3 && (row.some_text.as_deref() == Some("t1") || row.some_integer.is_none())
        }),
        (Filter::all_rows(), |_| true),
    ];
    for (filter, expected) in cases {
        for (filter, wanted) in [(filter.clone(), true), (!filter, false)] {
            let found = repo.query().filter(filter.clone()).order_by(Everything::ID.asc()).all().await.unwrap();
            let expected: Vec<&Everything> = rows.iter().filter(|row| expected(row) == wanted).collect();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
            assert_eq!(repo.query().filter(filter.clone()).count().await.unwrap(), expected.len() as u64, "{filter:?}");
            assert_eq!(repo.query().filter(filter.clone()).exists().await.unwrap(), !expected.is_empty(), "{filter:?}");
        }
    }
}

async fn text_is_searched_with_its_case(db: Db) {
    let repo = db.repo::<Ward>();
    let codes = ["ICU", "icu", "50%", "50x", "a_b", "axb", "a\\b", "[x]", "*?", "größe"];
    let new = codes.iter().map(|code| NewWard { code: (*code).into(), part_of: None, beds: 1 }).collect();
    repo.create_many(new).await.unwrap();
    for (filter, expected) in [
        (Ward::CODE.starts_with("ic"), vec!["icu"]),
        (Ward::CODE.starts_with("50%"), vec!["50%"]),
        (Ward::CODE.contains("_"), vec!["a_b"]),
        (Ward::CODE.contains("\\"), vec!["a\\b"]),
        (Ward::CODE.contains("[x]"), vec!["[x]"]),
        (Ward::CODE.ends_with("?"), vec!["*?"]),
        (Ward::CODE.contains("ö"), vec!["größe"]),
        (Ward::CODE.like("a_b"), vec!["a\\b", "a_b", "axb"]),
        (Ward::CODE.like("a\\_b"), vec!["a_b"]),
        (Ward::CODE.like("%U"), vec!["ICU"]),
        (Ward::CODE.like("gr__e"), vec!["größe"]),
        (!Ward::CODE.like("%"), vec![]),
        (Ward::CODE.ignore_ascii_case().eq("Icu"), vec!["ICU", "icu"]),
        (Ward::CODE.ignore_ascii_case().eq("50%"), vec!["50%"]),
        (Ward::CODE.ignore_ascii_case().starts_with("A\\B"), vec!["a\\b"]),
        (Ward::CODE.ignore_ascii_case().contains("_B"), vec!["a_b"]),
        (Ward::CODE.ignore_ascii_case().ends_with("]"), vec!["[x]"]),
        (Ward::CODE.ignore_ascii_case().like("A_B"), vec!["a\\b", "a_b", "axb"]),
        (Ward::CODE.ignore_ascii_case().eq("GRöSSE"), vec![]),
        (Ward::CODE.ignore_ascii_case().eq("GRößE"), vec!["größe"]),
        (Ward::CODE.ignore_ascii_case().eq("GRÖßE"), vec![]),
        (!Ward::CODE.ignore_ascii_case().like("%C%") & Ward::CODE.contains("C"), vec![]),
    ] {
        let found = repo.query().filter(filter.clone()).order_by(Ward::CODE.asc()).all().await.unwrap();
        let found: Vec<&str> = found.iter().map(|ward| ward.code.as_str()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    let error = repo.query().filter(Ward::CODE.like("a\\")).all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
}

/// Neither engine sees them.
async fn what_one_engine_cannot_search_for_is_refused_on_both(db: Db) {
    let repo = db.repo::<Ward>();
    for (filter, part) in [
        (Ward::CODE.eq("a\0b"), "U+0000"),
        (Ward::CODE.in_(["a", "a\0b"]), "U+0000"),
        (Ward::CODE.between("a", "a\0b"), "U+0000"),
        (Ward::CODE.contains("a\0b"), "U+0000"),
        (Ward::CODE.ignore_ascii_case().eq("a\0b"), "U+0000"),
        (Ward::CODE.contains(&"x".repeat(50_001)), "50,000"),
        (Ward::CODE.ignore_ascii_case().contains(&"x".repeat(50_001)), "50,000"),
        (Ward::CODE.contains(&"[".repeat(20_000)), "50,000"),
    ] {
        for filter in [filter.clone(), !filter] {
            for error in [
                repo.query().filter(filter.clone()).all().await.unwrap_err(),
                repo.query().filter(filter.clone()).count().await.unwrap_err(),
                repo.delete_where(filter.clone()).await.unwrap_err(),
                repo.update_where(filter.clone(), WardPatch::new().beds(1)).await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::Usage, "{filter:?}");
                assert!(error.to_string().contains(part), "{filter:?}: {error}");
            }
        }
    }
    assert_eq!(repo.query().filter(Ward::CODE.contains(&"x".repeat(50_000 - 2))).count().await.unwrap(), 0);
}

async fn an_open_condition_is_left_out(db: Db) {
    let repo = db.repo::<Ward>();
    let new = (0..4).map(|i| NewWard { code: i.to_string(), part_of: None, beds: i }).collect();
    repo.create_many(new).await.unwrap();
    let count = async |beds: Option<i32>, code: Option<&str>| {
        let query = repo.query().filter_some(beds.map(|beds| Ward::BEDS.ge(beds)));
        query.filter_some(code.map(|code| Ward::CODE.eq(code))).count().await.unwrap()
    };
    assert_eq!(count(None, None).await, 4);
    assert_eq!(count(Some(1), None).await, 3);
    assert_eq!(count(Some(1), Some("2")).await, 1);
    assert_eq!(count(Some(3), Some("2")).await, 0);
}

async fn rows_come_in_the_asked_order(db: Db) {
    let repo = db.repo::<Ward>();
    let house = repo.create(NewWard { code: "house".into(), part_of: None, beds: 0 }).await.unwrap();
    let ward =
        |code: &str, part_of: Option<&str>, beds| NewWard { code: code.into(), part_of: part_of.map(Into::into), beds };
    let new = vec![ward("b", None, 1), ward("Z", Some("house"), 1), ward("ä", None, 2), ward("a", Some("house"), 2)];
    repo.create_many(new).await.unwrap();
    let codes = async |query: shared::entity::Query<Ward>| -> Vec<String> {
        query.all().await.unwrap().into_iter().map(|ward| ward.code).collect()
    };
    let query = repo.query();
    // texts by their bytes, on every engine and in every locale
    assert_eq!(codes(query.clone().order_by(Ward::CODE.asc())).await, ["Z", "a", "b", "house", "ä"]);
    assert_eq!(codes(query.clone().order_by(Ward::CODE.desc())).await, ["ä", "house", "b", "a", "Z"]);
    // equal rows by their id, NULL last or first
    assert_eq!(codes(query.clone().order_by(Ward::BEDS.desc())).await, ["a", "ä", "Z", "b", "house"]);
    assert_eq!(codes(query.clone().order_by(Ward::PART_OF.asc())).await, ["Z", "a", "b", "house", "ä"]);
    assert_eq!(codes(query.clone().order_by(Ward::PART_OF.desc())).await, ["b", "house", "ä", "Z", "a"]);
    let two = query.clone().order_by(Ward::BEDS.asc()).order_by(Ward::CODE.desc());
    assert_eq!(codes(two.clone()).await, ["house", "b", "Z", "ä", "a"]);
    assert_eq!(codes(two.clone().limit(2)).await, ["house", "b"]);
    assert_eq!(codes(two.clone().limit(0)).await, [""; 0]);
    assert_eq!(two.first().await.unwrap(), Some(house));
    assert_eq!(repo.query().filter(Ward::BEDS.gt(99)).first().await.unwrap(), None);
}

async fn a_query_without_a_limit_refuses_to_cut_off(db: Db) {
    let repo = db.repo::<Ward>();
    let new = (0..1_001).map(|i| NewWard { code: format!("{i:04}"), part_of: None, beds: i }).collect();
    repo.create_many(new).await.unwrap();
    let error = repo.query().all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("1000") && error.to_string().contains(".unlimited()"), "{error}");
    assert_eq!(repo.query().filter(Ward::BEDS.ne(0)).all().await.unwrap().len(), 1_000);
    assert_eq!(repo.query().limit(1_001).all().await.unwrap().len(), 1_001);
    assert_eq!(repo.query().unlimited().all().await.unwrap().len(), 1_001);
}

async fn many_ids_are_read_in_their_order(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let created = repo.create_many((0..50).map(|minute| booking(patient_id, minute)).collect()).await.unwrap();
    let mut wanted: Vec<Uuid> = created.iter().rev().map(|row| row.id).collect();
    wanted.insert(3, Uuid::nil());
    wanted.push(created[7].id);
    let found = repo.get_many(&wanted).await.unwrap();
    assert_eq!(found, created.into_iter().rev().collect::<Vec<_>>());
    assert_eq!(repo.get_many(&[]).await.unwrap(), []);
}
