//! Where Postgres is installed, and as whom it runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::LazyLock;

use crate::process::User;
use crate::target;

const INSTALL: &str = "run `tests/run --setup`, or `apt-get install -y --no-install-recommends postgresql`";

/// Where Postgres is installed and as whom it runs.
pub(super) struct Installation {
    binaries: PathBuf,
    /// As `postgres --version` prints it.
    pub(super) version: String,
    /// Set when the tests run as root, because Postgres refuses to.
    pub(super) user: Option<User>,
}

impl Installation {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }
}

pub(super) fn installation() -> &'static Installation {
    static INSTALLATION: LazyLock<Result<Installation, String>> = LazyLock::new(|| {
        let binaries = binaries().ok_or_else(|| format!("postgres is not installed: {INSTALL}"))?;
        let version = target::version_text(&binaries.join("postgres"))
            .ok_or_else(|| format!("`{}` does not run: {INSTALL}", binaries.join("postgres").display()))?;
        Ok(Installation { binaries, version, user: server_user()? })
    });
    INSTALLATION.as_ref().unwrap_or_else(|message| panic!("{message}"))
}

/// The directory that holds `initdb` and `postgres`: Debian keeps them out of `PATH`, one directory
/// per version.
fn binaries() -> Option<PathBuf> {
    let complete = |directory: &PathBuf| directory.join("initdb").is_file() && directory.join("postgres").is_file();
    let in_path = target::in_path("postgres").and_then(|file| Some(file.canonicalize().ok()?.parent()?.to_owned()));
    in_path.filter(complete).or_else(|| {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
        let numbered = versions.filter_map(|entry| {
            let number: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((number, entry.path().join("bin")))
        });
        numbered.filter(|(_, directory)| complete(directory)).max().map(|(_, directory)| directory)
    })
}

fn server_user() -> Result<Option<User>, String> {
    let own = fs::metadata("/proc/self").map_err(|error| format!("cannot tell who runs the tests: {error}"))?.uid();
    if own != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some(User { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    });
    user.map(Some).ok_or_else(|| {
        format!(
            "postgres refuses to run as root, and there is no user `postgres` to run it as: \
             {INSTALL}"
        )
    })
}
