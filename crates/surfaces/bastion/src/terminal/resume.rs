//! Terminals that wait for their client to come back (specs/bastion.md §7.6).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use gatehouse_domain::{Actor, App, Ctx, Via};
use gatehouse_kit::ws::Socket;
use gatehouse_model::AccountId;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

/// A client that came back.
pub(super) struct Handover {
    pub(super) socket: Socket,
    /// Bytes of output that it has received.
    pub(super) offset: u64,
}

/// Whose terminal it is: what a client must prove again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    account: AccountId,
    via: Via,
}

impl Owner {
    /// The owner a context stands for, if it is a person.
    pub(super) fn of(ctx: &Ctx) -> Option<Self> {
        match &ctx.actor {
            Actor::Account { id, via, .. } => Some(Self { account: *id, via: via.clone() }),
            Actor::System(_) | Actor::Operator | Actor::Machine { .. } | Actor::Anonymous => None,
        }
    }
}

type Key = [u8; 32];

/// Tokens are kept hashed, so that looking one up takes a time that says nothing about it.
fn key(token: &str) -> Key {
    Sha256::digest(token).into()
}

#[derive(Clone)]
struct Entry {
    owner: Owner,
    door: mpsc::Sender<Handover>,
}

/// The v2 terminals of this process, by the token that resumes each.
#[derive(Clone, Default)]
pub(crate) struct Resumable(Arc<Mutex<HashMap<Key, Entry>>>);

impl Resumable {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Key, Entry>) -> T) -> T {
        // A panic while the lock is held cannot leave half an entry behind.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A place for one terminal.
    pub(super) fn seat(&self, owner: Owner) -> (Seat, mpsc::Receiver<Handover>) {
        let (door, handovers) = mpsc::channel(1);
        (Seat { all: self.clone(), entry: Entry { owner, door }, key: None }, handovers)
    }

    /// Uses a token up: the way to its terminal, for its owner. Others do not use it up.
    pub(super) fn take(&self, token: &str, owner: &Owner) -> Option<mpsc::Sender<Handover>> {
        self.with(|entries| {
            let key = key(token);
            entries.get(&key).filter(|entry| entry.owner == *owner)?;
            entries.remove(&key).map(|entry| entry.door)
        })
    }
}

/// The place of one terminal among the resumable ones. Dropping it gives it up.
pub(super) struct Seat {
    all: Resumable,
    entry: Entry,
    key: Option<Key>,
}

impl Seat {
    /// A new token of 128 random bits; the one before it counts no more.
    pub(super) fn renew(&mut self, app: &App) -> String {
        let token = hex::encode(app.random().bytes::<16>());
        let new = key(&token);
        self.all.with(|entries| {
            if let Some(old) = self.key.replace(new) {
                entries.remove(&old);
            }
            entries.insert(new, self.entry.clone());
        });
        token
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.all.with(|entries| entries.remove(&key));
        }
    }
}
