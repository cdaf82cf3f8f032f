//! Documents in the hands of those who read them: real clients, and parsers written from the formats' documentation.

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod lines;
#[cfg(test)]
mod links;
#[cfg(test)]
mod mihomo;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod singbox;
#[cfg(test)]
mod xray;
