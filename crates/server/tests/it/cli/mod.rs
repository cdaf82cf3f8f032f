//! Longer stories of the command line beside a running server.

mod billing;
mod copy;
mod first;
mod node;
mod tls;
