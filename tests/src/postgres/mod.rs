//! Private Postgres servers.

mod installation;
mod template;
mod tls;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use tokio::sync::OnceCell;

use self::installation::installation;
pub use self::tls::Certificate;
use crate::clock::WallClock;
use crate::disk::Disk;
use crate::port::free_port;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::signal::{Signal, children, gone, send};
use crate::wait::eventually;

const START_WITHIN: Duration = Duration::from_secs(60);

/// For servers whose data nobody misses: commits that do not wait for the disk, and smaller files.
const FAST: &[(&str, &str)] =
    &[("fsync", "off"), ("full_page_writes", "off"), ("wal_level", "minimal"), ("max_wal_senders", "0")];

/// A Postgres server of its own: a child process on a free port, its data in a temporary directory.
///
/// It ends when it is dropped, and also when the test binary is killed. Passwords are checked
/// (SCRAM), so a wrong one is refused as it would be anywhere.
#[derive(Debug)]
pub struct Postgres {
    process: Process,
    settings: Vec<(String, String)>,
    envs: Vec<(&'static str, PathBuf)>,
    port: u16,
    /// The directory with its files in `data`.
    place: PathBuf,
    _files: Option<Scratch>,
}

impl Postgres {
    /// The only user, a superuser.
    pub const USER: &str = "postgres";
    /// The user's password.
    pub const PASSWORD: &str = "correct-horse";

    /// Starts a server that does not wait for the disk: fast, and its data survives a `kill -9` of
    /// the server, but not a power failure.
    ///
    /// # Panics
    /// When Postgres is not installed (with the command that installs it) or does not start (with
    /// its log).
    pub async fn start() -> Self {
        Self::start_with(FAST).await
    }

    /// Starts a server with its default settings: a commit returns when the disk has it.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_durable() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with the given settings of `postgresql.conf`, otherwise its defaults.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let files = Scratch::new("postgres");
        let place = files.path().to_owned();
        Self::start_in(place, Some(files), settings, Vec::new()).await
    }

    /// Starts a server whose files are on that disk, which must be kept: some 60 MB at the start. It does not wait for
    /// the disk, and keeps few files of its log.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_on(disk: &Disk) -> Self {
        let mut settings = FAST.to_vec();
        settings.extend([("min_wal_size", "32MB"), ("max_wal_size", "32MB"), ("autovacuum", "off")]);
        Self::start_in(disk.directory("postgres"), None, &settings, Vec::new()).await
    }

    /// Starts a server that goes by that clock, which must be kept, and does not wait for the disk.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn start_by(clock: &WallClock) -> Self {
        let files = Scratch::new("postgres");
        let place = files.path().to_owned();
        Self::start_in(place, Some(files), FAST, clock.variables().into()).await
    }

    async fn start_in(
        place: PathBuf,
        files: Option<Scratch>,
        settings: &[(&str, &str)],
        envs: Vec<(&'static str, PathBuf)>,
    ) -> Self {
        let settings: Vec<_> = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        template::fresh_data(&place).await;
        for _ in 0..5 {
            let port = free_port();
            let process = launch(&place, port, &settings, &envs);
            if ready(&process, port).await {
                return Self { process, settings, envs, port, place, _files: files };
            }
        }
        panic!("five ports in a row were taken by others while Postgres started")
    }

    /// Starts a server that speaks TLS with a certificate for `localhost` and 127.0.0.1; returns the path of the
    /// authority that signed it, in a directory that must be kept.
    ///
    /// # Panics
    /// As [`start`](Self::start), and when openssl is not installed (with the command that installs it).
    pub async fn start_with_tls() -> (Self, PathBuf, Scratch) {
        let files = Scratch::new("tls");
        // for the server's user, whoever that is
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755)).expect("it is there");
        let made = Certificate::make(files.path());
        let (certificate, key) = (made.certificate.to_string_lossy(), made.key.to_string_lossy());
        let mut settings = FAST.to_vec();
        settings.extend([("ssl", "on"), ("ssl_cert_file", &*certificate), ("ssl_key_file", &*key)]);
        (Self::start_with(&settings).await, made.authority.clone(), files)
    }

    /// The server that all tests of this binary share, started by the first one that asks. Give
    /// each test a [`database`](Self::database) of its own.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Postgres> = OnceCell::const_new();
        SHARED
            .get_or_init(async || {
                let mut settings = FAST.to_vec();
                // Every test brings a pool, and many tests run at once.
                settings.push(("max_connections", "500"));
                Self::start_with(&settings).await
            })
            .await
    }

    /// Creates an empty database and returns its URL.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let create = format!("CREATE DATABASE {name} TEMPLATE template0");
        let mut connection =
            connect(self.port).await.unwrap_or_else(|error| panic!("Postgres does not answer: {error}"));
        // The statement holds nothing but a counter.
        if let Err(error) = sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await {
            panic!("cannot create a database: {error}")
        }
        let _ = connection.close().await;
        self.url_of(&name)
    }

    /// Whether the tests run as root, and servers that refuse to as somebody else.
    pub(crate) fn runs_as_another_user() -> bool {
        installation().user.is_some()
    }

    /// The URL of the database `postgres`, which is there from the start.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The URL of a database, whether it exists or not.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://{}:{}@{}/{database}", Self::USER, Self::PASSWORD, self.address())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Everything the server has logged since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// `kill -9` of the server and its backends, as when the machine loses it. Returns when they
    /// are gone.
    ///
    /// # Panics
    /// When they are not gone in half a minute.
    pub fn kill(&mut self) {
        let family = self.freeze();
        send(Signal::Kill, &family[1..]);
        self.process.kill();
        assert!(gone(&family), "Postgres survived `kill -9`");
    }

    /// The immediate stop of `pg_ctl stop -m immediate`: connections break, nothing is flushed, the
    /// next start recovers.
    ///
    /// # Panics
    /// When it still runs in half a minute.
    pub async fn stop_immediately(&mut self) {
        self.end(Signal::Quit).await;
    }

    /// Stops it if it runs (connections are closed, transactions rolled back) and starts it on the
    /// same port and data.
    ///
    /// # Panics
    /// As [`start`](Self::start), and when somebody else has taken the port.
    pub async fn restart(&mut self) {
        if self.process.status().is_none() {
            self.end(Signal::Int).await;
        }
        self.process = launch(&self.place, self.port, &self.settings, &self.envs);
        assert!(ready(&self.process, self.port).await, "port {} was taken while Postgres was down", self.port);
    }

    /// SIGSTOP for the server and its backends: connections stay open and nobody answers. Returns
    /// when all are frozen.
    pub fn stop(&self) {
        self.freeze();
    }

    /// Lets it go on after [`stop`](Self::stop).
    pub fn cont(&self) {
        let pid = self.process.pid();
        let mut family = children(pid);
        family.push(pid);
        send(Signal::Cont, &family);
    }

    /// Freezes the server first, so that it starts no backend in between; returns all process ids,
    /// its own first.
    fn freeze(&self) -> Vec<u32> {
        if self.process.status().is_some() {
            return vec![self.process.pid()];
        }
        self.process.stop();
        let mut family = vec![self.process.pid()];
        family.extend(children(self.process.pid()));
        send(Signal::Stop, &family);
        family
    }

    async fn end(&mut self, signal: Signal) {
        let family = children(self.process.pid());
        self.process.signal(signal);
        self.cont();
        self.process.ended(Duration::from_secs(30)).await;
        assert!(gone(&family), "Postgres left backends behind");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.process.status().is_none() {
            self.kill();
        }
        // After a `kill -9` only the next server on the same data would free it.
        if let Some(id) = shared_memory(&self.place.join("data")) {
            let _ = Command::new("ipcrm").args(["-m", &id]).output();
        }
    }
}

/// The System V shared memory that a server which did not end in order has left, from line 7 of its
/// `postmaster.pid` (`src/include/utils/pidfile.h`: `LOCK_FILE_LINE_SHMEM_KEY`, "key id").
fn shared_memory(data: &Path) -> Option<String> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    Some(text.lines().nth(6)?.split_whitespace().nth(1)?.to_owned())
}

fn launch(directory: &Path, port: u16, settings: &[(String, String)], envs: &[(&'static str, PathBuf)]) -> Process {
    let mut launch = Process::command(installation().program("postgres"))
        .arg("-D")
        .arg(directory.join("data"))
        .args(["-p", &port.to_string()])
        .args(["-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "unix_socket_directories="])
        // The default lies in /dev/shm, where a killed server would leave it.
        .args(["-c", "dynamic_shared_memory_type=mmap"])
        .directory("/")
        .env("LC_ALL", "C")
        .user(installation().user)
        .last_signal(Signal::Quit);
    for (name, value) in settings {
        launch = launch.arg("-c").arg(format!("{name}={value}"));
    }
    for (name, value) in envs {
        launch = launch.env(name, value);
    }
    launch.start()
}

/// Waits until the server answers a query; false when its port was taken.
async fn ready(process: &Process, port: u16) -> bool {
    let ended = eventually(START_WITHIN, async || {
        if process.status().is_some() {
            return Ok(true);
        }
        match connect(port).await {
            Ok(connection) => connection.close().await.map(|()| false).map_err(|error| error.to_string()),
            Err(error) => Err(format!("{error}; Postgres has logged:\n{}", process.tail())),
        }
    })
    .await;
    assert!(
        !ended || process.log().contains("could not bind"),
        "Postgres does not start; it has logged:\n{}",
        process.tail()
    );
    !ended
}

async fn connect(port: u16) -> Result<PgConnection, sqlx::Error> {
    PgConnectOptions::new_without_pgpass()
        .host("127.0.0.1")
        .port(port)
        .username(Postgres::USER)
        .password(Postgres::PASSWORD)
        .database("postgres")
        .connect()
        .await
}
