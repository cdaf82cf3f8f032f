//! Nodes as the panel's staff set them up, and what nodes of others ask and tell (specs/panel.md §4.3, specs/panel-nodes.md N4).

mod admit;
pub mod ech;
pub mod group;
pub mod route;
pub mod save;
pub mod serve;
pub mod show;
pub mod state;

pub use admit::{Asking, admit};
