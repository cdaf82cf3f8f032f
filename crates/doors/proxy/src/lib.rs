//! The proxy door: Shadowsocks, Trojan, VLESS.

mod addr;
mod aead;
mod door;
mod egress;
mod fallback;
mod limit;
mod listener;
mod relay;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tls;
mod user;
mod visit;
