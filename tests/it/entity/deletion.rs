//! Deleting, and rows that are only marked as deleted.

use shared::entity::Filter;
use shared::error::ErrorKind;
use shared::{Db, Error};

use crate::engines::on_every_engine;
use crate::vocabulary::{Appointment, AppointmentPatch, Status, booking, patient};

on_every_engine!(
    a_deletion_checks_the_version,
    deleted_rows_are_out_of_sight_until_they_are_restored,
    a_deleted_row_frees_its_unique_key,
);

async fn a_deletion_checks_the_version(db: Db) {
    let repo = db.repo::<Appointment>();
    let created = repo.create(booking(patient(&db).await, 0)).await.unwrap();
    let updated = repo.update(&created, AppointmentPatch::new().status(Status::Cancelled)).await.unwrap();
    assert_eq!(repo.delete(&created).await.unwrap_err().kind(), ErrorKind::Stale);
    repo.delete(&updated).await.unwrap();
    assert_eq!(repo.count().await.unwrap(), 0);
}

async fn deleted_rows_are_out_of_sight_until_they_are_restored(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let created = repo.create(booking(patient_id, 0)).await.unwrap();
    let kept = repo.create(booking(patient_id, 1)).await.unwrap();
    repo.delete(&created).await.unwrap();
    assert_eq!(repo.find(created.id).await.unwrap(), None);
    assert_eq!(repo.count().await.unwrap(), 1);
    assert_eq!(repo.get_many(&[created.id, kept.id]).await.unwrap(), std::slice::from_ref(&kept));
    assert_eq!(repo.query().all().await.unwrap(), [kept]);
    let changed = repo.update_where(Filter::all_rows(), AppointmentPatch::new().duration_minutes(5)).await.unwrap();
    assert_eq!(changed, 1, "a deleted row is not updated");

    let all = repo.clone().with_deleted();
    assert_eq!(all.count().await.unwrap(), 2);
    assert!(all.exists(created.id).await.unwrap());
    let deleted = all.get(created.id).await.unwrap();
    assert_eq!(deleted.version, 2);
    assert_eq!(deleted.deleted_at, Some(deleted.updated_at));
    assert_eq!(repo.query().with_deleted().filter(Appointment::DELETED_AT.is_not_null()).count().await.unwrap(), 1);
    let noted = all.update(&deleted, AppointmentPatch::new().notes("by mistake")).await.unwrap();
    assert_eq!(repo.find(created.id).await.unwrap(), None, "an update does not restore it");

    let restored = repo.restore(created.id).await.unwrap();
    assert_eq!(restored.version, 4);
    assert_eq!((restored.deleted_at, restored.notes.clone()), (None, noted.notes));
    assert_eq!(repo.get(created.id).await.unwrap(), restored);
    assert_eq!(repo.restore(created.id).await.unwrap_err().kind(), ErrorKind::NotFound);

    assert_eq!(repo.delete_where(Appointment::PATIENT_ID.eq(patient_id)).await.unwrap(), 2);
    assert_eq!(repo.delete_where(Appointment::PATIENT_ID.eq(patient_id)).await.unwrap(), 0);
    assert_eq!(all.count().await.unwrap(), 2);
}

async fn a_deleted_row_frees_its_unique_key(db: Db) {
    let repo = db.repo::<Appointment>();
    let patient_id = patient(&db).await;
    let first = repo.create(booking(patient_id, 0)).await.unwrap();
    repo.delete(&first).await.unwrap();
    repo.create(booking(patient_id, 0)).await.unwrap();
    let taken = repo.restore(first.id).await.unwrap_err();
    assert!(
        matches!(&taken, Error::Unique { entity, fields } if entity == "Appointment" && fields == &["doctor_id", "starts_at"]),
        "{taken:?}"
    );
}
