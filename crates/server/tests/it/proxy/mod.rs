//! The proxy door of the real binary, reached by real clients through the links of getConnInfoByUser.

mod cell;
mod link;
mod world;
