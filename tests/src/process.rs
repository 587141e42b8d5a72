//! Child processes with captured output that can be killed, stopped and continued, and never
//! outlive the tests.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::janitor;
use crate::scratch::Scratch;
use crate::signal::{Signal, send, soon, stat};
use crate::wait::eventually;

/// A user and group to run a program as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A program about to be started, see [`Process::command`].
#[derive(Debug)]
#[must_use = "nothing runs before `start`"]
pub struct Launch {
    program: OsString,
    args: Vec<OsString>,
    envs: Vec<(OsString, Option<OsString>)>,
    directory: Option<PathBuf>,
    user: Option<User>,
    last_signal: Signal,
}

impl Launch {
    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable; the others are inherited.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Removes an environment variable.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), None));
        self
    }

    /// Sets the working directory.
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    pub(crate) fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// The signal that ends the program when the test binary is gone; by default SIGKILL.
    pub(crate) fn last_signal(mut self, signal: Signal) -> Self {
        self.last_signal = signal;
        self
    }

    /// Starts the program, with its standard input empty and its output captured.
    ///
    /// A program that cannot be started ends with status 127 and the shell's reason in its
    /// [stderr](Process::stderr).
    ///
    /// # Panics
    /// When `sh` cannot be started.
    #[must_use]
    pub fn start(self) -> Process {
        let name =
            Path::new(&self.program).file_name().unwrap_or(&self.program).to_string_lossy().replace(['/', ' '], "_");
        let output = Scratch::new(&name);
        let file = |name| File::create(output.join(name)).expect("a file for captured output");
        let mut command = Command::new("sh");
        command
            .args(["-c", janitor::WRAPPER])
            .arg(janitor::pids())
            .arg(self.last_signal.to_string())
            .arg(&self.program)
            .args(&self.args)
            .stdin(Stdio::from(janitor::pipe_end()))
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .process_group(0);
        for (name, value) in &self.envs {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        if let Some(User { uid, gid }) = self.user {
            command.uid(uid).gid(gid);
        }
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start `sh` for `{name}`: {error}"));
        let process = Process { name, pid: child.id(), child: Mutex::new(child), output };
        assert!(
            soon(|| janitor::registered(process.pid) || process.status().is_some()),
            "`sh` did not start `{}`",
            process.name
        );
        process
    }
}

/// A running (or ended) child process. Dropping it kills it.
///
/// It also dies when the test binary does, even by `kill -9`.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: u32,
    child: Mutex<Child>,
    output: Scratch,
}

impl Process {
    /// Prepares a program: a path, or a name to be found in `PATH`.
    pub fn command(program: impl AsRef<OsStr>) -> Launch {
        Launch {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            envs: Vec::new(),
            directory: None,
            user: None,
            last_signal: Signal::Kill,
        }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, or `None` while it runs.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().expect("nothing panics while it holds the child");
        let status = child.try_wait().expect("the child can be waited for");
        if status.is_some() {
            janitor::forget(self.pid);
        }
        status
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it still runs at the deadline; the message holds the end of its output.
    pub async fn ended(&self, within: Duration) -> ExitStatus {
        eventually(within, async || {
            self.status().ok_or_else(|| {
                format!(
                    "`{}` (process {}) is still running; its output ends with:\n{}",
                    self.name,
                    self.pid,
                    self.tail()
                )
            })
        })
        .await
    }

    /// Sends a signal; without effect when the process has ended.
    pub fn signal(&self, signal: Signal) {
        if self.status().is_none() {
            send(signal, &[self.pid]);
        }
    }

    /// SIGSTOP: returns when the process is frozen.
    ///
    /// # Panics
    /// When it is not frozen in half a minute.
    pub fn stop(&self) {
        self.signal(Signal::Stop);
        assert!(
            soon(|| self.status().is_some() || stat(self.pid).is_none_or(|it| it.stopped)),
            "`{}` (process {}) did not stop",
            self.name,
            self.pid
        );
    }

    /// SIGCONT: lets a stopped process go on.
    pub fn cont(&self) {
        self.signal(Signal::Cont);
    }

    /// `kill -9`: returns how it ended when it is gone, or how it had ended before.
    pub fn kill(&self) -> ExitStatus {
        let mut child = self.child.lock().expect("nothing panics while it holds the child");
        // Without effect on a child that has already been waited for.
        let _ = child.kill();
        let status = child.wait().expect("the child can be waited for");
        janitor::forget(self.pid);
        status
    }

    /// The most memory that it has had since this was last asked, in bytes; 0 when it has ended.
    ///
    /// # Panics
    /// When the kernel does not say.
    #[must_use]
    pub fn peak_memory(&self) -> usize {
        if self.status().is_some() {
            return 0;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("Linux says how a process is");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the line is there");
        let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
        fs::write(format!("/proc/{}/clear_refs", self.pid), "5").expect("the peak can be reset");
        kilobytes * 1024
    }

    /// What it has written to its standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.read("stdout")
    }

    /// What it has written to its standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.read("stderr")
    }

    /// Everything it has written so far: standard output, then standard error.
    #[must_use]
    pub fn log(&self) -> String {
        self.stdout() + &self.stderr()
    }

    /// The last lines of each output, for messages.
    pub(crate) fn tail(&self) -> String {
        [self.stdout(), self.stderr()].map(|text| last_lines(&text, 20)).concat()
    }

    fn read(&self, file: &str) -> String {
        let bytes = fs::read(self.output.join(file)).expect("captured output can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().flat_map(|line| [line, "\n"]).collect()
}
