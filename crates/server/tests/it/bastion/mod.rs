//! The bastion as its users meet it: the real binary, a real `sshd` behind it, the stock `ssh` and a WebSocket client.

mod crash;
mod flow;
mod sweep;
pub(crate) mod world;
