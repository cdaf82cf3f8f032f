//! Where passwords come from: standard input, or a terminal that does not show them.

use std::io::IsTerminal;

use anyhow::Context;
use clap::Args;
use gatehouse_model::Secret;

use crate::cli::BadUsage;

/// Where a password is read from.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

impl Source {
    /// Reads it, asking twice on a terminal.
    pub(crate) fn read(&self) -> anyhow::Result<Secret> {
        if self.password_stdin {
            return from_stdin();
        }
        if !std::io::stdin().is_terminal() {
            return Err(BadUsage("no terminal to ask for the password: add --password-stdin".to_owned()).into());
        }
        let (first, second) = (ask("password: ")?, ask("again: ")?);
        if first != second {
            return Err(BadUsage("the two passwords differ".to_owned()).into());
        }
        Ok(first)
    }
}

/// The first line of standard input, or all of it without a line end.
pub(crate) fn from_stdin() -> anyhow::Result<Secret> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).context("cannot read the password")?;
    let password = Secret::new(line.trim_end_matches(['\r', '\n']));
    if password.expose().is_empty() {
        return Err(BadUsage("the password is empty".to_owned()).into());
    }
    Ok(password)
}

fn ask(prompt: &str) -> anyhow::Result<Secret> {
    let terminal = console::Term::stderr();
    terminal.write_str(prompt)?;
    Ok(Secret::new(terminal.read_secure_line()?))
}
