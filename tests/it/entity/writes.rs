//! Creating and updating.

use shared::entity::{Entity as _, Filter};
use shared::error::ErrorKind;
use shared::{Db, Error, Result, time};
use uuid::Uuid;

use crate::engines::on_every_engine;
use crate::vocabulary::{
    Appointment, AppointmentPatch, NewAppointment, NewWard, Status, Ward, WardPatch, booking, patient,
};

on_every_engine!(
    a_created_row_says_what_is_stored,
    ids_are_made_or_given,
    an_update_changes_what_the_patch_sets,
    a_lost_race_is_stale,
    a_row_that_is_gone_is_not_found,
    without_a_version_the_last_writer_wins,
    an_empty_patch_changes_nothing,
    many_rows_are_created_in_order,
    of_many_rows_all_or_none_are_created,
    rows_are_updated_and_deleted_by_filter,
    a_transaction_is_all_or_nothing,
);

async fn a_created_row_says_what_is_stored(db: Db) {
    let repo = db.repo::<Appointment>();
    let before = time::now();
    let new = NewAppointment { notes: Some("fasting".into()), ..booking(patient(&db).await, 0) };
    let created = repo.create(new).await.unwrap();
    let after = time::now();
    assert_eq!(created.version, 1);
    assert!(before <= created.created_at && created.created_at <= after);
    assert_eq!(created.updated_at, created.created_at);
    assert_eq!(created.deleted_at, None);
    assert_eq!(created.id.get_version_num(), 7);
    assert_eq!(repo.get(created.id).await.unwrap(), created);
    assert_eq!(repo.find(created.id).await.unwrap(), Some(created.clone()));
    assert!(repo.exists(created.id).await.unwrap());
    assert_eq!(repo.count().await.unwrap(), 1);
    assert_eq!(created.id(), &created.id);
}

async fn ids_are_made_or_given(db: Db) {
    let (one, two) = (patient(&db).await, patient(&db).await);
    assert!(one.0 < two.0, "made ids sort by the time they were made");
    let wards = db.repo::<Ward>();
    wards.create(NewWard { code: "ICU".into(), part_of: None, beds: 4 }).await.unwrap();
    assert_eq!(wards.get("ICU".into()).await.unwrap().beds, 4);
    let id = String::from("ICU");
    assert_eq!(wards.get(id.clone()).await.unwrap().code, id);
    let again = wards.create(NewWard { code: "ICU".into(), part_of: None, beds: 5 }).await.unwrap_err();
    assert!(matches!(&again, Error::Unique { entity, fields } if entity == "Ward" && fields == &["code"]), "{again:?}");
}

async fn an_update_changes_what_the_patch_sets(db: Db) {
    let repo = db.repo::<Appointment>();
    let created =
        repo.create(NewAppointment { notes: Some("x".into()), ..booking(patient(&db).await, 0) }).await.unwrap();
    let updated = repo.update(&created, AppointmentPatch::new().status(Status::CheckedIn)).await.unwrap();
    assert!(updated.updated_at >= created.updated_at);
    let expected = Appointment { status: Status::CheckedIn, version: 2, updated_at: updated.updated_at, ..created };
    assert_eq!(updated, expected);
    assert_eq!(repo.get(updated.id).await.unwrap(), updated);
}

async fn a_lost_race_is_stale(db: Db) {
    let repo = db.repo::<Appointment>();
    let created = repo.create(booking(patient(&db).await, 0)).await.unwrap();
    repo.update(&created, AppointmentPatch::new().status(Status::CheckedIn)).await.unwrap();
    for patch in [AppointmentPatch::new().status(Status::Cancelled), AppointmentPatch::new()] {
        let error = repo.update(&created, patch).await.unwrap_err();
        assert!(matches!(error, Error::Stale { entity: "Appointment" }), "{error:?}");
    }
    let error = repo.delete(&created).await.unwrap_err();
    assert!(matches!(error, Error::Stale { entity: "Appointment" }), "{error:?}");
    assert_eq!(repo.get(created.id).await.unwrap().status, Status::CheckedIn);

    // of many at once exactly one wins
    let current = repo.get(created.id).await.unwrap();
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (repo, current) = (repo.clone(), current.clone());
        racers.spawn(async move { repo.update(&current, AppointmentPatch::new().duration_minutes(10)).await });
    }
    let results = racers.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().filter_map(|result| result.as_ref().err()).all(|error| error.kind() == ErrorKind::Stale));
}

async fn a_row_that_is_gone_is_not_found(db: Db) {
    let repo = db.repo::<Appointment>();
    let created = repo.create(booking(patient(&db).await, 0)).await.unwrap();
    repo.delete_by_id(created.id).await.unwrap();
    for error in [
        repo.get(created.id).await.unwrap_err(),
        repo.update(&created, AppointmentPatch::new().status(Status::Cancelled)).await.unwrap_err(),
        repo.delete(&created).await.unwrap_err(),
        repo.delete_by_id(created.id).await.unwrap_err(),
        repo.restore(Uuid::nil()).await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotFound { entity: "Appointment" }), "{error:?}");
    }
    assert_eq!(repo.find(created.id).await.unwrap(), None);
    assert!(!repo.exists(created.id).await.unwrap());
    let error = db.repo::<Ward>().restore("icu".into()).await.unwrap_err();
    assert!(error.to_string().contains("deleted_at"), "{error}");
}

async fn without_a_version_the_last_writer_wins(db: Db) {
    let repo = db.repo::<Ward>();
    let created = repo.create(NewWard { code: "icu".into(), part_of: None, beds: 4 }).await.unwrap();
    repo.update(&created, WardPatch::new().beds(5)).await.unwrap();
    let updated = repo.update(&created, WardPatch::new().part_of("icu")).await.unwrap();
    assert_eq!(updated, Ward { code: "icu".into(), part_of: Some("icu".into()), beds: 5 });
    repo.delete(&created).await.unwrap();
    assert!(matches!(repo.update(&created, WardPatch::new().beds(6)).await, Err(Error::NotFound { .. })));
}

async fn an_empty_patch_changes_nothing(db: Db) {
    let repo = db.repo::<Appointment>();
    let created = repo.create(booking(patient(&db).await, 0)).await.unwrap();
    assert_eq!(repo.update(&created, AppointmentPatch::new()).await.unwrap(), created);
    assert_eq!(repo.update_where(Filter::all_rows(), AppointmentPatch::new()).await.unwrap(), 1);
    assert_eq!(repo.get(created.id).await.unwrap(), created);
}

async fn many_rows_are_created_in_order(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let new: Vec<NewAppointment> = (0..3_000).map(|minute| booking(patient_id, minute)).collect();
    let created = repo.create_many(new).await.unwrap();
    assert_eq!(created.len(), 3_000);
    assert!(created.windows(2).all(|pair| pair[0].id < pair[1].id && pair[0].starts_at < pair[1].starts_at));
    let stored = repo.query().order_by(Appointment::STARTS_AT.asc()).unlimited().all().await.unwrap();
    assert_eq!(stored, created);
    assert_eq!(repo.create_many(Vec::new()).await.unwrap(), []);
}

async fn of_many_rows_all_or_none_are_created(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    // the last one clashes with the first, which on SQLite is in another statement
    let mut new: Vec<NewAppointment> = (0..2_500).map(|minute| booking(patient_id, minute)).collect();
    new.push(booking(patient_id, 0));
    let error = repo.create_many(new).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unique, "{error:?}");
    assert_eq!(repo.count().await.unwrap(), 0);
}

async fn rows_are_updated_and_deleted_by_filter(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let created = repo.create_many((0..10).map(|minute| booking(patient_id, minute)).collect()).await.unwrap();
    let late = Appointment::STARTS_AT.ge(created[6].starts_at);
    let patch = AppointmentPatch::new().status(Status::Cancelled).notes("closed");
    assert_eq!(repo.update_where(late.clone(), patch).await.unwrap(), 4);
    let cancelled = repo.query().filter(Appointment::STATUS.eq(Status::Cancelled)).all().await.unwrap();
    assert_eq!(cancelled.len(), 4);
    assert!(cancelled.iter().all(|row| row.version == 2 && row.notes == Some("closed".into())));
    assert_eq!(repo.delete_where(late).await.unwrap(), 4);
    assert_eq!(repo.count().await.unwrap(), 6);
    assert_eq!(db.repo::<Ward>().delete_where(Filter::all_rows()).await.unwrap(), 0);
}

async fn a_transaction_is_all_or_nothing(db: Db) {
    let patient_id = patient(&db).await;
    let failed: Result<()> = db
        .transaction(async |tx| {
            let repo = tx.repo::<Appointment>();
            let created = repo.create(booking(patient_id, 0)).await?;
            repo.create_many((1..1_500).map(|minute| booking(patient_id, minute)).collect()).await?;
            assert_eq!(repo.get(created.id).await?, created, "a transaction sees its own rows");
            assert_eq!(repo.count().await?, 1_500);
            Err(Error::other("changed my mind"))
        })
        .await;
    assert_eq!(failed.unwrap_err().to_string(), "changed my mind");
    let repo = db.repo::<Appointment>();
    assert_eq!(repo.count().await.unwrap(), 0);

    let kept = db
        .transaction(async |tx| {
            let kept = tx.repo::<Appointment>().create(booking(patient_id, 0)).await?;
            let nested = tx.transaction(async |tx| tx.repo::<Appointment>().create(booking(patient_id, 0)).await).await;
            assert_eq!(nested.unwrap_err().kind(), ErrorKind::Unique);
            tx.repo::<Appointment>().update(&kept, AppointmentPatch::new().status(Status::CheckedIn)).await
        })
        .await
        .unwrap();
    assert_eq!(repo.get(kept.id).await.unwrap(), kept);
    assert_eq!(repo.count().await.unwrap(), 1);
}
