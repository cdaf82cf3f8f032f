//! Memory of salts and packet numbers: nothing recorded on the way is served twice.

use gatehouse_model::SsCipher;
use shadowsocks::{
    config::{ReplayAttackPolicy, ServerType},
    context::Context,
    crypto::CipherKind,
};

/// The salts one port has seen. It outlives changes of users and listeners as long as port and cipher stay the same.
///
/// TCP and UDP are separate, because the many salts of UDP would push those of TCP out.
pub(crate) struct Replay {
    kind: CipherKind,
    tcp: Context,
    udp: Context,
}

impl Replay {
    pub(crate) fn new(cipher: SsCipher) -> Self {
        let kind = match cipher {
            SsCipher::Blake3Aes256Gcm => CipherKind::AEAD2022_BLAKE3_AES_256_GCM,
            SsCipher::Blake3Aes128Gcm => CipherKind::AEAD2022_BLAKE3_AES_128_GCM,
            SsCipher::Aes256Gcm => CipherKind::AES_256_GCM,
            SsCipher::Aes128Gcm => CipherKind::AES_128_GCM,
            SsCipher::Chacha20IetfPoly1305 => CipherKind::CHACHA20_POLY1305,
        };
        let context = || {
            let mut context = Context::new(ServerType::Server);
            // Without this the crate serves a repeated classic salt.
            context.set_replay_attack_policy(ReplayAttackPolicy::Reject);
            context
        };
        Self { kind, tcp: context(), udp: context() }
    }

    /// Remembers the salt of an authentic TCP request; `false`: it was there before.
    pub(crate) fn is_new_tcp(&self, salt: &[u8]) -> bool {
        count(self.tcp.check_nonce_replay(self.kind, salt).is_ok())
    }

    /// Remembers the salt of an authentic classic packet; `false`: it was there before.
    pub(crate) fn is_new_udp(&self, salt: &[u8]) -> bool {
        count(self.udp.check_nonce_replay(self.kind, salt).is_ok())
    }
}

fn count(is_new: bool) -> bool {
    if !is_new {
        metrics::counter!("gatehouse_proxy_replays_total").increment(1);
    }
    is_new
}

/// The packet numbers of one UDP session: repeats and those older than the newest 2,048 are refused.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    newest: Option<u64>,
    /// A ring of bits; that of number n is at n modulo its length.
    seen: [u64; Self::WORDS],
}

impl Window {
    const WORDS: usize = 33;
    /// One word less than the ring holds, so that clearing whole words ahead forgets nothing inside the window.
    const LENGTH: u64 = 64 * (Self::WORDS as u64 - 1);

    pub(crate) fn new() -> Self {
        Self { newest: None, seen: [0; Self::WORDS] }
    }

    /// Takes a number, if it is neither a repeat nor too old.
    pub(crate) fn take(&mut self, number: u64) -> bool {
        let newest = self.newest.unwrap_or(number);
        if newest >= Self::LENGTH && number <= newest - Self::LENGTH {
            return false;
        }
        if number > newest || self.newest.is_none() {
            self.advance(newest, number);
            self.newest = Some(number);
        }
        let bit = 1 << (number % 64);
        let Some(word) = self.seen.get_mut(Self::word(number)) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Clears the words between the newest number and a newer one.
    fn advance(&mut self, newest: u64, number: u64) {
        let steps = (number / 64 - newest / 64).min(Self::WORDS as u64);
        for step in 1..=steps {
            if let Some(word) = self.seen.get_mut(Self::word((newest / 64 + step) * 64)) {
                *word = 0;
            }
        }
    }

    fn word(number: u64) -> usize {
        (number / 64 % Self::WORDS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_salt_is_good_once() {
        for cipher in SsCipher::ALL {
            let replay = Replay::new(*cipher);
            let salt = vec![7; cipher.key_len()];
            assert!(replay.is_new_tcp(&salt));
            assert!(!replay.is_new_tcp(&salt));
            assert!(replay.is_new_udp(&salt), "TCP and UDP do not share a memory");
            assert!(!replay.is_new_udp(&salt));
        }
    }

    #[test]
    fn the_window_takes_late_packets_once_and_refuses_old_ones() {
        let mut window = Window::new();
        assert!(window.take(5_000) && !window.take(5_000));
        assert!(window.take(5_000 - 2_047) && !window.take(5_000 - 2_047));
        assert!(!window.take(5_000 - 2_048));
        assert!(window.take(u64::MAX) && !window.take(u64::MAX) && !window.take(5_001));
    }

    proptest! {
        #[test]
        fn no_number_is_taken_twice(steps in prop::collection::vec(0u64..3_000, 1..400), start in 0u64..5_000) {
            let mut window = Window::new();
            let mut taken = HashSet::new();
            let mut newest = 0;
            for (index, step) in steps.iter().enumerate() {
                let number = if index % 3 == 0 { start + newest + step / 8 } else { (start + newest).saturating_sub(*step) };
                newest = newest.max(number.saturating_sub(start));
                let is_new = window.take(number);
                prop_assert!(!is_new || taken.insert(number));
                let highest = taken.iter().max().copied().unwrap_or(0);
                let is_inside = number + Window::LENGTH > highest;
                prop_assert_eq!(is_new, is_new && is_inside);
                prop_assert!(is_new || !is_inside || taken.contains(&number));
            }
        }
    }
}
