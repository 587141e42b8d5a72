//! The commands `plan` and `apply`.

use std::path::PathBuf;

use clap::Args;

use super::super::{Service, running};
use crate::Bus;
use crate::config::Config;
use crate::db::{Db, plan};
use crate::error::{Error, Result};

#[derive(Args)]
pub(super) struct Plan {
    /// Print the SQL, in the dialect of the database, as a migration
    #[arg(long)]
    sql: bool,
    /// Write the SQL to a new file, such as migrations/0007_notes.postgres.sql
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Plan {
    pub(super) async fn run(self, db: &Db, service: &Service, config: &Config) -> Result<()> {
        let differences = db.check_tables(service.entity_defs()).await?;
        if differences.is_empty() {
            println!("the tables are what the entities declare");
        } else {
            let sql = plan(&differences, db.engine());
            if let Some(path) = &self.output {
                let written = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
                written.and_then(|mut file| std::io::Write::write_all(&mut file, sql.as_bytes())).map_err(|error| {
                    let help = "give the path of a file that does not exist, in a folder that can be written";
                    let problem = format!("`{}` cannot be written ({})", path.display(), error.kind());
                    Error::config("--output", problem, help)
                })?;
                println!("wrote {}", path.display());
            } else if self.sql {
                print!("{sql}");
            } else {
                for difference in &differences {
                    println!("{difference}");
                }
                println!("help: `plan --sql` prints the SQL that mends this");
            }
        }
        // what is printed for a file has nothing else in it
        if self.sql || self.output.is_some() { Ok(()) } else { streams(service, config).await }
    }
}

/// Shows how streams and consumers differ from the declarations.
async fn streams(service: &Service, config: &Config) -> Result<()> {
    if config.nats_url.is_none() {
        return Ok(());
    }
    let (domains, routes) = running::topology(service);
    let changes = Bus::from_config(config).await?.plan(&domains, &routes).await?;
    for change in &changes {
        println!("{change}");
    }
    match changes.iter().filter(|change| change.is_safe()).count() {
        0 if changes.is_empty() => println!("streams and consumers are what the subscribers declare"),
        0 => {}
        _ => {
            println!("help: `apply` makes what is missing and what loses nothing, and so does the start of the service")
        }
    }
    Ok(())
}

/// Makes streams and consumers as they are declared.
pub(super) async fn apply(service: &Service, config: &Config) -> Result<()> {
    running::check(std::slice::from_ref(service))?;
    let bus = Bus::from_config(config).await?;
    let (domains, routes) = running::topology(service);
    let changes = bus.plan(&domains, &routes).await?;
    bus.apply(&domains, &routes).await?;
    for change in &changes {
        println!("{change}: done");
    }
    if changes.is_empty() {
        println!("streams and consumers are what the subscribers declare");
    }
    Ok(())
}
