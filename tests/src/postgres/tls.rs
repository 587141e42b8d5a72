//! Certificates for a server, signed by an authority of their own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::installation::installation;

/// Where the files of a server's certificate are.
#[derive(Debug)]
pub struct Certificate {
    /// The authority that signed it.
    pub authority: PathBuf,
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes one for `localhost` and 127.0.0.1.
    ///
    /// # Panics
    /// When openssl is not installed (with the command that installs it).
    pub fn make(directory: &Path) -> Self {
        let file = |name: &str| directory.join(name);
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (authority, authority_key) = (file("authority.crt"), file("authority.key"));
        let (certificate, key, request, names) =
            (file("server.crt"), file("server.key"), file("server.csr"), file("names"));
        fs::write(&names, "subjectAltName = DNS:localhost, IP:127.0.0.1\n").expect("it can be written");
        let new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(&format!(
            "req -x509 {new} -days 2 -subj /CN=authority -keyout {} -out {}",
            text(&authority_key),
            text(&authority)
        ));
        openssl(&format!("req {new} -subj /CN=server -keyout {} -out {}", text(&key), text(&request)));
        openssl(&format!(
            "x509 -req -days 2 -in {} -CA {} -CAkey {} -CAcreateserial -extfile {} -out {}",
            text(&request),
            text(&authority),
            text(&authority_key),
            text(&names),
            text(&certificate)
        ));
        fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("it is there");
        if let Some(user) = installation().user {
            for path in [&certificate, &key] {
                chown(path, Some(user.uid), Some(user.gid)).expect("root may do so");
            }
        }
        Self { authority, certificate, key }
    }
}

fn openssl(args: &str) {
    let output = Command::new("openssl").args(args.split(' ')).output();
    let output = output.unwrap_or_else(|error| {
        panic!("openssl does not run ({error}): run `tests/run --setup`, or `apt-get install -y openssl`")
    });
    assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
}
