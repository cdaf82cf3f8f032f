//! Proxy nodes as documents: their typed settings, the configuration nodes fetch, and the subscriptions client apps
//! read. No I/O, no clock, no randomness: what varies is passed in.

pub mod client;
pub mod credential;
pub mod format;
pub mod node_config;
pub mod settings;
pub mod template;

pub use client::{Client, Format, Query};
pub use format::{Document, Person, Profile, ProfileNode, Site, render};
pub use settings::{Fault, Private, Settings};
pub use template::{Template, Templates};
