//! Exchanges with the panel through its real router.

#[cfg(test)]
mod conserve;
#[cfg(test)]
mod content;
#[cfg(test)]
mod gift;
mod mail;
#[cfg(test)]
mod module;
#[cfg(test)]
mod node;
mod order;
#[cfg(test)]
mod page;
#[cfg(test)]
mod passport;
#[cfg(test)]
mod paying;
#[cfg(test)]
mod payment;
#[cfg(test)]
mod people;
mod profile;
mod race;
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
mod term;
mod ticket;
