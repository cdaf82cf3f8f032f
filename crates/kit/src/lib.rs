//! What the surfaces share of HTTP: extractors, Envelope, client address, limits.
