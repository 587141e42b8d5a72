//! Whether the migrations of a service make what its entities declare: for `assert_schema!`.

use super::schema::{Difference, plan};
use super::{Db, Migrations};
use crate::entity::EntityDef;
use crate::error::Result;
use crate::service::Service;

/// Compares on SQLite in memory, or in a database of its own on the Postgres server of the URL.
///
/// # Errors
/// What differs, as a text.
#[doc(hidden)]
pub fn compare_migrations(service: &Service, url: &str) -> Result<(), String> {
    let Some(migrations) = service.migration_files().cloned() else {
        let name = service.name();
        return Err(format!("`{name}` has no migrations\nhelp: say `.migrations(migrations!(\"migrations\"))`"));
    };
    let left_out = migrations.left_out();
    if !left_out.is_empty() {
        return Err(format!(
            "the program was built without {}\nhelp: touch the file that says `migrations!`, or add a `build.rs` that \
             prints `cargo:rerun-if-changed=` with the folder",
            left_out.join(", ")
        ));
    }
    let (entities, url, name) = (service.entity_defs().to_vec(), url.to_owned(), service.name().to_owned());
    // a thread of its own: a test may run in a runtime
    let compared = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(compare(&name, &migrations, &entities, &url))
    });
    match compared.join() {
        Ok(Ok(None)) => Ok(()),
        Ok(Ok(Some(problem))) => Err(problem),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

async fn compare(
    name: &str,
    migrations: &Migrations,
    entities: &[&'static EntityDef],
    url: &str,
) -> Result<Option<String>> {
    let place = Place::new(url).await?;
    let compared = on(&place.db, name, migrations, entities).await;
    place.remove().await?;
    compared
}

async fn on(db: &Db, name: &str, migrations: &Migrations, entities: &[&'static EntityDef]) -> Result<Option<String>> {
    db.migrate(name, migrations).await?;
    let mut differences = db.check_tables(entities).await?;
    // what is there besides may be wanted
    differences.retain(|difference| difference.expected.is_some() || !difference.is_tolerable());
    if differences.is_empty() {
        return Ok(None);
    }
    let listed: Vec<String> = differences.iter().map(Difference::to_string).collect();
    Ok(Some(format!(
        "the migrations of `{name}` do not make what its entities declare\n  {}\nhelp: add a migration such as\n{}",
        listed.join("\n  "),
        plan(&differences, db.engine())
    )))
}

/// An empty database.
struct Place {
    db: Db,
    #[cfg(feature = "postgres")]
    server: Option<(Db, String)>,
}

impl Place {
    #[cfg(feature = "postgres")]
    async fn new(url: &str) -> Result<Self> {
        use sqlx::ConnectOptions as _;
        if !url.starts_with("postgres") {
            return Ok(Self { db: Db::connect(url).await?, server: None });
        }
        let server = Db::connect(url).await?;
        let name = format!("shared_schema_{}", crate::id::new().simple());
        let pool = server.postgres_source().pool();
        let create = format!("CREATE DATABASE {name} TEMPLATE template0");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(pool).await.map_err(crate::Error::from)?;
        let own = (*pool.connect_options()).clone().database(&name).to_url_lossy();
        let db = Db::connect(own.as_str()).await?;
        Ok(Self { db, server: Some((server, name)) })
    }

    #[cfg(not(feature = "postgres"))]
    async fn new(url: &str) -> Result<Self> {
        Ok(Self { db: Db::connect(url).await? })
    }

    async fn remove(self) -> Result<()> {
        self.db.close().await;
        #[cfg(feature = "postgres")]
        if let Some((server, name)) = self.server {
            let drop = format!("DROP DATABASE {name}");
            sqlx::raw_sql(sqlx::AssertSqlSafe(drop))
                .execute(server.postgres_source().pool())
                .await
                .map_err(crate::Error::from)?;
            server.close().await;
        }
        Ok(())
    }
}
