//! On Postgres.

use diesel_async::AsyncPgConnection;

peer!("appointments", Uuid => Uuid, Timestamptz, AsyncPgConnection);

impl Diesel {
    pub async fn connect(url: &str) -> Self {
        let pool = Pool::builder(AsyncDieselConnectionManager::new(url));
        Self { pool: pool.max_size(1).build().expect("a pool") }
    }
}

async fn insert_all(connection: &mut AsyncPgConnection, new: Vec<Appointment>) -> Vec<Appointment> {
    diesel::insert_into(appointments::table).values(&new).execute(connection).await.expect("new rows");
    new
}
