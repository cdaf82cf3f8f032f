//! The real binary from outside: command line, listeners, signals, restarts.

/// The binary under test.
#[cfg(test)]
const GATEHOUSE: &str = env!("CARGO_BIN_EXE_gatehouse");

#[cfg(test)]
mod account;
#[cfg(test)]
mod apply;
#[cfg(test)]
mod authorisation;
#[cfg(test)]
mod bastion;
#[cfg(test)]
mod billing;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod command;
#[cfg(test)]
mod config;
#[cfg(test)]
mod database;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod external;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod import;
#[cfg(test)]
mod input;
#[cfg(test)]
mod load;
#[cfg(test)]
mod oa;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod vpn;
#[cfg(test)]
mod wire;
