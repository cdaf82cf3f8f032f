//! Merges the sources into one table and remembers where each value was written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

use super::{ConfigError, Problem, SurfaceConfig};

/// Keys whose value may stand in a file named by `<key>_file`, and is never shown.
const SECRETS: [&str; 3] = ["database.url", "billing.fondy.secret", "billing.liqpay.private_key"];

/// Where a value was written.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A file's line, counted from 1.
    Line(PathBuf, usize),
    /// A variable of the environment, with its text.
    Env(String, String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Env(name, _) => write!(f, "environment {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// The merged table with the place of each key.
#[derive(Debug, Default, Clone)]
pub(crate) struct Layers {
    table: Table,
    places: BTreeMap<String, Place>,
}

impl Layers {
    /// Adds a TOML file.
    pub(crate) fn add_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let broken = |error: &toml::de::Error| {
            let line = line_of(text, error.span().map_or(0, |span| span.start));
            ConfigError::one(format!("{}:{line}: {}", path.display(), error.message()))
        };
        let spanned = DeTable::parse(text).map_err(|error| broken(&error))?;
        let table: Table = text.parse().map_err(|error| broken(&error))?;
        let mut mark = |key: &str, at: usize| {
            self.places.insert(key.to_owned(), Place::Line(path.to_path_buf(), line_of(text, at)));
        };
        mark_places("", spanned.get_ref(), &mut mark);
        merge(&mut self.table, table);
        Ok(())
    }

    /// Adds `GATEHOUSE__SECTION__KEY` variables. A value is read as TOML, and as the text itself where that fails.
    pub(crate) fn add_env(&mut self, variables: &[(String, String)]) {
        for (name, text) in variables {
            if let Some(path) = name.strip_prefix("GATEHOUSE__") {
                let key = path.to_lowercase().replace("__", ".");
                let value = text.parse().unwrap_or_else(|_| Value::String(text.clone()));
                self.set(&key, value, Place::Env(name.clone(), text.clone()));
            }
        }
    }

    /// Adds a flag.
    pub(crate) fn add_flag(&mut self, key: &str, text: &str, flag: &'static str) {
        self.set(key, Value::String(text.to_owned()), Place::Flag(flag));
    }

    /// Sets one dotted key.
    pub(crate) fn set(&mut self, key: &str, value: Value, place: Place) {
        self.places.insert(key.to_owned(), place);
        let nested =
            key.rsplit('.').fold(value, |inner, part| Value::Table(Table::from_iter([(part.to_owned(), inner)])));
        if let Value::Table(nested) = nested {
            merge(&mut self.table, nested);
        }
    }

    /// Replaces `<secret>_file` by the content of the file, without the line ends after it.
    pub(crate) fn read_secret_files(&mut self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for key in SECRETS {
            let file_key = format!("{key}_file");
            let Some(Value::String(path)) = self.take(&file_key) else { continue };
            if self.get(key).is_some() {
                problems.push(Problem::new(file_key, format!("{key} is given as well; only one of them may be")));
                continue;
            }
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let place = Place::Line(path.into(), 1);
                    self.set(key, Value::String(text.trim_end_matches(['\r', '\n']).to_owned()), place);
                }
                Err(error) => problems.push(Problem::new(file_key, format!("cannot read {path}: {error}"))),
            }
        }
        problems
    }

    /// The dotted names of the keys that were given anywhere.
    pub(crate) fn given(&self) -> BTreeSet<String> {
        self.places.keys().cloned().collect()
    }

    /// Takes the keys above all sections.
    pub(crate) fn top<T: DeserializeOwned + Default>(&mut self, problems: &mut Vec<Problem>) -> T {
        let (sections, top) = std::mem::take(&mut self.table).into_iter().partition(|(_, value)| value.is_table());
        self.table = sections;
        self.read("", top, problems)
    }

    /// Takes one section.
    pub(crate) fn section<T: DeserializeOwned + Default>(&mut self, name: &str, problems: &mut Vec<Problem>) -> T {
        match self.table.remove(name) {
            Some(Value::Table(table)) => self.read(name, table, problems),
            _ => T::default(),
        }
    }

    /// Takes the keys that every surface has out of one section.
    pub(crate) fn surface(&mut self, name: &str, problems: &mut Vec<Problem>) -> SurfaceConfig {
        self.part(name, &SurfaceConfig::KEYS, problems)
    }

    /// Takes some keys out of one section.
    pub(crate) fn part<T: DeserializeOwned + Default>(
        &mut self,
        name: &str,
        keys: &[&str],
        problems: &mut Vec<Problem>,
    ) -> T {
        let Some(Value::Table(table)) = self.table.get_mut(name) else { return T::default() };
        let keys = keys.iter().filter_map(|key| table.remove_entry(*key)).collect();
        self.read(name, keys, problems)
    }

    /// Reports every section nobody took.
    pub(crate) fn refuse_rest(self, problems: &mut Vec<Problem>) {
        problems.extend(self.table.keys().map(|name| Problem::new(name, "there is no such section")));
    }

    /// The problems with place and value, in the order of their places.
    pub(crate) fn explain(&self, problems: &[Problem]) -> ConfigError {
        ConfigError::new(problems.iter().map(|problem| self.explain_one(problem)).collect())
    }

    fn explain_one(&self, Problem { key, rule }: &Problem) -> String {
        let value = match self.get(key) {
            Some(_) if SECRETS.contains(&key.as_str()) => " = ***".to_owned(),
            Some(value) if !value.is_table() => format!(" = {value}"),
            _ => String::new(),
        };
        let place = self.place(key).map(|place| format!("{place}: ")).unwrap_or_default();
        format!("{place}{key}{value}: {rule}")
    }

    /// Where the key, or the closest thing around it, was written.
    fn place(&self, key: &str) -> Option<&Place> {
        let mut key = key;
        loop {
            if let Some(place) = self.places.get(key) {
                return Some(place);
            }
            key = key.get(..key.rfind(['.', '['])?)?;
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        let (parents, last) = key.rsplit_once('.').map_or((None, key), |(parents, last)| (Some(parents), last));
        let table = match parents {
            Some(parents) => self.get(parents)?.as_table()?,
            None => &self.table,
        };
        match last.split_once('[') {
            Some((name, index)) => table.get(name)?.get(index.trim_end_matches(']').parse::<usize>().ok()?),
            None => table.get(last),
        }
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        let (section, name) = key.split_once('.')?;
        self.table.get_mut(section)?.as_table_mut()?.remove(name)
    }

    /// Reads a table into its type. A value from the environment that is refused as TOML is tried as plain text.
    fn read<T: DeserializeOwned + Default>(&self, name: &str, mut table: Table, problems: &mut Vec<Problem>) -> T {
        loop {
            let error = match serde_path_to_error::deserialize(Value::Table(table.clone())) {
                Ok(value) => return value,
                Err(error) => error,
            };
            let inner = error.path().to_string();
            let key = match (name, inner.as_str()) {
                ("", inner) => inner.to_owned(),
                (name, ".") => name.to_owned(),
                (name, inner) => format!("{name}.{inner}"),
            };
            if let (Some(Place::Env(_, text)), Some(value)) = (self.places.get(&key), find_mut(&mut table, &inner))
                && !value.is_str()
            {
                *value = Value::String(text.clone());
                continue;
            }
            problems.push(Problem::new(key, error.inner().message()));
            return T::default();
        }
    }
}

fn find_mut<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    match key.split_once('.') {
        Some((first, rest)) => find_mut(table.get_mut(first)?.as_table_mut()?, rest),
        None => table.get_mut(key),
    }
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// The line, counted from 1, of a place in a text.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn mark_places(prefix: &str, table: &DeTable<'_>, mark: &mut dyn FnMut(&str, usize)) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
        mark(&key, name.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => mark_places(&key, inner, mark),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    mark(&format!("{key}[{index}]"), item.span().start);
                }
            }
            _ => {}
        }
    }
}
