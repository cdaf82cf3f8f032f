//! Exchanges with the vpn surface through its real router.

#[cfg(test)]
mod flush;
#[cfg(test)]
mod form;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod group;
#[cfg(test)]
mod order;
#[cfg(test)]
mod role;
#[cfg(test)]
mod state;
#[cfg(test)]
mod support;
#[cfg(test)]
mod trail;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod updater;
#[cfg(test)]
mod user;
