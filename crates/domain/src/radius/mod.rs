//! What the radius door rests on (specs/radius.md): NAS entries, who may come in, accounting, and how stays are cut or changed.

pub mod enforce;
pub mod grant;
pub mod nas;
pub mod outbox;
pub(crate) mod recent;
pub mod report;
pub mod request;
