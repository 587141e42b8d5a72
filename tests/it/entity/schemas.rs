//! Tables that are in a schema: on Postgres really, on SQLite by name.

use futures_util::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use shared::db::{Difference, Engine, Migrations, Part, plan};
use shared::entity::{Entity as _, EntityDef, Filter, Page, Upserted};
use shared::error::ErrorKind;
use shared::{Db, Entity, EntityEnum, Error, Event, Service, entities};
use uuid::Uuid;

use crate::engines::{execute, execute_text, on_every_empty_database};
use crate::refusals::{is, named};

/// Also with another search path, which finds tables of the same names first.
macro_rules! wherever_names_are_looked_up {
    ($($test:ident),* $(,)?) => {
        on_every_empty_database!($($test),*);

        #[cfg(feature = "postgres")]
        mod postgres_search_path {
            $(
                #[tokio::test]
                async fn $test() {
                    let url = tests::Postgres::shared().await.database().await;
                    let first = shared::Db::connect(&url).await.unwrap();
                    super::look_elsewhere(&first).await;
                    first.close().await;
                    let db = shared::Db::connect(&url).await.unwrap();
                    super::$test(db.clone()).await;
                    db.close().await;
                }
            )*
        }
    };
}

wherever_names_are_looked_up!(
    tables_of_one_name_in_several_schemas_are_several,
    a_repository_does_in_a_schema_what_it_does_elsewhere,
    references_go_across_schemas,
    a_broken_constraint_is_known_by_its_schema,
    what_differs_is_told_of_the_right_schema,
    words_of_sql_are_names_like_others,
    tables_that_are_one_to_sqlite_are_refused_there,
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, EntityEnum)]
pub enum State {
    Open,
    Closed,
}

pub mod clinic {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Entity)]
    #[entity(table = "clinic.rooms", unique(floor, number), index(number(desc)))]
    pub struct Room {
        #[entity(id, given)]
        pub code: String,
        pub floor: i32,
        #[validate(range(min = 1))]
        pub number: i32,
    }
}

pub mod billing {
    use super::*;

    /// With other columns, and constraints and indexes of the same names.
    #[derive(Debug, Clone, PartialEq, Entity)]
    #[entity(
        table = "billing.rooms",
        unique(floor, number),
        unique(slot, where(state = State::Open)),
        index(number(desc)),
        emits(created = RoomPriced, updated = RoomPriced, deleted = RoomPriced, restored = RoomPriced)
    )]
    pub struct Room {
        #[entity(id)]
        pub id: Uuid,
        #[entity(references(super::clinic::Room))]
        pub room: Option<String>,
        pub floor: i32,
        pub number: i32,
        pub slot: Option<i64>,
        pub state: State,
        #[entity(version)]
        pub version: i64,
        #[entity(deleted_at)]
        pub deleted_at: Option<shared::prelude::DateTime<shared::prelude::Utc>>,
    }
}

/// In no schema, and of the same name.
#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "rooms", unique(floor, number), index(number(desc)))]
pub struct Room {
    #[entity(id, given)]
    pub id: i64,
    #[entity(references(billing::Room, on_delete = restrict))]
    pub priced: Option<Uuid>,
    pub floor: i32,
    pub number: i32,
}

#[derive(Debug, Clone, PartialEq, Entity)]
#[entity(table = "Select.Order", unique(by), index(limit(desc)))]
pub struct Order {
    #[entity(id, given)]
    pub id: i64,
    #[entity(rename = "Group")]
    pub by: i32,
    #[entity(references(Order, on_delete = cascade))]
    pub limit: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Event)]
#[event(subject = "room.priced", key = room_id)]
pub struct RoomPriced {
    room_id: Uuid,
    version: i64,
}

impl From<&billing::Room> for RoomPriced {
    fn from(room: &billing::Room) -> Self {
        Self { room_id: room.id, version: room.version }
    }
}

const ALL: [&EntityDef; 4] = entities![Room, billing::Room, clinic::Room, Order];

#[cfg(feature = "postgres")]
async fn look_elsewhere(db: &Db) {
    let sql = "CREATE SCHEMA elsewhere; CREATE SCHEMA clinic;
        DO $$ BEGIN
            EXECUTE format('ALTER DATABASE %I SET search_path = elsewhere, clinic, billing', current_database());
        END $$";
    execute(db, sql).await.unwrap();
}

fn priced(number: i32) -> billing::NewRoom {
    billing::NewRoom { room: None, floor: 1, number, slot: None, state: State::Open }
}

fn real(code: &str, number: i32) -> clinic::NewRoom {
    clinic::NewRoom { code: code.into(), floor: 1, number }
}

fn plain(id: i64, number: i32) -> NewRoom {
    NewRoom { id, priced: None, floor: 1, number }
}

async fn tables_of_one_name_in_several_schemas_are_several(db: Db) {
    db.create_tables(&ALL).await.unwrap();
    db.create_tables(&ALL).await.unwrap();
    assert_eq!(db.check_tables(&ALL).await.unwrap(), []);
    let (plain_rooms, real_rooms, prices) = (db.repo::<Room>(), db.repo::<clinic::Room>(), db.repo::<billing::Room>());
    let room = plain_rooms.create(plain(7, 1)).await.unwrap();
    let there = real_rooms.create(real("a", 1)).await.unwrap();
    let price = prices.create(priced(1)).await.unwrap();
    assert_eq!(plain_rooms.query().all().await.unwrap(), [room]);
    assert_eq!(real_rooms.query().all().await.unwrap(), [there]);
    assert_eq!(prices.query().all().await.unwrap(), [price]);
    let expected = match db.engine() {
        Engine::Postgres => ["clinic.rooms", "billing.rooms"],
        Engine::Sqlite => ["\"clinic.rooms\"", "\"billing.rooms\""],
    };
    for table in expected {
        execute_text(&db, format!("DELETE FROM {table}")).await.unwrap();
    }
    assert_eq!((plain_rooms.count().await.unwrap(), real_rooms.count().await.unwrap()), (1, 0));
}

async fn a_repository_does_in_a_schema_what_it_does_elsewhere(db: Db) {
    db.create_tables(&ALL).await.unwrap();
    let prices = db.repo::<billing::Room>();
    let many = prices.create_many((1..=20).map(priced).collect()).await.unwrap();
    let first = &many[0];
    assert_eq!(prices.get(first.id).await.unwrap(), *first);
    assert!(prices.exists(first.id).await.unwrap());
    assert_eq!(prices.get_many(&[many[1].id, first.id]).await.unwrap(), [many[1].clone(), first.clone()]);
    let found = prices.find_by(billing::Room::by_floor_and_number(1, 1)).await.unwrap();
    assert_eq!(found.as_ref(), Some(first));

    let closed = prices.update(first, billing::RoomPatch::new().state(State::Closed)).await.unwrap();
    assert_eq!(prices.update(first, billing::RoomPatch::new().slot(7)).await.unwrap_err().kind(), ErrorKind::Stale);
    let some = billing::Room::NUMBER.le(3);
    assert_eq!(prices.update_where(some, billing::RoomPatch::new().floor(2)).await.unwrap(), 3);
    let key = billing::Room::UNIQUE_FLOOR_AND_NUMBER;
    let upserted = prices.upsert(billing::NewRoom { floor: 2, slot: Some(9), ..priced(1) }, key).await.unwrap();
    let Upserted::Updated(upserted) = upserted else { panic!("{upserted:?}") };
    assert_eq!((upserted.id, upserted.version, upserted.slot), (closed.id, 4, Some(9)));
    let upserted = prices.upsert_many(vec![priced(21), priced(20)], key).await.unwrap();
    assert_eq!(upserted.iter().filter(|row| row.is_inserted()).count(), 1);
    let rooms = db.repo::<clinic::Room>();
    let upserted = rooms.upsert_many(vec![real("a", 1), real("b", 2)], clinic::Room::UNIQUE_CODE).await.unwrap();
    assert!(upserted.iter().all(Upserted::is_inserted));
    assert!(!rooms.upsert(real("a", 3), clinic::Room::UNIQUE_CODE).await.unwrap().is_inserted());

    prices.delete(&many[9]).await.unwrap();
    prices.delete_by_id(many[10].id).await.unwrap();
    assert_eq!(prices.delete_where(billing::Room::NUMBER.eq(9)).await.unwrap(), 1);
    assert_eq!(prices.find(many[9].id).await.unwrap(), None);
    assert_eq!(prices.clone().with_deleted().count().await.unwrap(), 21);
    assert_eq!(prices.restore(many[9].id).await.unwrap().deleted_at, None);
    assert_eq!(rooms.delete_where(clinic::Room::CODE.eq("b")).await.unwrap(), 1);

    let query = || prices.query().filter(billing::Room::FLOOR.eq(1)).order_by(billing::Room::NUMBER.desc());
    let (page, total) = query().page_with_total(Page::first(5)).await.unwrap();
    assert_eq!((page.items.len(), total), (5, 16));
    let next = query().page(Page::after(page.next.unwrap(), 50)).await.unwrap();
    assert_eq!(next.items.len(), 11);
    let streamed: Vec<_> = query().stream().try_collect().await.unwrap();
    assert_eq!(streamed, query().all().await.unwrap());
    assert_eq!(query().values(billing::Room::NUMBER).first().await.unwrap(), Some(21));
    assert!(query().exists().await.unwrap());
    let counted = db
        .transaction(async |tx| {
            let locked = tx.repo::<billing::Room>().query().lock_for_update().skip_locked().all().await?;
            tx.repo::<billing::Room>().create(priced(22)).await?;
            Ok(locked.len())
        })
        .await
        .unwrap();
    assert_eq!(counted, 19);
    assert_eq!(prices.count().await.unwrap(), 20);
    assert!(db.outbox().entries().try_collect::<Vec<_>>().await.unwrap().len() > 20, "what it emits");
}

async fn references_go_across_schemas(db: Db) {
    // the references decide the order, not the list
    db.create_tables(&ALL).await.unwrap();
    let (rooms, prices, plain_rooms) = (db.repo::<clinic::Room>(), db.repo::<billing::Room>(), db.repo::<Room>());
    rooms.create(real("a", 1)).await.unwrap();
    let price = prices.create(billing::NewRoom { room: Some("a".into()), ..priced(1) }).await.unwrap();
    plain_rooms.create(NewRoom { priced: Some(price.id), ..plain(1, 1) }).await.unwrap();
    let loaded = prices.load_many(&plain_rooms.query().all().await.unwrap(), Room::PRICED).await.unwrap();
    assert_eq!(loaded[&price.id], price);
    let loaded = rooms.load_many(&[price], billing::Room::ROOM).await.unwrap();
    assert!(loaded.contains_key("a"));

    let nowhere = billing::NewRoom { room: Some("nowhere".into()), ..priced(2) };
    assert_eq!(named(prices.create(nowhere).await), is(ErrorKind::ForeignKey, "Room", &["room"]));
    // of the one that refers to it
    assert_eq!(named(rooms.delete_by_id("a".into()).await), is(ErrorKind::ForeignKey, "Room", &["room"]));
    let lost = NewRoom { priced: Some(Uuid::nil()), ..plain(2, 2) };
    assert_eq!(named(plain_rooms.create(lost).await), is(ErrorKind::ForeignKey, "Room", &["priced"]));
}

async fn a_broken_constraint_is_known_by_its_schema(db: Db) {
    use ErrorKind::{Check, Unique};
    db.create_tables(&ALL).await.unwrap();
    let (rooms, prices) = (db.repo::<clinic::Room>(), db.repo::<billing::Room>());
    rooms.create(real("a", 1)).await.unwrap();
    let both = ["floor", "number"];
    assert_eq!(named(rooms.create(real("b", 1)).await), is(Unique, "Room", &both));
    assert_eq!(named(rooms.create(real("a", 2)).await), is(Unique, "Room", &["code"]));
    assert_eq!(named(rooms.create_many(vec![real("b", 2), real("b", 3)]).await), is(Unique, "Room", &["code"]));
    prices.create(billing::NewRoom { slot: Some(1), ..priced(1) }).await.unwrap();
    assert_eq!(named(prices.create(priced(1)).await), is(Unique, "Room", &both));
    let taken = billing::NewRoom { slot: Some(1), ..priced(2) };
    assert_eq!(named(prices.create(taken).await), is(Unique, "Room", &["slot"]));

    // by somebody who knows no rules
    #[derive(Debug, Clone, Entity)]
    #[entity(table = "clinic.rooms")]
    struct Careless {
        #[entity(id, given)]
        code: String,
        floor: Option<i32>,
        #[entity(rename = "number")]
        door: i32,
    }
    let careless = db.repo::<Careless>();
    let new = |floor| NewCareless { code: "c".into(), floor, door: 0 };
    assert_eq!(named(careless.create(new(Some(1))).await), is(Check, "Careless", &["door"]));
    let error = careless.create(NewCareless { door: 1, ..new(None) }).await.unwrap_err();
    assert!(
        matches!(&error, Error::Required { entity, field } if entity == "Careless" && field == "floor"),
        "{error:?}"
    );
}

async fn what_differs_is_told_of_the_right_schema(db: Db) {
    // a table of that name is there, and others find it first
    db.create_tables(&entities![Room, clinic::Room, billing::Room]).await.unwrap();
    let sql = |postgres, sqlite| if db.engine() == Engine::Postgres { postgres } else { sqlite };
    let said = |found: &[Difference]| found.iter().map(ToString::to_string).collect::<Vec<_>>();
    let found = async || db.check_tables(&ALL).await.unwrap();
    let mend = async |number: usize| {
        let scratch = tests::Scratch::new("schemas");
        let sql = plan(&found().await, db.engine());
        std::fs::write(scratch.join(format!("{number:04}_mend.sql")), &sql).unwrap();
        let applied = db.migrate(&format!("mend {number}"), &Migrations::read(scratch.path()).unwrap()).await;
        assert_eq!(applied.unwrap_or_else(|error| panic!("{error}\n{sql}")).len(), 1);
        assert_eq!(found().await, []);
    };
    assert_eq!(said(&found().await), ["`Order`: table `Select.Order` is missing"]);
    mend(1).await;

    let drop = sql("DROP TABLE clinic.rooms CASCADE", "PRAGMA foreign_keys = OFF; DROP TABLE \"clinic.rooms\"");
    execute(&db, drop).await.unwrap();
    let missing = found().await;
    assert_eq!((missing[0].part, missing[0].table.as_str()), (Part::Table, "clinic.rooms"));
    mend(2).await;

    for (number, postgres, sqlite, expected) in [
        (
            3,
            "ALTER TABLE billing.rooms DROP COLUMN slot",
            "DROP INDEX \"billing.rooms_slot_key\"; ALTER TABLE \"billing.rooms\" DROP COLUMN slot",
            "column `slot` of table `billing.rooms` is missing",
        ),
        (
            4,
            "DROP INDEX clinic.rooms_number_desc_idx",
            "DROP INDEX \"clinic.rooms_number_desc_idx\"",
            "rooms_number_desc_idx` of table `clinic.rooms` is missing: (number DESC)",
        ),
        (
            5,
            "DROP INDEX billing.rooms_slot_key;
             CREATE UNIQUE INDEX rooms_slot_key ON billing.rooms (slot) WHERE deleted_at IS NULL",
            "DROP INDEX \"billing.rooms_slot_key\";
             CREATE UNIQUE INDEX \"billing.rooms_slot_key\" ON \"billing.rooms\" (slot) WHERE deleted_at IS NULL",
            "rooms_slot_key` of table `billing.rooms` is unique (slot) where",
        ),
        (
            6,
            "ALTER INDEX billing.rooms_slot_key RENAME TO another",
            "DROP INDEX \"billing.rooms_slot_key\"",
            "rooms_slot_key` of table `billing.rooms` is",
        ),
    ] {
        execute(&db, sql(postgres, sqlite)).await.unwrap();
        let told = said(&found().await);
        assert!(told.iter().any(|one| one.contains(expected)), "{expected:?} is not in {told:#?}");
        assert!(told.iter().all(|one| !one.contains("table `rooms`")), "{told:#?}");
        mend(number).await;
    }
    #[cfg(feature = "postgres")]
    if db.engine() == Engine::Postgres {
        // a reference to the table of that name in another schema
        let sql = "ALTER TABLE billing.rooms DROP CONSTRAINT rooms_room_fkey;
            CREATE SCHEMA other; CREATE TABLE other.rooms (code text COLLATE \"C\" PRIMARY KEY);
            ALTER TABLE billing.rooms ADD CONSTRAINT rooms_room_fkey FOREIGN KEY (room) REFERENCES other.rooms (code)";
        execute(&db, sql).await.unwrap();
        let told = said(&found().await);
        assert_eq!(
            told,
            ["`Room`: foreign key `rooms_room_fkey` of table `billing.rooms` is (room) references other.rooms (code) \
              instead of (room) references clinic.rooms (code)"]
        );
        mend(7).await;
    }
}

async fn words_of_sql_are_names_like_others(db: Db) {
    db.create_tables(&entities![Order]).await.unwrap();
    let orders = db.repo::<Order>();
    orders.create(NewOrder { id: 1, by: 1, limit: None }).await.unwrap();
    let order = orders.create(NewOrder { id: 2, by: 2, limit: Some(1) }).await.unwrap();
    assert_eq!(orders.update(&order, OrderPatch::new().by(3)).await.unwrap().by, 3);
    assert!(!orders.upsert(NewOrder { id: 3, by: 3, limit: Some(1) }, Order::UNIQUE_BY).await.unwrap().is_inserted());
    assert_eq!(
        named(orders.create(NewOrder { id: 4, by: 1, limit: None }).await),
        is(ErrorKind::Unique, "Order", &["by"])
    );
    assert_eq!(orders.query().order_by(Order::LIMIT.desc()).all().await.unwrap().len(), 2);
    orders.delete_by_id(1).await.unwrap();
    assert_eq!(orders.count().await.unwrap(), 0, "what refers to it went with it");
    orders.delete_where(Filter::all_rows()).await.unwrap();
}

async fn tables_that_are_one_to_sqlite_are_refused_there(db: Db) {
    #[derive(Debug, Clone, PartialEq, Entity)]
    #[entity(table = "Clinic.Rooms")]
    struct Capital {
        #[entity(id, given)]
        id: i64,
    }
    let both = entities![clinic::Room, Capital];
    let (made, checked) = (db.create_tables(&both).await, db.check_tables(&both).await);
    if db.engine() == Engine::Postgres {
        made.unwrap();
        assert_eq!(checked.unwrap(), []);
        let row = db.repo::<Capital>().create(NewCapital { id: 1 }).await.unwrap();
        assert_eq!(db.repo::<Capital>().get(1).await.unwrap(), row);
        return assert_eq!(db.repo::<clinic::Room>().count().await.unwrap(), 0);
    }
    // nothing was created
    let missing = db.check_tables(&entities![clinic::Room]).await.unwrap();
    assert_eq!(missing[0].to_string(), "`Room`: table `clinic.rooms` is missing");
    for error in [made.unwrap_err(), checked.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Usage);
        let text = error.to_string();
        assert!(
            text.starts_with("the tables `clinic.rooms` of `Room` and `Clinic.Rooms` of `Capital` are one"),
            "{text}"
        );
    }
}

/// Where it begins with the schema of another entity's table.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_search_path_that_makes_two_tables_one_is_refused() {
    let url = tests::Postgres::shared().await.database().await;
    let first = Db::connect(&url).await.unwrap();
    look_elsewhere(&first).await;
    execute(&first, "DROP SCHEMA elsewhere").await.unwrap();
    first.close().await;
    let db = Db::connect(&url).await.unwrap();
    let both = entities![billing::Room, clinic::Room, Room];
    let refused = db.create_tables(&both).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    let text = refused.to_string();
    assert!(
        text.contains("`clinic.rooms` of `Room` and `rooms` of `Room` are one to Postgres, by its search"),
        "{text}"
    );
    db.create_tables(&entities![clinic::Room, billing::Room]).await.unwrap();
    assert_eq!(db.check_tables(&both).await.unwrap_err().to_string(), text);
    assert_eq!(db.check_tables(&entities![clinic::Room, billing::Room]).await.unwrap(), []);
    db.close().await;
}

/// `assert_schema!` on SQLite and on Postgres.
#[tokio::test]
async fn migrations_make_what_is_in_schemas() {
    let scratch = tests::Scratch::new("schemas");
    for (engine, end) in [(Engine::Postgres, "postgres"), (Engine::Sqlite, "sqlite")] {
        let order = [clinic::Room::DEF, billing::Room::DEF, Room::DEF, Order::DEF];
        let sql: String = order.iter().map(|entity| entity.ddl(engine)).collect();
        std::fs::write(scratch.join(format!("0001_rooms.{end}.sql")), sql).unwrap();
    }
    let service = || Service::new("rooms").entities(ALL).migrations(Migrations::read(scratch.path()).unwrap());
    #[cfg(feature = "sqlite")]
    shared::assert_schema!(service());
    #[cfg(feature = "postgres")]
    {
        let url = tests::Postgres::shared().await.url();
        shared::assert_schema!(service(), on = &url);
    }
}

/// Whoever may create tables in a schema may not create schemas.
#[cfg(feature = "postgres")]
#[tokio::test]
async fn a_schema_that_is_there_is_not_created() {
    let url = tests::Postgres::shared().await.database().await;
    let owner = Db::connect(&url).await.unwrap();
    let role = format!("clerk_{}", shared::id::new().simple());
    let sql = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'clerk'; CREATE SCHEMA clinic; CREATE SCHEMA own;
         GRANT CREATE, USAGE ON SCHEMA clinic, own TO {role}; ALTER ROLE {role} SET search_path = own"
    );
    execute_text(&owner, sql).await.unwrap();
    let (_, place) = url.split_once('@').unwrap();
    let db = Db::connect(&format!("postgres://{role}:clerk@{place}")).await.unwrap();
    db.create_tables(&entities![clinic::Room]).await.unwrap();
    db.repo::<clinic::Room>().create(real("a", 1)).await.unwrap();
    assert_eq!(db.check_tables(&entities![clinic::Room]).await.unwrap(), []);
    let refused = db.create_tables(&entities![billing::Room]).await.unwrap_err();
    assert!(matches!(&refused, Error::Database(error) if error.code.as_deref() == Some("42501")), "{refused:?}");
    db.close().await;
    execute_text(&owner, format!("DROP OWNED BY {role}; DROP ROLE {role}")).await.unwrap();
    owner.close().await;
}
