//! The Python that the programs of the tests run on.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use crate::target;

const INSTALL: &str = "run `tests/run --setup`, which installs one with all that is needed into cargo's target \
     directory, or set TEST_PYTHON to the path of an interpreter that has the packages of \
     tests/it/python/requirements.txt";

/// The path of a Python interpreter that has the packages which the tests import.
///
/// # Panics
/// When there is none, with the command that installs one.
#[must_use]
pub fn python() -> &'static Path {
    static PYTHON: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        // a choice by hand is the only candidate: another one than the chosen would mislead
        let chosen = env::var_os("TEST_PYTHON").map(PathBuf::from);
        let Some(python) = chosen.or_else(|| target::unpacked("python/bin/python")) else {
            return Err(format!("no Python with the packages of the tests: {INSTALL}"));
        };
        let mut imports = Command::new(&python);
        imports.args(["-c", "import cloudevents.core, cloudevents.v1, nats, pydantic"]);
        let imported = imports.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        match imported {
            Ok(status) if status.success() => Ok(python),
            Ok(_) => Err(format!("`{}` lacks packages of the tests: {INSTALL}", python.display())),
            Err(error) => Err(format!("`{}` does not run ({error}): {INSTALL}", python.display())),
        }
    });
    PYTHON.as_deref().unwrap_or_else(|message| panic!("{message}"))
}
