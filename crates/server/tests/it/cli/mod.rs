//! Longer stories of the command line beside a running server.

mod copy;
mod first;
mod node;
mod tls;
