//! The one binary.

mod config;

fn main() {
    let _ = config::Config::load(config::Sources::of_process(None, None));
}
