//! What entities cost `cargo check`, and how long their expansion is.
//!
//! For each library two crates: one with thirty entities of ten columns, one with the same dependencies and none. Their
//! difference is what the entities cost.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime};

const ENTITIES: usize = 30;
const ROUNDS: usize = 9;

struct Library {
    name: &'static str,
    dependencies: &'static str,
    /// Written once.
    before: &'static str,
    /// Written for each entity, in a module of its own.
    entity: &'static str,
}

const LIBRARIES: [Library; 3] = [
    Library {
        name: "shared",
        dependencies: "shared = { path = \"SHARED\", default-features = false, features = [\"postgres\", \"sqlite\"] }",
        before: include_str!("compile/shared_before.txt"),
        entity: include_str!("compile/shared_entity.txt"),
    },
    Library {
        name: "sea-orm",
        dependencies: "chrono = \"0.4\"\nuuid = \"1\"\nsea-orm = { version = \"2\", default-features = false, features = [\"macros\", \
            \"runtime-tokio\", \"sqlx-postgres\", \"sqlx-sqlite\", \"with-chrono\", \"with-uuid\"] }",
        before: include_str!("compile/sea_orm_before.txt"),
        entity: include_str!("compile/sea_orm_entity.txt"),
    },
    Library {
        name: "diesel",
        dependencies: "chrono = \"0.4\"\nuuid = \"1\"\ndiesel = { version = \"2.3\", default-features = false, features = [\"chrono\", \
            \"postgres_backend\", \"uuid\"] }",
        before: include_str!("compile/diesel_before.txt"),
        entity: include_str!("compile/diesel_entity.txt"),
    },
];

pub fn run() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.join("target/compile");
    generate(here, &root);
    let crates: Vec<[String; 2]> =
        LIBRARIES.iter().map(|library| [0, ENTITIES].map(|entities| name(library, entities))).collect();
    for package in crates.iter().flatten() {
        check(&root, package, true);
    }
    let mut samples = vec![[const { Vec::new() }; 2]; LIBRARIES.len()];
    for incremental in [false, true] {
        // the first check after the other kind builds what the other one had built
        for round in 0..=ROUNDS {
            for ([without, with], samples) in crates.iter().zip(&mut samples) {
                let cost = check(&root, with, incremental) - check(&root, without, incremental);
                if round > 0 {
                    samples[usize::from(incremental)].push(cost * 1e3 / ENTITIES as f64);
                }
            }
        }
    }
    println!("\n{ENTITIES} entities of ten columns: what each costs `cargo check`\n");
    println!("| library | from scratch | ratio | incremental, file touched | ratio | lines of expansion |");
    println!("|---|---:|---:|---:|---:|---:|");
    let mut base = None;
    for ((library, [without, with]), samples) in LIBRARIES.iter().zip(&crates).zip(samples) {
        let [scratch, touched] = samples.map(median);
        let lines = (expanded_lines(&root, with) - expanded_lines(&root, without)) / ENTITIES;
        let (base_scratch, base_touched) = *base.get_or_insert((scratch, touched));
        println!(
            "| {} | {scratch:.1} ms | {:.2} | {touched:.1} ms | {:.2} | {lines} |",
            library.name,
            scratch / base_scratch,
            touched / base_touched
        );
    }
}

fn name(library: &Library, entities: usize) -> String {
    format!("{}-{entities}", library.name)
}

fn generate(here: &Path, root: &Path) {
    let mut members = Vec::new();
    for library in &LIBRARIES {
        for entities in [0, ENTITIES] {
            let package = name(library, entities);
            let shared = here.join("../../shared");
            let dependencies = library.dependencies.replace("SHARED", &shared.display().to_string());
            let manifest = format!(
                "[package]\nname = \"{package}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n"
            );
            let mut source = library.before.to_owned();
            for n in 0..entities {
                let entity = library.entity.replace("NUMBER", &n.to_string());
                let _infallible = write!(source, "\npub mod m{n} {{\n{entity}}}\n");
            }
            write(&root.join(&package).join("Cargo.toml"), &manifest);
            write(&root.join(&package).join("src/lib.rs"), &source);
            members.push(format!("{package:?}"));
        }
    }
    write(&root.join("Cargo.toml"), &format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", members.join(", ")));
    fs::copy(here.join("Cargo.lock"), root.join("Cargo.lock")).expect("the versions of this crate");
}

fn write(path: &Path, text: &str) {
    let directory = path.parent().expect("a directory");
    fs::create_dir_all(directory).expect("a directory that can be written");
    fs::write(path, text).expect("a file that can be written");
}

fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(root).env("CARGO_TARGET_DIR", root.join("target"));
    command
}

/// Checks a crate whose file was touched; returns the seconds.
fn check(root: &Path, package: &str, incremental: bool) -> f64 {
    let source: PathBuf = root.join(package).join("src/lib.rs");
    let file = File::options().append(true).open(source).expect("a generated file");
    file.set_modified(SystemTime::now()).expect("a time that can be set");
    let mut command = cargo(root, &["check", "--quiet", "--package", package]);
    command.env("CARGO_INCREMENTAL", if incremental { "1" } else { "0" });
    let begun = Instant::now();
    let status = command.status().expect("cargo");
    assert!(status.success(), "`{package}` does not compile");
    begun.elapsed().as_secs_f64()
}

fn expanded_lines(root: &Path, package: &str) -> usize {
    let arguments = ["rustc", "--quiet", "--profile", "check", "--package", package, "--", "-Zunpretty=expanded"];
    let output = cargo(root, &arguments)
        // an option of nightly compilers, which this one has as well
        .env("RUSTC_BOOTSTRAP", package.replace('-', "_"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo");
    assert!(output.status.success(), "`{package}` does not expand");
    String::from_utf8_lossy(&output.stdout).lines().count()
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
