//! Exchanges with the panel through its real router.

mod content;
mod mail;
#[cfg(test)]
mod module;
#[cfg(test)]
mod node;
mod order;
#[cfg(test)]
mod passport;
#[cfg(test)]
mod paying;
#[cfg(test)]
mod payment;
#[cfg(test)]
mod profile;
#[cfg(test)]
mod session;
#[cfg(test)]
mod setting;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod support;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod ticket;
