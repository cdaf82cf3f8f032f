//! Longer stories of the command line beside a running server.

mod copy;
mod first;
mod tls;
