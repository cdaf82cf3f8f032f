//! What Gatehouse does: use cases, rules, the live snapshot, jobs, events.
