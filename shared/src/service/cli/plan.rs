//! The command `plan`.

use std::path::PathBuf;

use clap::Args;

use super::super::Service;
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
    pub(super) async fn run(self, db: &Db, service: &Service) -> Result<()> {
        let differences = db.check_tables(service.entity_defs()).await?;
        if differences.is_empty() {
            println!("the tables are what the entities declare");
            return Ok(());
        }
        let sql = plan(&differences, db.engine());
        if let Some(path) = &self.output {
            let written = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
            written.and_then(|mut file| std::io::Write::write_all(&mut file, sql.as_bytes())).map_err(|error| {
                let help = "give the path of a file that does not exist, in a folder that can be written";
                Error::config("--output", format!("`{}` cannot be written ({})", path.display(), error.kind()), help)
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
        Ok(())
    }
}
