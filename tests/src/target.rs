//! What lies in cargo's target directory and in `PATH`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::janitor;

/// The program that `tests/run` has unpacked, found from where the running test binary lies.
pub(crate) fn unpacked(program: &str) -> Option<PathBuf> {
    let binary = env::current_exe().ok()?;
    let mut files = binary.ancestors().map(|directory| directory.join("tools").join(program));
    files.find(|file| file.is_file())
}

/// A directory that all test binaries of a build share and that outlives them, created when
/// missing. A binary that does not lie where cargo puts it has one of its own.
pub(crate) fn cache(name: &str) -> PathBuf {
    let binary = env::current_exe().unwrap_or_default();
    let built = binary.parent().filter(|place| place.ends_with("deps"));
    let directory = built.and_then(Path::parent).unwrap_or(janitor::root()).join(name);
    fs::create_dir_all(&directory).unwrap_or_else(|error| panic!("cannot create `{}`: {error}", directory.display()));
    directory
}

/// The program of that name in `PATH`.
pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

/// What `program --version` prints, if it runs at all.
pub(crate) fn version_text(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
