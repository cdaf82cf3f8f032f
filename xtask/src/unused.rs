//! Dependencies that a package declares and never names.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::graph::{Dependency, Graph, Package, report};
use crate::run::root;

/// Searches each package's sources for the names of its dependencies.
///
/// A dependency that is there only to switch on a feature is listed in the package's
/// `[package.metadata.cargo-machete] ignored = […]`, as that tool has it.
pub(crate) fn check(graph: &Graph) -> Result<()> {
    let mut wrong = Vec::new();
    for package in graph.members() {
        let mut source = String::new();
        read_sources(&root().join(package.folder()), &mut source)?;
        for dependency in &package.dependencies {
            if !is_ignored(package, &dependency.name) && !is_named(&source, &extern_name(graph, dependency)) {
                wrong.push(format!("{} declares {} and does not use it", package.name, dependency.name));
            }
        }
    }
    report("unused dependencies", &wrong)
}

/// The name sources use: the alias, or the library's own name (`md5` of `md-5`).
fn extern_name(graph: &Graph, dependency: &Dependency) -> String {
    let libraries = ["lib", "rlib", "proc-macro"];
    let found = graph.packages.iter().filter(|package| package.name == dependency.name);
    let library = found
        .flat_map(|package| &package.targets)
        .find(|target| target.kind.iter().any(|kind| libraries.contains(&kind.as_str())));
    let name = dependency.rename.as_ref().or(library.map(|target| &target.name)).unwrap_or(&dependency.name);
    name.replace('-', "_")
}

/// Whether code, not a comment, says `name::…`, `name!`, `use name;` or `use name as …`.
fn is_named(source: &str, name: &str) -> bool {
    source.lines().map(str::trim_start).filter(|line| !line.starts_with("//")).any(|line| {
        line.match_indices(name).any(|(at, _)| {
            let before = line.get(..at).unwrap_or_default();
            let after = line.get(at + name.len()..).unwrap_or_default();
            let starts = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let path = after.starts_with("::") || after.starts_with('!');
            let import = before.trim_end().ends_with("use") && (after.starts_with(';') || after.starts_with(" as "));
            starts && (path || import)
        })
    })
}

fn is_ignored(package: &Package, name: &str) -> bool {
    let ignored = package.metadata.as_ref().and_then(|all| all.get("cargo-machete")?.get("ignored")?.as_array());
    ignored.is_some_and(|names| names.iter().any(|ignored| ignored.as_str() == Some(name)))
}

/// Appends every Rust file below `folder`, stopping where another package begins.
fn read_sources(folder: &Path, source: &mut String) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() && !path.join("Cargo.toml").exists() {
            read_sources(&path, source)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            source.push_str(&fs::read_to_string(&path)?);
            source.push('\n');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_named;

    #[test]
    fn a_name_counts_only_as_a_path_or_an_import() {
        for used in ["use http::Uri;", "  http::Uri::from_static(x)", "use http;", "pub use http as web;", "http!()"] {
            assert!(is_named(used, "http"), "{used}");
        }
        for unused in ["// http::Uri", "use my_http::Uri;", "let http = 1;", "let url = \"http:/\";", "kit::http"] {
            assert!(!is_named(unused, "http"), "{unused}");
        }
    }
}
