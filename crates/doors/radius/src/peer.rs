//! The NAS entries as the receive loop needs them: found by address at once, attributes parsed, counters at hand.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use gatehouse_domain::{
    Error,
    radius::nas::{Nas, NasSet},
};
use gatehouse_radius_wire::Key;
use tokio::time::Instant;

use crate::{meter::Meter, reply::Sets};

/// A note about a NAS is logged this often.
const NOTE: Duration = Duration::from_hours(24);
/// Failures of one NAS's requests are logged this often: while the database is away, every request fails.
const FAILURE: Duration = Duration::from_secs(1);

/// A NAS entry at work.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) nas: Arc<Nas>,
    pub(crate) sets: Sets,
    pub(crate) meter: Meter,
    pub(crate) key: Key,
    in_work: AtomicUsize,
    said: Mutex<Vec<(&'static str, Instant)>>,
}

impl Peer {
    pub(crate) fn new(nas: Arc<Nas>) -> Self {
        let (sets, problems) = Sets::parse(&nas.settings.attributes);
        for problem in problems {
            tracing::warn!(nas = nas.name, "an attribute of the entry is left out: {problem}");
        }
        let key = Key::new(nas.secret.expose().as_bytes());
        Self { sets, meter: Meter::new(&nas.name), key, in_work: AtomicUsize::new(0), said: Mutex::default(), nas }
    }

    /// Logs something about the NAS, once a day.
    pub(crate) fn note(&self, text: &'static str) {
        if self.is_due(text, NOTE) {
            tracing::warn!(nas = self.nas.name, "{text}");
        }
    }

    /// Logs a request that could not be served, once a second; all are counted.
    pub(crate) fn failed(&self, text: &'static str, error: &Error) {
        if self.is_due(text, FAILURE) {
            tracing::error!(nas = self.nas.name, error = error.chain(), "{text}");
        }
    }

    /// Whether something was not said for so long.
    fn is_due(&self, text: &'static str, every: Duration) -> bool {
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        match said.iter_mut().find(|(known, _)| *known == text) {
            Some((_, at)) if now.saturating_duration_since(*at) < every => return false,
            Some((_, at)) => *at = now,
            // As many as there are texts.
            None => said.push((text, now)),
        }
        true
    }

    /// Takes a place for one more request; `None` when the NAS has its share of the door in work already.
    pub(crate) fn enter(self: &Arc<Self>, limit: usize) -> Option<Place> {
        let before = self.in_work.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(self));
        (before < limit).then_some(place)
    }
}

/// A place among a NAS's requests in work; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Peer>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All of them, as of the set they were made from.
#[derive(Debug, Default)]
pub(crate) struct Peers(ArcSwap<Table>);

#[derive(Debug, Default)]
struct Table {
    set: Arc<NasSet>,
    hosts: HashMap<IpAddr, Arc<Peer>>,
    networks: Vec<Arc<Peer>>,
}

impl Peers {
    /// Finds the entry that a source belongs to: the one of its own address, else the most specific network.
    pub(crate) fn find(&self, set: &Arc<NasSet>, source: IpAddr) -> Option<Arc<Peer>> {
        let table = self.0.load();
        if Arc::ptr_eq(&table.set, set) {
            return table.find(source);
        }
        let table = Arc::new(Table::new(set, &table));
        let found = table.find(source);
        // Two receive loops may do this at the same time, with the same result.
        self.0.store(table);
        found
    }
}

impl Table {
    fn new(set: &Arc<NasSet>, old: &Self) -> Self {
        let known: HashMap<_, _> = old.peers().map(|peer| (peer.nas.id, peer)).collect();
        let mut table = Self { set: Arc::clone(set), ..Self::default() };
        for nas in &set.entries {
            let kept = known.get(&nas.id).filter(|peer| Arc::ptr_eq(&peer.nas, nas));
            let peer = kept.map_or_else(|| Arc::new(Peer::new(Arc::clone(nas))), |peer| Arc::clone(peer));
            if nas.network.prefix_len() == nas.network.max_prefix_len() {
                table.hosts.entry(nas.network.addr()).or_insert(peer);
            } else {
                table.networks.push(peer);
            }
        }
        table.networks.sort_by_key(|peer| std::cmp::Reverse(peer.nas.network.prefix_len()));
        table
    }

    fn peers(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.hosts.values().chain(&self.networks)
    }

    fn find(&self, source: IpAddr) -> Option<Arc<Peer>> {
        // A socket for both families shows IPv4 as mapped.
        let source = source.to_canonical();
        let network = || self.networks.iter().find(|peer| peer.nas.network.contains(&source));
        self.hosts.get(&source).or_else(network).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::nas;

    #[test]
    fn the_most_specific_entry_is_found_and_kept_over_a_reload() {
        let entries: Vec<_> = [(1, "192.0.2.0/24"), (2, "192.0.2.7/32"), (3, "192.0.0.0/16"), (4, "2001:db8::/32")]
            .map(|(id, network)| Arc::new(nas(id, network)))
            .to_vec();
        let set = Arc::new(NasSet { entries: entries.clone() });
        let peers = Peers::default();
        let found = |set: &Arc<NasSet>, ip: &str| peers.find(set, ip.parse().unwrap()).map(|peer| peer.nas.id.0);
        assert_eq!(found(&set, "192.0.2.7"), Some(2));
        assert_eq!(found(&set, "::ffff:192.0.2.7"), Some(2));
        assert_eq!(found(&set, "192.0.2.8"), Some(1));
        assert_eq!(found(&set, "192.0.3.8"), Some(3));
        assert_eq!(found(&set, "2001:db8::9"), Some(4));
        assert_eq!(found(&set, "198.51.100.1"), None);

        let before = peers.find(&set, "192.0.2.8".parse().unwrap()).unwrap();
        let set = Arc::new(NasSet { entries: vec![entries[0].clone(), Arc::new(nas(2, "192.0.2.9/32"))] });
        assert_eq!(found(&set, "192.0.2.7"), Some(1));
        assert_eq!(found(&set, "192.0.2.9"), Some(2));
        assert!(Arc::ptr_eq(&before, &peers.find(&set, "192.0.2.8".parse().unwrap()).unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_note_is_not_repeated_with_every_packet() {
        let peer = Peer::new(Arc::new(nas(1, "192.0.2.7/32")));
        assert!(peer.is_due("one", NOTE) && peer.is_due("other", NOTE));
        tokio::time::advance(Duration::from_hours(23)).await;
        assert!(!peer.is_due("one", NOTE) && peer.is_due("one", FAILURE));
        tokio::time::advance(Duration::from_hours(24)).await;
        assert!(peer.is_due("one", NOTE));
    }

    #[test]
    fn a_nas_has_its_share_of_places() {
        let peer = Arc::new(Peer::new(Arc::new(nas(1, "192.0.2.7/32"))));
        let first = peer.enter(2).unwrap();
        let _second = peer.enter(2).unwrap();
        assert!(peer.enter(2).is_none());
        drop(first);
        assert!(peer.enter(2).is_some());
    }
}
