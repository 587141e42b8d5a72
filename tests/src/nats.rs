//! Private NATS servers.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;
use std::{env, fs};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;

use crate::port::free_port;
use crate::process::Process;
use crate::scratch::Scratch;
use crate::signal::Signal;
use crate::target;
use crate::wait::eventually;

const INSTALL: &str = "run `tests/run --setup`, which unpacks one into cargo's target directory, \
     or set NATS_SERVER to the path of one";
const START_WITHIN: Duration = Duration::from_secs(30);

/// Atomic batches came with 2.12; Debian 12 carries 2.9.
const OLDEST: (u32, u32) = (2, 12);

/// A NATS server of its own: a child process on a free port, JetStream on, its store in a temporary
/// directory.
///
/// It ends when it is dropped, and also when the test binary is killed.
#[derive(Debug)]
pub struct Nats {
    process: Process,
    options: NatsOptions,
    port: u16,
    files: Scratch,
}

/// How a server is to be started, see [`Nats::options`].
#[derive(Clone, Debug, Default)]
#[must_use = "nothing runs before `start`"]
pub struct NatsOptions {
    config: String,
    user: Option<(String, String)>,
    without_jetstream: bool,
    store: Option<PathBuf>,
}

impl NatsOptions {
    /// Adds text to the server's configuration file. The address, the port and the store directory
    /// are set from outside and win over the file.
    pub fn config(mut self, text: &str) -> Self {
        self.config.push_str(text);
        self.config.push('\n');
        self
    }

    /// Lets only this user in; [`Nats::url`] then holds the name and the password.
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// Leaves JetStream off.
    pub fn without_jetstream(mut self) -> Self {
        self.without_jetstream = true;
        self
    }

    /// Puts the JetStream store into a directory of the caller's, for example on a small disk.
    pub fn store(mut self, directory: impl AsRef<Path>) -> Self {
        self.store = Some(directory.as_ref().to_owned());
        self
    }

    /// Starts the server.
    ///
    /// # Panics
    /// When no `nats-server` of a sufficient version is found (with the command that installs one)
    /// or it does not start (with its log).
    pub async fn start(self) -> Nats {
        let files = Scratch::new("nats");
        fs::write(files.join("nats.conf"), &self.config).expect("the configuration can be written");
        for _ in 0..5 {
            let port = free_port();
            let process = self.launch(&files, port);
            if ready(&process, port).await {
                return Nats { process, options: self, port, files };
            }
        }
        panic!("five ports in a row were taken by others while nats-server started")
    }

    fn launch(&self, files: &Scratch, port: u16) -> Process {
        let mut launch = Process::command(binary())
            .args(["--addr", "127.0.0.1", "--port", &port.to_string(), "--config"])
            .arg(files.join("nats.conf"));
        if !self.without_jetstream {
            launch = launch.arg("--jetstream").arg("--store_dir").arg(self.store_in(files));
        }
        if let Some((name, password)) = &self.user {
            launch = launch.args(["--user", name, "--pass", password]);
        }
        launch.start()
    }

    fn store_in(&self, files: &Scratch) -> PathBuf {
        self.store.clone().unwrap_or_else(|| files.join("store"))
    }
}

impl Nats {
    /// Starts a server with JetStream on and its default settings.
    ///
    /// # Panics
    /// As [`NatsOptions::start`].
    pub async fn start() -> Self {
        Self::options().start().await
    }

    /// Starts a server that syncs its disk before it acknowledges a message.
    ///
    /// # Panics
    /// As [`NatsOptions::start`].
    pub async fn start_syncing() -> Self {
        Self::start_with("jetstream { sync_interval: always }").await
    }

    /// Starts a server with JetStream on and this text as its configuration file.
    ///
    /// # Panics
    /// As [`NatsOptions::start`].
    pub async fn start_with(config: &str) -> Self {
        Self::options().config(config).start().await
    }

    /// Prepares a server that differs from the usual one.
    pub fn options() -> NatsOptions {
        NatsOptions::default()
    }

    /// The URL for clients, with the user and the password if one is needed.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.options.user {
            Some((name, password)) => format!("nats://{name}:{password}@{}", self.address()),
            None => format!("nats://{}", self.address()),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The directory of the JetStream store, for copying it while the server is down.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.options.store_in(&self.files)
    }

    /// Everything the server has logged since it was last started.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// `kill -9`. Returns when it is gone.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Stops it in order if it runs, and starts it on the same port and store.
    ///
    /// # Panics
    /// As [`NatsOptions::start`], and when somebody else has taken the port.
    pub async fn restart(&mut self) {
        if self.process.status().is_none() {
            self.process.signal(Signal::Term);
            self.process.signal(Signal::Cont);
            self.process.ended(Duration::from_secs(30)).await;
        }
        self.process = self.options.launch(&self.files, self.port);
        assert!(ready(&self.process, self.port).await, "port {} was taken while nats-server was down", self.port);
    }

    /// SIGSTOP: connections stay open and nobody answers. Returns when it is frozen.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Lets it go on after [`stop`](Self::stop).
    pub fn cont(&self) {
        self.process.cont();
    }
}

/// Waits until the server greets; false when its port was taken. It greets only after its streams
/// are recovered.
async fn ready(process: &Process, port: u16) -> bool {
    let ended = eventually(START_WITHIN, async || {
        if process.status().is_some() {
            return Ok(true);
        }
        let greeting = greeting(port).await.map_err(|error| error.to_string());
        match greeting {
            Ok(line) if line.starts_with("INFO ") => Ok(false),
            other => Err(format!("{other:?}; nats-server has logged:\n{}", process.tail())),
        }
    })
    .await;
    assert!(
        !ended || process.log().contains("address already in use"),
        "nats-server does not start; it has logged:\n{}",
        process.tail()
    );
    !ended
}

async fn greeting(port: u16) -> std::io::Result<String> {
    let mut line = String::new();
    BufReader::new(TcpStream::connect(("127.0.0.1", port)).await?).read_line(&mut line).await?;
    Ok(line)
}

fn binary() -> &'static Path {
    static BINARY: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let mut refused = String::new();
        for candidate in candidates() {
            match target::version_text(&candidate) {
                Some(text) if version(&text).is_some_and(|version| version >= OLDEST) => {
                    return Ok(candidate);
                }
                Some(text) => refused += &format!("; `{}` is too old ({text})", candidate.display()),
                None => refused += &format!("; `{}` does not run", candidate.display()),
            }
        }
        let (major, minor) = OLDEST;
        Err(format!("no nats-server of version {major}.{minor} or later{refused}: {INSTALL}"))
    });
    BINARY.as_ref().unwrap_or_else(|message| panic!("{message}"))
}

/// Where a server may lie. A choice by hand is the only candidate: another server than the chosen
/// one would mislead.
fn candidates() -> Vec<PathBuf> {
    if let Some(chosen) = env::var_os("NATS_SERVER") {
        return vec![chosen.into()];
    }
    let unpacked = target::unpacked("nats-server");
    unpacked.into_iter().chain(target::in_path("nats-server")).collect()
}

/// From `nats-server: v2.15.1`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.rsplit('v').next()?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared_as_numbers() {
        assert_eq!(version("nats-server: v2.15.1"), Some((2, 15)));
        assert_eq!(version("nats-server: v2.12.0-RC.3"), Some((2, 12)));
        assert!(version("nats-server: v2.9.10").is_some_and(|version| version < OLDEST));
        assert_eq!(version("something else"), None);
    }
}
