//! Data directories for new servers.

use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::Postgres;
use super::installation::installation;
use crate::process::{Process, User};
use crate::scratch::Scratch;
use crate::target;

/// Counted up when [`initdb`] changes, because templates of older builds may still lie around.
const REVISION: u32 = 1;

/// Puts a new server's files into `data` in that directory, owned by the server's user.
pub(super) async fn fresh_data(place: &Path) {
    let user = installation().user;
    let (template, data) = (template().await, place.join("data"));
    spawn_blocking(move || copy(&template, &data, user)).await.expect("the copy is awaited");
    give(place, user);
}

/// A data directory to copy from, made once for all test binaries of a build: `initdb` takes
/// seconds, a copy does not.
async fn template() -> PathBuf {
    static TEMPLATE: OnceCell<PathBuf> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(async || {
            let version = installation().version.as_str();
            let name = version.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
            let cache = target::cache("test-servers");
            let finished = cache.join(format!("{name}.{REVISION}"));
            let lock = File::create(finished.with_added_extension("lock")).expect("a lock file");
            // Held until the end of this function, or of this process.
            let lock = spawn_blocking(move || lock.lock().map(|()| lock)).await;
            let _lock = lock.expect("the lock is awaited").expect("the file can be locked");
            if !finished.exists() {
                let fresh = initdb().await;
                let unfinished = finished.with_added_extension("unfinished");
                // From a test binary that was killed here.
                let _ = fs::remove_dir_all(&unfinished);
                copy(&fresh.join("data"), &unfinished, None);
                fs::rename(&unfinished, &finished).expect("the template gets its name");
            }
            finished
        })
        .await
        .clone()
}

async fn initdb() -> Scratch {
    let scratch = Scratch::new("initdb");
    let password = scratch.join("password");
    fs::write(&password, Postgres::PASSWORD).expect("the password can be written");
    give(&password, installation().user);
    give(scratch.path(), installation().user);
    let process = Process::command(installation().program("initdb"))
        .arg("-D")
        .arg(scratch.join("data"))
        .args(["-U", Postgres::USER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .arg("--pwfile")
        .arg(&password)
        .directory("/")
        .env("LC_ALL", "C")
        .user(installation().user)
        .start();
    let status = process.ended(Duration::from_secs(120)).await;
    assert!(status.success(), "`initdb` failed ({status}):\n{}", process.log());
    scratch
}

/// Copies a data directory with its permissions, which Postgres insists on, and gives the copy to
/// the server's user.
fn copy(from: &Path, to: &Path, user: Option<User>) {
    let attempt = || -> std::io::Result<()> {
        fs::DirBuilder::new().mode(0o700).create(to)?;
        give(to, user);
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                copy(&entry.path(), &target, user);
            } else {
                fs::copy(entry.path(), &target)?;
                fs::set_permissions(&target, fs::Permissions::from_mode(0o600))?;
                give(&target, user);
            }
        }
        Ok(())
    };
    attempt().unwrap_or_else(|error| panic!("cannot copy `{}` to `{}`: {error}", from.display(), to.display()));
}

fn give(path: &Path, user: Option<User>) {
    if let Some(User { uid, gid }) = user {
        chown(path, Some(uid), Some(gid))
            .unwrap_or_else(|error| panic!("cannot give `{}` to the user `postgres`: {error}", path.display()));
    }
}
