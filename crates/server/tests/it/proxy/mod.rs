//! The proxy door of the real binary, reached by real clients through the links of getConnInfoByUser.

mod cell;
mod crash;
mod egress;
mod flow;
mod kick;
mod limit;
mod link;
mod replay;
mod stranger;
mod tap;
mod world;
