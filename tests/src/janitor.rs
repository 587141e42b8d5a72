//! Cleans up after the test binary, whichever way it ends.
//!
//! Statics are not dropped when a Rust program exits, and nothing is dropped after `kill -9`. So
//! one `sh` per test binary reads from a pipe whose other end only this binary holds: end of file
//! means that the binary is gone. The shell then ends every process that is still registered and
//! removes the directory under which all temporary data lives.

use std::io::{PipeWriter, pipe};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs, process};

/// Runs as the same user as the test binary, in a process group of its own so that Ctrl-C in a
/// terminal does not end it. A registered process is first asked with the signal noted in its file
/// (Postgres removes its shared memory on SIGQUIT) and woken with its children in case they are
/// stopped, and killed when it lives ten seconds later. A Postgres that was killed has left a notice
/// of its shared memory. What is mounted is a disk of a test's. Removal is repeated because a dying server may still be writing.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
while read -r _; do :; done
cd "$0" || exit 0
for file in pids/*; do
  [ -e "$file" ] || continue
  pid=${file##*/}
  read -r signal <"$file"
  kill -s "$signal" "$pid"
  kill -s CONT "$pid" $(cat "/proc/$pid/task/$pid/children")
done
tries=0
for file in pids/*; do
  pid=${file##*/}
  while kill -s 0 "$pid" && [ "$tries" -lt 100 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  kill -s KILL "$pid"
done
for lock in postgres.*/data/postmaster.pid */postgres/data/postmaster.pid; do
  ipcrm -m "$(sed -n '7s/^ *[0-9]* *//p' "$lock")"
done
umount -l ./*.*
cd /
tries=0
while ! rm -rf "$0" && [ "$tries" -lt 20 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
"#;

/// What a wrapped program runs first, as `sh -c WRAPPER <pids> <signal> <program> <args>...`: it
/// registers itself under the process id that `exec` then hands to the program. Until then its
/// standard input is the janitor's pipe, so the janitor cannot begin to clean up between the start
/// of a program and its registration. The second line says that the pipe is closed.
pub(crate) const WRAPPER: &str = r#"
echo "$1" >"$0/$$" || exit 126
exec </dev/null
echo registered >>"$0/$$"
shift
exec "$@"
"#;

struct Janitor {
    root: PathBuf,
    pipe: PipeWriter,
    _shell: Child,
}

static JANITOR: OnceLock<Janitor> = OnceLock::new();

fn janitor() -> &'static Janitor {
    JANITOR.get_or_init(|| {
        let root = create_root();
        let (reader, pipe) = pipe().expect("a pipe for the janitor");
        let shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .arg(&root)
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("`sh` starts");
        Janitor { root, pipe, _shell: shell }
    })
}

fn create_root() -> PathBuf {
    // Canonical, because the path is also read by servers that run in another directory.
    let parent = env::temp_dir().canonicalize().expect("the directory for temporary files exists");
    loop {
        let root = parent.join(format!("shared-tests.{}.{:08x}", process::id(), fastrand::u32(..)));
        match fs::create_dir(&root) {
            Ok(()) => {
                let pids = root.join("pids");
                fs::create_dir(&pids).expect("a directory for process ids");
                // Servers run as another user than root: they must pass through the one and
                // register in the other.
                fs::set_permissions(&root, fs::Permissions::from_mode(0o711)).expect("permissions");
                fs::set_permissions(&pids, fs::Permissions::from_mode(0o1777)).expect("permissions");
                return root;
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(error) => panic!("cannot create a directory in `{}`: {error}", parent.display()),
        }
    }
}

/// The directory under which everything temporary of this test binary lives.
pub(crate) fn root() -> &'static Path {
    &janitor().root
}

/// Where wrapped programs register.
pub(crate) fn pids() -> PathBuf {
    janitor().root.join("pids")
}

/// The writing end of the janitor's pipe, to be the standard input of a wrapped program.
pub(crate) fn pipe_end() -> PipeWriter {
    janitor().pipe.try_clone().expect("a copy of the janitor's pipe")
}

/// Whether a wrapped program has registered. A stop before that would freeze the pipe in its hands.
pub(crate) fn registered(pid: u32) -> bool {
    let file = fs::read_to_string(pids().join(pid.to_string()));
    file.is_ok_and(|text| text.ends_with("registered\n"))
}

/// Forgets a process that has been waited for, because its id may now be given to another one.
pub(crate) fn forget(pid: u32) {
    // Not there when the program ended before it could register.
    let _ = fs::remove_file(pids().join(pid.to_string()));
}
