//! A PgBouncer in front of a Postgres server.

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::port::free_port;
use crate::postgres::Postgres;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::target;
use crate::wait::eventually;

const INSTALL: &str = "run `tests/run --setup`, put a `pgbouncer` into PATH, or set PGBOUNCER to its path";

const START_WITHIN: Duration = Duration::from_secs(60);

/// A PgBouncer in transaction mode with its default settings: it gives a connection of the server to each transaction
/// anew, and refuses parameters at the start of a connection that it does not know.
#[derive(Debug)]
pub struct PgBouncer {
    _process: Process,
    _files: Scratch,
    port: u16,
}

impl PgBouncer {
    /// Starts one that opens at most that many connections to the server for each database.
    ///
    /// # Panics
    /// When PgBouncer is not installed (with the command that installs it) or does not start (with its log).
    pub async fn start(server: &Postgres, connections: u32) -> Self {
        let files = Scratch::new("pgbouncer");
        for _ in 0..5 {
            let port = free_port();
            let config = format!(
                "[databases]\n* = host=127.0.0.1 port={} user={} password={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
                 default_pool_size = {connections}\nmax_client_conn = 500\n",
                server.address().port(),
                Postgres::USER,
                Postgres::PASSWORD
            );
            fs::write(files.join("pgbouncer.ini"), config).expect("the configuration can be written");
            let mut launch = Process::command(binary());
            // like Postgres, it refuses to run as root
            if Postgres::runs_as_another_user() {
                launch = launch.args(["-u", "postgres"]);
            }
            let process = launch.arg(files.join("pgbouncer.ini")).start();
            if ready(&process, port).await {
                return Self { _process: process, _files: files, port };
            }
        }
        panic!("five ports in a row were taken by others while PgBouncer started")
    }

    /// The URL of the server with the port of this one in place of its own.
    ///
    /// # Panics
    /// When it is not a URL of a Postgres of these tests.
    #[must_use]
    pub fn url(&self, server: &str) -> String {
        let (head, database) = server.rsplit_once('/').expect("a URL names a database");
        let (head, _port) = head.rsplit_once(':').expect("a URL names a port");
        format!("{head}:{}/{database}", self.port)
    }
}

fn binary() -> PathBuf {
    let chosen = env::var_os("PGBOUNCER").map(PathBuf::from);
    let packaged = || Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|path| path.is_file());
    chosen
        .or_else(|| target::unpacked("pgbouncer"))
        .or_else(|| target::in_path("pgbouncer"))
        .or_else(packaged)
        .unwrap_or_else(|| panic!("pgbouncer is not installed: {INSTALL}"))
}

/// Waits until it passes a query on; false when its port was taken.
async fn ready(process: &Process, port: u16) -> bool {
    let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(port).database("postgres");
    let options = options.username(Postgres::USER).password(Postgres::PASSWORD).extra_float_digits(None);
    let ended = eventually(START_WITHIN, async || {
        if process.status().is_some() {
            return Ok(true);
        }
        match options.clone().connect().await {
            Ok(connection) => connection.close().await.map(|()| false).map_err(|error| error.to_string()),
            Err(error) => Err(format!("{error}; PgBouncer has logged:\n{}", process.tail())),
        }
    })
    .await;
    assert!(!ended || process.log().contains("in use"), "PgBouncer does not start; it has logged:\n{}", process.tail());
    !ended
}
