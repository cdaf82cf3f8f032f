//! Exchanges with the billing surface through its real router.

#[cfg(test)]
mod abuse;
#[cfg(test)]
mod key;
#[cfg(test)]
mod main_view;
#[cfg(test)]
mod message;
#[cfg(test)]
mod money;
#[cfg(test)]
mod session;
#[cfg(test)]
mod support;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod transport;
#[cfg(test)]
mod users;
