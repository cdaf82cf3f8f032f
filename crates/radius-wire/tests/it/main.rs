//! The codec against the world: vectors of the RFCs, and packets nobody should send.

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod vectors;
