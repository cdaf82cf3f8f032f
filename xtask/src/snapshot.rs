//! Snapshots that no test reads any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::graph::report;
use crate::run::{Cmd, root};

/// Fails for every tracked snapshot file that is not in `used`, the list insta wrote while all tests ran.
pub(crate) fn check(used: &Path) -> Result<()> {
    let tracked = Cmd::new("git").args(["ls-files", "*.snap"]).read()?;
    if tracked.is_empty() {
        return Ok(());
    }
    let used = fs::read_to_string(used).with_context(|| format!("cannot read {}", used.display()))?;
    // A path may lead through `..`; one that does not exist is insta's business.
    let used: BTreeSet<PathBuf> = used.lines().filter_map(|path| fs::canonicalize(path).ok()).collect();
    let mut unused = Vec::new();
    for file in tracked.lines() {
        if !used.contains(&fs::canonicalize(root().join(file)).with_context(|| format!("cannot find {file}"))?) {
            unused.push(file.to_owned());
        }
    }
    report("snapshots that no test reads", &unused)
}
