//! Signals, and what the kernel says about processes.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

/// A signal for a process, by its name in `kill -s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: asks to end.
    Term,
    /// SIGINT: what Ctrl-C sends.
    Int,
    /// SIGHUP.
    Hup,
    /// SIGQUIT: Postgres takes it as an immediate stop.
    Quit,
    /// SIGKILL: ends at once, nothing is written or said.
    Kill,
    /// SIGSTOP: freezes; connections stay open and silent.
    Stop,
    /// SIGCONT: goes on after a stop.
    Cont,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Hup => "HUP",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        })
    }
}

/// Sends a signal to processes, some of which may be gone. By the shell's own `kill`: a bare Debian
/// has no other one.
pub(crate) fn send(signal: Signal, pids: &[u32]) {
    let status = Command::new("sh")
        .args(["-c", r#"kill -s "$0" "$@""#, &signal.to_string()])
        .args(pids.iter().map(u32::to_string))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok(), "`sh` starts");
}

/// What the kernel says about a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    parent: u32,
    pub(crate) stopped: bool,
    dead: bool,
}

/// From `/proc/<pid>/stat`, see proc_pid_stat(5): the name in parentheses may itself hold spaces
/// and parentheses.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    Some(Stat { parent, stopped: matches!(state, "T" | "t"), dead: matches!(state, "Z" | "X") })
}

/// The living children of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("`/proc` can be read");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|it| it.parent == parent && !it.dead)).collect()
}

/// Waits until none of the processes is alive; whether that happened in time.
pub(crate) fn gone(pids: &[u32]) -> bool {
    soon(|| pids.iter().all(|pid| stat(*pid).is_none_or(|it| it.dead)))
}

/// Waits, blocking the thread, for something that takes milliseconds; false when it hangs.
pub(crate) fn soon(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}
