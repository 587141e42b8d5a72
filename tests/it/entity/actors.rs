//! Who wrote a row, and when: what the context says.

use chrono::{DateTime, TimeDelta, Utc};
use shared::entity::Filter;
use shared::error::ErrorKind;
use shared::time::Clock;
use shared::{Context, Db, Entity, EntityValue, entities};
use uuid::Uuid;

use crate::engines::on_every_engine;

on_every_engine!(
    every_write_says_who_did_it,
    without_an_actor_an_optional_column_is_null,
    without_an_actor_a_required_column_refuses,
    times_come_from_the_clock_of_the_context,
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EntityValue)]
pub struct UserId(pub Uuid);

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "orders")]
pub struct Order {
    #[entity(id)]
    pub id: Uuid,
    pub drug: String,
    #[entity(created_by)]
    pub ordered_by: Option<String>,
    #[entity(updated_by, rename = "last_by")]
    pub changed_by: Option<UserId>,
    #[entity(created_at)]
    pub created_at: DateTime<Utc>,
    #[entity(updated_at)]
    pub updated_at: DateTime<Utc>,
    #[entity(deleted_at)]
    pub deleted_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "signatures")]
pub struct Signature {
    #[entity(id)]
    pub id: Uuid,
    pub text: String,
    #[entity(created_by)]
    pub signed_by: UserId,
    #[entity(updated_by)]
    pub changed_by: String,
}

fn by(user: u128) -> Context {
    Context::new().actor(&Uuid::from_u128(user).to_string())
}

async fn every_write_says_who_did_it(db: Db) {
    db.create_tables(&entities![Order]).await.unwrap();
    let repo = db.repo::<Order>();
    let user = |user| Some(UserId(Uuid::from_u128(user)));
    let created = by(1).scope(repo.create(NewOrder { drug: "a".into() })).await.unwrap();
    assert_eq!(created.ordered_by, Some(Uuid::from_u128(1).to_string()));
    assert_eq!(created.changed_by, user(1));
    let updated = by(2).scope(repo.update(&created, OrderPatch::new().drug("b"))).await.unwrap();
    assert_eq!((updated.ordered_by.clone(), updated.changed_by), (created.ordered_by.clone(), user(2)));
    by(3).scope(repo.update_where(Filter::all_rows(), OrderPatch::new().drug("c"))).await.unwrap();
    assert_eq!(repo.get(created.id).await.unwrap().changed_by, user(3));
    by(4).scope(repo.delete(&updated)).await.unwrap();
    let all = repo.clone().with_deleted();
    assert_eq!(all.get(created.id).await.unwrap().changed_by, user(4));
    let restored = by(5).scope(repo.restore(created.id)).await.unwrap();
    assert_eq!(restored.changed_by, user(5));
    by(6).scope(repo.delete_where(Filter::all_rows())).await.unwrap();
    assert_eq!(all.get(created.id).await.unwrap().changed_by, user(6));
    assert_eq!(repo.count().await.unwrap(), 0);

    // an actor that is no `Uuid` cannot be in a column of them
    let error = Context::new().actor("dr-grey").scope(repo.create(NewOrder { drug: "a".into() })).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(!format!("{error} {error:?}").contains("dr-grey"), "{error:?}");
}

async fn without_an_actor_an_optional_column_is_null(db: Db) {
    db.create_tables(&entities![Order]).await.unwrap();
    let repo = db.repo::<Order>();
    let created = by(1).scope(repo.create(NewOrder { drug: "a".into() })).await.unwrap();
    let updated = repo.update(&created, OrderPatch::new().drug("b")).await.unwrap();
    assert_eq!((updated.ordered_by, updated.changed_by), (created.ordered_by, None));
    let created = repo.create(NewOrder { drug: "a".into() }).await.unwrap();
    assert_eq!((created.ordered_by, created.changed_by), (None, None));
}

async fn without_an_actor_a_required_column_refuses(db: Db) {
    db.create_tables(&entities![Signature]).await.unwrap();
    let repo = db.repo::<Signature>();
    let new = || NewSignature { text: "x".into() };
    let created = by(1).scope(repo.create(new())).await.unwrap();
    let patch = SignaturePatch::new().text("y");
    for error in [
        repo.create(new()).await.unwrap_err(),
        repo.create_many(vec![new()]).await.unwrap_err(),
        repo.update(&created, patch.clone()).await.unwrap_err(),
        repo.update_where(Filter::all_rows(), patch).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("the context has no actor"), "{error}");
    }
    assert_eq!(repo.query().all().await.unwrap(), [created]);
}

async fn times_come_from_the_clock_of_the_context(db: Db) {
    db.create_tables(&entities![Order]).await.unwrap();
    let clock = Clock::new();
    clock.advance(TimeDelta::days(400));
    let later = Utc::now() + TimeDelta::days(399);
    let repo = db.repo::<Order>();
    let scoped = || Context::new().with_clock(clock.clone());
    let created = scoped().scope(repo.create(NewOrder { drug: "a".into() })).await.unwrap();
    assert!(created.created_at > later && created.updated_at == created.created_at);
    assert_eq!(created.created_at.timestamp_subsec_nanos() % 1_000, 0);
    clock.advance(TimeDelta::days(1));
    let updated = scoped().scope(repo.update(&created, OrderPatch::new().drug("b"))).await.unwrap();
    assert!(updated.updated_at - created.created_at >= TimeDelta::days(1));
    assert_eq!(updated.created_at, created.created_at);
    clock.advance(TimeDelta::days(1));
    scoped().scope(repo.delete(&updated)).await.unwrap();
    let deleted = repo.clone().with_deleted().get(created.id).await.unwrap();
    assert!(deleted.deleted_at.is_some_and(|at| at - updated.updated_at >= TimeDelta::days(1)));
}
