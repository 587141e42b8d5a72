//! Clocks that jump, for processes that take the time from the C library.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::Launch;
use crate::scratch::Scratch;

const INSTALL: &str = "run `tests/run --setup`, or `apt-get install gcc libc6-dev`";

/// Adds to the wall clock what the first eight bytes of a file say, in seconds. Other clocks stay as they are, as they do
/// when a machine's clock is set.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile int64_t *offset;

static int64_t ahead(void) {
  static int tried;
  if (!offset && !__atomic_exchange_n(&tried, 1, __ATOMIC_SEQ_CST)) {
    const char *path = getenv("SHARED_TESTS_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *page = file < 0 ? MAP_FAILED : mmap(0, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED) offset = page;
  }
  return offset ? *offset : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(clock, now);
  if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += ahead();
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec spec;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &spec)) return -1;
  now->tv_sec = spec.tv_sec;
  now->tv_usec = spec.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec spec;
  if (clock_gettime(CLOCK_REALTIME, &spec)) return -1;
  if (result) *result = spec.tv_sec;
  return spec.tv_sec;
}
"#;

/// The wall clock of some processes. It runs with that of the machine, ahead of or behind it by what it is set to.
///
/// Postgres and programs in Rust take the time from the C library and are deceived; nats-server, in Go, is not.
#[derive(Debug)]
pub struct WallClock {
    files: Scratch,
}

impl WallClock {
    /// A clock that is right.
    ///
    /// # Panics
    /// When there is no C compiler (with the command that installs one).
    #[must_use]
    pub fn new() -> Self {
        let files = Scratch::new("clock");
        // for servers that run as somebody else
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755)).expect("it is there");
        fs::write(files.join("clock.c"), SHIM).expect("it is writable");
        fs::write(files.join("offset"), 0_i64.to_ne_bytes()).expect("it is writable");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(files.join("clock.so"))
            .arg(files.join("clock.c"))
            .arg("-ldl")
            .output();
        match compiled {
            Ok(output) if output.status.success() => Self { files },
            Ok(output) => panic!("the clock does not compile:\n{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => panic!("no C compiler ({error}): {INSTALL}"),
        }
    }

    /// Lets it be ahead of the machine's clock by that much.
    pub fn ahead(&self, by: Duration) {
        self.set(i64::try_from(by.as_secs()).expect("less than the age of the world"));
    }

    /// Lets it be behind the machine's clock by that much.
    pub fn behind(&self, by: Duration) {
        self.set(-i64::try_from(by.as_secs()).expect("less than the age of the world"));
    }

    fn set(&self, seconds: i64) {
        let file = OpenOptions::new().write(true).open(self.files.join("offset")).expect("it is there");
        // in place, and in one piece: others have it mapped
        file.write_all_at(&seconds.to_ne_bytes(), 0).expect("it can be written");
    }

    /// What processes have in their environment that go by this clock.
    pub(crate) fn variables(&self) -> [(&'static str, PathBuf); 2] {
        [("LD_PRELOAD", self.files.join("clock.so")), ("SHARED_TESTS_CLOCK", self.files.join("offset"))]
    }

    /// A program that goes by this clock.
    pub fn of(&self, launch: Launch) -> Launch {
        self.variables().into_iter().fold(launch, |launch, (name, value)| launch.env(name, value))
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}
