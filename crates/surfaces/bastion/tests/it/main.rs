//! Golden exchanges of the bastion surface through its real router.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod authorisation;
#[cfg(test)]
mod entry;
#[cfg(test)]
mod factor;
#[cfg(test)]
mod fault;
#[cfg(test)]
mod frame;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod own;
#[cfg(test)]
mod policies;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod resources;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod stay;
#[cfg(test)]
mod support;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod users;
#[cfg(test)]
mod vouchers;
