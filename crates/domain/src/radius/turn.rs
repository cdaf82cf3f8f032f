//! Turns at a NAS: one that does not answer must not take every round there is, nor be flooded when it does.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gatehouse_model::NasId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::nas::{Disconnect, Nas};

/// Rounds at the same time at one NAS. A round in vain takes six seconds, a good one milliseconds.
const AT_ONCE: usize = 32;
/// Programs at the same time for one NAS: as many as the door runs.
const PROGRAMS: usize = 8;
/// How long a job waits for its turn; then it lets others pass. A good NAS gives hundreds of turns in this time.
const PATIENCE: Duration = Duration::from_millis(500);
/// The same for programs, which are slower; still far from the end of a lease.
const PROGRAM_PATIENCE: Duration = Duration::from_secs(5);

/// The turns of a process.
#[derive(Debug, Default)]
pub(crate) struct NasTurns(Mutex<HashMap<(NasId, bool), Arc<Semaphore>>>);

impl NasTurns {
    /// Waits for a turn at a NAS; none: it is too busy, or silent.
    pub(crate) async fn wait(&self, nas: &Nas) -> Option<OwnedSemaphorePermit> {
        let is_program = nas.settings.disconnect == Disconnect::Command;
        let (at_once, patience) = if is_program { (PROGRAMS, PROGRAM_PATIENCE) } else { (AT_ONCE, PATIENCE) };
        let turns = {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let turns = all.entry((nas.id, is_program)).or_insert_with(|| Arc::new(Semaphore::new(at_once)));
            Arc::clone(turns)
        };
        timeout(patience, turns.acquire_owned()).await.ok()?.ok()
    }
}
