//! The command line: one file per group of commands, each with its arguments, its help and what it does.

mod account;
mod apply;
mod billing;
mod check_config;
mod completions;
mod database;
mod demo;
mod doctor;
mod keys;
mod node;
mod oa;
mod open;
pub(crate) mod output;
mod serve;
mod session;
mod vpn;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, CommandFactory, Parser, Subcommand};
use gatehouse_domain::Error;

use crate::config::{Config, ConfigError, Ini, Sources};
use output::Output;

const AFTER_HELP: &str = "\
Everything has a default: `gatehouse serve` needs no configuration, `gatehouse demo` shows it all with sample data.
Commands work on the data directory of a running server, too; nothing needs a restart.
Exit codes: 0 done, 1 failed, 2 bad usage or configuration.";

/// Decides who may come in, through which door, for how long, at what price, and keeps the record.
#[derive(Debug, Parser)]
#[command(name = "gatehouse", version, after_help = AFTER_HELP, disable_help_subcommand = false)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// Configuration file [default: /etc/gatehouse/gatehouse.toml if it exists]
    #[arg(long, global = true, value_name = "FILE", env = "GATEHOUSE_CONFIG")]
    config: Option<PathBuf>,
    /// Where database, keys and logs live [default: /var/lib/gatehouse if it exists, else ./gatehouse-data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A config.ini of django-sspanel-api (vpnHelper); it fills what is set nowhere else
    #[arg(long, global = true, value_name = "FILE")]
    oa_config: Option<PathBuf>,
    /// Who makes the users of the oa surface: local or django-sspanel
    #[arg(long, global = true, value_name = "NAME")]
    oa_backend: Option<String>,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve all surfaces and doors until SIGTERM or SIGINT
    Serve(serve::Serve),
    /// Serve on loopback with sample data, and print one ready-to-paste command for each surface and door
    Demo(demo::Demo),
    /// Bring the database's schema up to date and stop
    Migrate,
    /// Check the configuration; each problem is named with key, value and line
    CheckConfig(check_config::CheckConfig),
    /// Copy a whole installation into an empty database of the other engine
    CopyDatabase(database::CopyDatabase),
    /// Bring roles, nodes, accounts, tokens and users to the state a file describes
    Apply(apply::Apply),
    /// Accounts, their passes, passwords and roles
    #[command(subcommand)]
    Account(account::Account),
    /// Who is in, through which door; put them out
    #[command(subcommand)]
    Session(session::Session),
    /// Proxy nodes, their state, a new server key
    #[command(subcommand)]
    Node(node::Node),
    /// The surface of the OA systems: tokens, users, nodes, import
    #[command(subcommand)]
    Oa(oa::Oa),
    /// The surface of the VPN console: its secret
    #[command(subcommand)]
    Vpn(vpn::Vpn),
    /// Billing: does the ledger add up; payments and subscribers from files
    #[command(subcommand)]
    Billing(billing::Billing),
    /// The keys under which secrets are sealed: list, rotate, check
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Look at configuration, database, keys, ports, nodes and the audit chain, and say what to do
    Doctor(doctor::Doctor),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Make a token, as the original did
    #[command(name = "generateToken", visible_alias = "gt")]
    GenerateToken,
    /// Show all tokens, as the original did
    #[command(name = "showToken", visible_alias = "st")]
    ShowToken,
    /// Delete a token, as the original did
    #[command(name = "deleteToken", visible_alias = "dt")]
    DeleteToken(oa::token::DeleteAsOriginal),
    /// Serve, as the original's runProd did
    #[command(name = "runProd", visible_alias = "r")]
    RunProd(serve::Serve),
    /// Serve at debug level, with a copy of the log in log/vpnHelper.log of the data directory
    #[command(name = "runDebug", visible_alias = "debug")]
    RunDebug(serve::Serve),
}

/// Reads the command line, does it, and says how it went.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    // Fails only if somebody was faster, and nobody else in this process installs one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let outcome = tokio::runtime::Runtime::new()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(dispatch(cli.command, &cli.global)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell if standard error is closed as well.
            let _ = output::complain(&error);
            ExitCode::from(if is_bad_usage(&error) { 2 } else { 1 })
        }
    }
}

async fn dispatch(command: Option<Command>, global: &Global) -> anyhow::Result<()> {
    let output = Output { json: global.json };
    match command {
        None => Ok(Cli::command().print_help()?),
        Some(Command::Serve(command)) => command.run(global, serve::Mode::Serve).await,
        Some(Command::Demo(command)) => command.run(global).await,
        Some(Command::RunProd(command)) => command.run(global, serve::Mode::Prod).await,
        Some(Command::RunDebug(command)) => command.run(global, serve::Mode::Debug).await,
        Some(Command::Migrate) => Box::pin(database::migrate(global, output)).await,
        Some(Command::CheckConfig(command)) => command.run(global, output),
        Some(Command::CopyDatabase(command)) => Box::pin(command.run(output)).await,
        Some(Command::Apply(command)) => Box::pin(command.run(global, output)).await,
        Some(Command::Account(command)) => command.run(global, output).await,
        Some(Command::Session(command)) => command.run(global, output).await,
        Some(Command::Node(command)) => command.run(global, output).await,
        Some(Command::Oa(command)) => Box::pin(command.run(global, output)).await,
        Some(Command::Vpn(command)) => command.run(global, output).await,
        Some(Command::Billing(command)) => command.run(global, output).await,
        Some(Command::GenerateToken) => oa::token::generate_as_original(global).await,
        Some(Command::ShowToken) => oa::token::show_as_original(global).await,
        Some(Command::DeleteToken(command)) => command.run(global).await,
        Some(Command::Keys(command)) => command.run(global, output).await,
        Some(Command::Doctor(command)) => command.run(global, output).await,
        Some(Command::Completions(command)) => command.run(Cli::command()),
    }
}

impl Global {
    /// The configuration as these options select it.
    pub(crate) fn load(&self) -> Result<Config, ConfigError> {
        Config::load(self.sources())
    }

    /// As [`Global::load`], for the original's verbs: they read `./config.ini` if it is one.
    pub(crate) fn load_as_original(&self) -> Result<Config, ConfigError> {
        Config::load(self.sources_as_original())
    }

    fn sources(&self) -> Sources {
        let mut sources = Sources::of_process(self.config.clone(), self.oa_config.clone());
        sources.flag("--data-dir", "data_dir", self.data_dir.as_ref().map(|path| path.display()));
        sources.flag("--oa-backend", "oa.backend", self.oa_backend.as_ref());
        sources
    }

    fn sources_as_original(&self) -> Sources {
        let mut sources = self.sources();
        let found = || {
            let text = std::fs::read_to_string("config.ini").ok()?;
            // A file that breaks off half-way is reported when it is read as --oa-config.
            let is_meant = Ini::parse(&text).map_or(text.contains("[vpnHelper]"), |ini| ini.has_section("vpnHelper"));
            is_meant.then(|| PathBuf::from("./config.ini"))
        };
        sources.ini = sources.ini.or_else(found);
        sources
    }
}

/// What the caller must change before trying again, as opposed to what went wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadUsage(pub(crate) String);

fn is_bad_usage(error: &anyhow::Error) -> bool {
    let is_invalid = |error: &Error| matches!(error, Error::Invalid { .. } | Error::Fields(_));
    error.is::<BadUsage>() || error.is::<ConfigError>() || error.downcast_ref().is_some_and(is_invalid)
}

/// Whether the reader of the output went away, as `head` does.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
