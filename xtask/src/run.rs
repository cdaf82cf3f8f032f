//! Running other programs from the root of the workspace.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// A command that runs in the root of the workspace and fails with its own text.
pub(crate) struct Cmd(Command);

impl Cmd {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.current_dir(root());
        Self(command)
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.0.args(args);
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(key, value);
        self
    }

    /// Runs to the end, output passed through.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.0.status().with_context(|| format!("cannot start {}", self.text()))?;
        if !status.success() {
            bail!("{} failed: {status}", self.text());
        }
        Ok(())
    }

    /// Runs to the end and returns what was written to standard output.
    pub(crate) fn read(mut self) -> Result<String> {
        let output = self.0.output().with_context(|| format!("cannot start {}", self.text()))?;
        if !output.status.success() {
            bail!("{} failed: {}\n{}", self.text(), output.status, String::from_utf8_lossy(&output.stderr));
        }
        String::from_utf8(output.stdout).with_context(|| format!("{} wrote text that is not UTF-8", self.text()))
    }

    /// Replaces this process; returns only on failure.
    pub(crate) fn exec(mut self) -> Result<()> {
        let error = self.0.exec();
        Err(error).with_context(|| format!("cannot start {}", self.text()))
    }

    fn text(&self) -> String {
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Where `program` is, if it can be run.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    // Debian keeps servers in sbin, which an ordinary user's PATH lacks.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}
