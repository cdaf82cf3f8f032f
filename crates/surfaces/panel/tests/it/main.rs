//! Exchanges with the panel through its real router.

#[cfg(test)]
mod conserve;
#[cfg(test)]
mod content;
#[cfg(test)]
mod gift;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod module;
#[cfg(test)]
mod node;
#[cfg(test)]
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
#[cfg(test)]
mod profile;
#[cfg(test)]
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
#[cfg(test)]
mod ticket;
