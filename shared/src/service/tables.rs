//! The database of services that start: migrated, and what they declare.

use super::Service;
use crate::config::Config;
use crate::db::Db;
use crate::entity::EntityDef;
use crate::error::Result;

/// Makes the database what the services need, as far as the configuration allows it, and refuses it otherwise.
pub(super) async fn prepare(db: &Db, config: &Config, services: &[Service]) -> Result<()> {
    for service in services {
        db.learn(&service.entities);
    }
    if config.migrate {
        db.create_library_tables().await?;
    } else {
        db.expect_library_tables().await?;
    }
    for service in services {
        let Some(migrations) = &service.migrations else { continue };
        if config.migrate {
            db.migrate(&service.name, migrations).await?;
        } else {
            db.expect_migrations(&service.name, migrations).await?;
        }
    }
    let undescribed = services.iter().filter(|service| service.migrations.is_none());
    let entities: Vec<&'static EntityDef> = undescribed.flat_map(|service| service.entities.iter().copied()).collect();
    if config.create_tables {
        db.create_tables_of(&entities).await?;
    }
    if config.check_tables {
        let all: Vec<&'static EntityDef> =
            services.iter().flat_map(|service| service.entities.iter().copied()).collect();
        db.expect_tables(&all).await?;
    }
    Ok(())
}

/// The command `migrate`; returns what was applied.
#[cfg(feature = "cli")]
pub(super) async fn migrate(db: &Db, service: &Service) -> Result<Vec<String>> {
    db.create_library_tables().await?;
    match &service.migrations {
        Some(migrations) => db.migrate(&service.name, migrations).await,
        None => db.create_tables_of(&service.entities).await.map(|()| Vec::new()),
    }
}

/// The command `check`.
#[cfg(feature = "cli")]
pub(super) async fn check(db: &Db, service: &Service) -> Result<()> {
    db.expect_library_tables().await?;
    if let Some(migrations) = &service.migrations {
        db.expect_migrations(&service.name, migrations).await?;
    }
    db.expect_tables(&service.entities).await
}
