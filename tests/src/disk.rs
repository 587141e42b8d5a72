//! Small disks that can be full.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::scratch::Scratch;

const HELP: &str = "run the tests as root, or where one may mount (in a container: with CAP_SYS_ADMIN)";

/// A disk of its own: a tmpfs that ends with this value, and also when the test binary is killed.
#[derive(Debug)]
pub struct Disk {
    place: Scratch,
}

impl Disk {
    /// A disk of so many bytes, empty, and writable for everybody. `name` is a part of its path.
    ///
    /// # Panics
    /// When nothing may be mounted here (with what to do).
    #[must_use]
    pub fn new(name: &str, bytes: u64) -> Self {
        let place = Scratch::new(name);
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=0777"), "tmpfs"])
            .arg(place.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Self { place },
            Ok(output) => {
                let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                panic!("a small disk cannot be mounted ({reason}): {HELP}")
            }
            Err(error) => panic!("`mount` cannot be started ({error}): {HELP}"),
        }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Takes all the space that is left.
    ///
    /// # Panics
    /// When it cannot be written to for another reason than that it is full.
    pub fn fill(&self) {
        let file = OpenOptions::new().create(true).append(true).open(self.ballast());
        let mut file = match file {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::StorageFull => return,
            Err(error) => panic!("the ballast cannot be opened: {error}"),
        };
        // large pieces first: what is left is smaller than the last one, which is a page
        for piece in [1 << 20, 1 << 16, 1 << 12] {
            let zeros = vec![0; piece];
            loop {
                match file.write(&zeros) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("the ballast cannot be written: {error}"),
                }
            }
        }
    }

    /// Gives back what [`fill`](Self::fill) took.
    pub fn free(&self) {
        let _none = fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// A directory on it that only its owner may enter, as servers want it.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        let directory = self.path().join(name);
        fs::create_dir(&directory).expect("an empty disk takes a directory");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("it is there");
        directory
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // lazily: a server that is about to end may still use it
        let _gone = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}
