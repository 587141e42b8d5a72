//! Values of several columns.

use shared::entity::{Entity as _, Filter};
use shared::error::ErrorKind;
use shared::{Db, Entity, Error, Phi, Validate, entities};
use uuid::Uuid;

use crate::engines::on_every_engine;

on_every_engine!(
    a_value_is_written_and_read_as_one,
    its_columns_can_be_asked_for,
    its_rules_are_checked,
    its_columns_can_be_keys,
);

#[derive(Debug, Clone, PartialEq, Validate)]
pub struct Address {
    #[validate(length(min = 1))]
    pub street: Phi<String>,
    pub city: String,
    pub zip: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Money {
    pub cents: i64,
    pub currency: String,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "clinics", unique(address_city, name), index(price_cents(desc)))]
#[validate(custom = not_free)]
pub struct Clinic {
    #[entity(id)]
    pub id: Uuid,
    pub name: String,
    /// Where it is.
    #[entity(flatten(street: Phi<String>, city: String, zip: Option<String>))]
    #[validate(nested)]
    pub address: Address,
    #[entity(flatten(cents: i64, currency: String), rename = "fee")]
    pub price: Money,
    #[entity(version)]
    pub version: i64,
}

fn not_free(clinic: &Clinic) -> Result<(), &'static str> {
    if clinic.price.cents > 0 { Ok(()) } else { Err("something that costs") }
}

fn address(city: &str) -> Address {
    Address { street: "1 Main Street".into(), city: city.into(), zip: None }
}

fn clinic(city: &str) -> NewClinic {
    NewClinic { name: "north".into(), address: address(city), price: Money { cents: 100, currency: "EUR".into() } }
}

async fn a_value_is_written_and_read_as_one(db: Db) {
    db.create_tables(&entities![Clinic]).await.unwrap();
    let repo = db.repo::<Clinic>();
    let created = repo.create(clinic("a")).await.unwrap();
    assert_eq!(created.address, address("a"));
    assert_eq!(repo.get(created.id).await.unwrap(), created);
    let moved = Address { zip: Some("1234".into()), ..address("b") };
    let updated = repo.update(&created, ClinicPatch::new().address(moved.clone())).await.unwrap();
    assert_eq!(updated, Clinic { address: moved, version: 2, ..created });
    let many = repo.create_many(vec![clinic("x"), clinic("y")]).await.unwrap();
    assert_eq!(repo.get_many(&[many[0].id, many[1].id]).await.unwrap(), many);
    let names: Vec<_> = Clinic::DEF.columns.iter().map(|column| column.name).collect();
    assert_eq!(
        names,
        ["id", "name", "address_street", "address_city", "address_zip", "fee_cents", "fee_currency", "version"]
    );
}

async fn its_columns_can_be_asked_for(db: Db) {
    db.create_tables(&entities![Clinic]).await.unwrap();
    let repo = db.repo::<Clinic>();
    let created = repo.create_many(vec![clinic("a"), clinic("b"), clinic("c")]).await.unwrap();
    let filter = Clinic::ADDRESS_CITY.ge("b") & Clinic::ADDRESS_ZIP.is_null() & Clinic::PRICE_CENTS.eq(100);
    let found = repo.query().filter(filter).order_by(Clinic::ADDRESS_CITY.desc()).all().await.unwrap();
    assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [created[2].id, created[1].id]);
}

async fn its_rules_are_checked(db: Db) {
    db.create_tables(&entities![Clinic]).await.unwrap();
    let repo = db.repo::<Clinic>();
    let nowhere = Address { street: "".into(), ..address("a") };
    let error = repo.create(NewClinic { address: nowhere.clone(), ..clinic("a") }).await.unwrap_err();
    assert!(matches!(&error, Error::Invalid(why) if why.to_string().contains("address/street")), "{error}");
    let free = Money { cents: 0, currency: "EUR".into() };
    assert_eq!(
        repo.create(NewClinic { price: free.clone(), ..clinic("a") }).await.unwrap_err().kind(),
        ErrorKind::Invalid
    );
    let created = repo.create(clinic("a")).await.unwrap();
    for patch in [ClinicPatch::new().address(nowhere), ClinicPatch::new().price(free)] {
        assert_eq!(repo.update(&created, patch).await.unwrap_err().kind(), ErrorKind::Invalid);
    }
}

async fn its_columns_can_be_keys(db: Db) {
    db.create_tables(&entities![Clinic]).await.unwrap();
    let repo = db.repo::<Clinic>();
    let created = repo.create(clinic("a")).await.unwrap();
    let error = repo.create(clinic("a")).await.unwrap_err();
    assert!(matches!(&error, Error::Unique { fields, .. } if fields == &["address_city", "name"]), "{error:?}");
    let found = repo.find_by(Clinic::by_address_city_and_name("a", "north")).await.unwrap();
    assert_eq!(found, Some(created));
    let upserted = repo.upsert(clinic("a"), Clinic::UNIQUE_ADDRESS_CITY_AND_NAME).await.unwrap();
    assert!(!upserted.is_inserted());
    assert_eq!(repo.update_where(Filter::all_rows(), ClinicPatch::new().address(address("z"))).await.unwrap(), 1);
}
