//! Exchanges with the panel through its real router.

#[cfg(test)]
mod node;
#[cfg(test)]
mod payment;
#[cfg(test)]
mod session;
#[cfg(test)]
mod setting;
#[cfg(test)]
mod support;
#[cfg(test)]
mod sweep;
