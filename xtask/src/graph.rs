//! The dependency graph as `cargo metadata` reports it, and the rules of docs/ARCHITECTURE.md about it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::run::{Cmd, root};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Which of our layers a layer may use; development dependencies may add `testkit`.
/// Surfaces and doors therefore cannot see one another, and only `domain` and `server` see `store`.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("radius-wire", &[]),
    ("websocket", &[]),
    ("sshkey", &["model"]),
    ("profile", &["model"]),
    ("store", &["model"]),
    ("domain", &["model", "profile", "radius-wire", "sshkey", "store"]),
    ("kit", &["model", "websocket", "domain"]),
    ("surfaces", &["model", "profile", "domain", "kit"]),
    ("doors", &["model", "profile", "radius-wire", "websocket", "domain"]),
    ("upstream", &["model", "radius-wire", "domain"]),
    ("server", &["model", "profile", "radius-wire", "store", "domain", "kit", "surfaces", "doors", "upstream"]),
    // It makes the real application, as `server` does.
    ("testkit", &["model", "profile", "radius-wire", "store", "domain", "upstream"]),
    ("xtask", &[]),
];

/// Crates (and crates named `<it>-…`) that only these folders may name.
const RESERVED: &[(&str, &[&str])] = &[
    ("sqlx", &["crates/store", "crates/model"]),
    ("axum", &["crates/kit", "crates/surfaces", "crates/server", "crates/testkit"]),
    ("russh", &["crates/doors/ssh"]),
    ("ssh-key", &["crates/sshkey"]),
    ("ldap3", &["crates/upstream"]),
    ("md4", &["crates/radius-wire"]),
    ("des", &["crates/radius-wire"]),
];

#[derive(Deserialize)]
pub(crate) struct Graph {
    pub(crate) packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) metadata: Option<serde_json::Value>,
    source: Option<String>,
    manifest_path: PathBuf,
    pub(crate) targets: Vec<Target>,
}

#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) rename: Option<String>,
    kind: Option<String>,
    features: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
    pub(crate) name: String,
}

impl Package {
    /// The package's folder, relative to the root: `crates/doors/proxy`.
    pub(crate) fn folder(&self) -> PathBuf {
        let folder = self.manifest_path.parent().unwrap_or(Path::new(""));
        folder.strip_prefix(root()).unwrap_or(folder).to_owned()
    }

    /// The layer is the folder's name, or for surfaces and doors the name of the folder that holds them all.
    fn layer(&self) -> String {
        let folder = self.folder();
        let below_crates = folder.strip_prefix("crates").unwrap_or(&folder);
        below_crates.components().next().map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default()
    }
}

impl Graph {
    /// Asks cargo for everything that is compiled on our platform.
    pub(crate) fn load() -> Result<Self> {
        let text = Cmd::new("cargo")
            .args(["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET])
            .read()?;
        serde_json::from_str(&text).context("cargo metadata has an unknown shape")
    }

    /// Our own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Model <- store <- domain <- kit <- surfaces, and the crates that only some packages may name.
    pub(crate) fn check_layers(&self) -> Result<()> {
        let mut wrong = Vec::new();
        for package in self.members() {
            let layer = package.layer();
            let allowed = LAYERS.iter().find(|(name, _)| *name == layer).map(|(_, allowed)| *allowed);
            let allowed = allowed.with_context(|| format!("{} is in no known layer: `{layer}`", package.name))?;
            for dependency in &package.dependencies {
                let used = self.members().find(|member| member.name == dependency.name).map(Package::layer);
                let for_tests = dependency.kind.as_deref() == Some("dev");
                if let Some(used) = used
                    && !allowed.contains(&used.as_str())
                    && !(for_tests && used == "testkit")
                {
                    wrong.push(format!("{} may not use {}", package.name, dependency.name));
                }
                if is_reserved(&dependency.name, &package.folder()) {
                    wrong.push(format!("{} may not use {}", package.name, dependency.name));
                }
                // The vocabulary may derive sqlx's traits for its newtypes, but talks to no database.
                if layer == "model" && dependency.name == "sqlx" && dependency.features.iter().any(|f| f != "derive") {
                    wrong.push(format!("{} may use only the feature `derive` of sqlx", package.name));
                }
            }
        }
        report("layers", &wrong)
    }

    /// No banned crate is compiled. `cargo tree` is asked, because metadata also lists crates that a lock file names only
    /// for a feature nobody turned on (`ring?/std`).
    #[expect(clippy::unused_self, reason = "one of the graph's checks, called like the others")]
    pub(crate) fn check_banned(&self, banned: &[String]) -> Result<()> {
        let text = Cmd::new("cargo")
            .args(["tree", "--locked", "--workspace", "--target", TARGET, "--prefix", "none", "--format", "{p}"])
            .read()?;
        let compiled: BTreeSet<_> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        let wrong: Vec<_> = banned
            .iter()
            .filter(|name| compiled.contains(name.as_str()))
            .map(|name| format!("{name} is banned"))
            .collect();
        report("banned crates (see `cargo tree --invert NAME`)", &wrong)
    }

    /// Everything that is not ours comes from crates.io.
    pub(crate) fn check_sources(&self) -> Result<()> {
        let foreign = self.packages.iter().filter(|package| !self.workspace_members.contains(&package.id));
        let wrong: Vec<_> = foreign
            .filter(|package| package.source.as_deref() != Some(CRATES_IO))
            .map(|package| format!("{} comes from {}", package.name, package.source.as_deref().unwrap_or("a folder")))
            .collect();
        report("sources", &wrong)
    }
}

fn is_reserved(dependency: &str, folder: &Path) -> bool {
    RESERVED.iter().any(|(name, folders)| {
        let named = dependency.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
        named && !folders.iter().any(|allowed| folder.starts_with(allowed))
    })
}

/// Fails with every finding, not only the first.
pub(crate) fn report(check: &str, wrong: &[String]) -> Result<()> {
    if !wrong.is_empty() {
        bail!("{check}:\n  {}", wrong.join("\n  "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_named_folders_may_use_a_reserved_crate() {
        assert!(is_reserved("axum-extra", Path::new("crates/domain")));
        assert!(!is_reserved("axum", Path::new("crates/surfaces/oa")));
        assert!(!is_reserved("axumatic", Path::new("crates/domain")));
        assert!(is_reserved("russh", Path::new("crates/doors/proxy")));
    }

    type Dependencies<'a> = &'a [(&'a str, Option<&'a str>)];

    /// A graph of packages, each its folder, its name, and its dependencies' names and kinds.
    fn graph(packages: &[(&str, &str, Dependencies)]) -> Graph {
        let dependency =
            |(name, kind): &(&str, Option<&str>)| json!({ "name": name, "kind": kind, "features": ["any"] });
        let package = |(folder, name, dependencies): &(&str, &str, Dependencies)| {
            json!({
                "id": name, "name": name, "version": "1.0.0", "targets": [],
                "dependencies": dependencies.iter().map(dependency).collect::<Vec<_>>(),
                "manifest_path": root().join(folder).join("Cargo.toml"),
            })
        };
        let members: Vec<_> = packages.iter().map(|(_, name, _)| name).collect();
        let packages: Vec<_> = packages.iter().map(package).collect();
        serde_json::from_value(json!({ "packages": packages, "workspace_members": members })).unwrap()
    }

    #[test]
    fn layers_point_downwards() {
        let (plain, dev) = (None, Some("dev"));
        let good = graph(&[
            ("crates/domain", "domain", &[]),
            ("crates/testkit", "testkit", &[("domain", plain)]),
            ("crates/surfaces/oa", "oa", &[("domain", plain), ("testkit", dev), ("axum", plain)]),
            ("crates/store", "store", &[("sqlx", plain)]),
        ]);
        good.check_layers().unwrap();

        let bad = graph(&[
            ("crates/surfaces/vpn", "vpn", &[("testkit", plain)]),
            ("crates/testkit", "testkit", &[]),
            ("crates/surfaces/oa", "oa", &[("vpn", dev)]),
            ("crates/domain", "domain", &[("axum", plain), ("oa", plain)]),
            ("crates/model", "model", &[("sqlx", plain)]),
        ]);
        let found = bad.check_layers().unwrap_err().to_string();
        let expected = [
            "layers:",
            "vpn may not use testkit",
            "oa may not use vpn",
            "domain may not use axum",
            "domain may not use oa",
            "model may use only the feature `derive` of sqlx",
        ];
        assert_eq!(found.lines().map(str::trim).collect::<Vec<_>>(), expected);
    }
}
