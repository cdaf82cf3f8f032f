//! Documents in the hands of those who read them: real clients, and parsers written from the formats' documentation.

mod corpus;
mod lines;
mod links;
mod mihomo;
mod peer;
mod singbox;
mod xray;
