//! How subscribers, services and rows look on the wire.
