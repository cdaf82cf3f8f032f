//! The way to a target: name, address, key, login. One SSH connection each (specs/bastion.md §8).

pub(crate) mod algorithm;
mod dial;
mod handler;
pub(crate) mod key;
pub(crate) mod link;
pub(crate) mod wire;

use dial::Dialled;
pub(crate) use handler::Target;
pub(crate) use link::{Link, leave, reach};

/// How this program introduces itself to targets.
pub(crate) const IDENTIFICATION: &str = "SSH-2.0-Gatehouse";
