//! What a reader makes of a file that somebody cut or changed.

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Mutex,
};

use gatehouse_model::Millis;
use proptest::prelude::*;
use uuid::Uuid;

use super::{
    format::{Chain, Header, Packer},
    line::{Event, push},
    reader::{Reader, Step},
    track::{Sink, Written},
};
use crate::{Random, seal::KeyRing};

const VISIT: Uuid = Uuid::from_u128(0x1234_5678_9abc_4def_8123_4567_89ab_cdef);

/// A recording of some records, made by the code that makes them all; gives its file and the chain after each record.
fn make(folder: &Path, keys: &KeyRing, records: &[Vec<u8>]) -> (PathBuf, Vec<[u8; 32]>, Vec<u64>) {
    let random = Random::seeded(7);
    let (key, cipher) = keys.recording();
    let head = Header { session: VISIT.to_string(), key, created: 1_000, compression: "zstd".to_owned() };
    let head = head.encode().unwrap();
    let path = folder.join("a.gwr");
    std::fs::write(&path, &head).unwrap();
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    let written = Written { chain: Chain::begin(&head), bytes: head.len() as u64, last_at: 0 };
    let noted = Mutex::new((0, Millis(0)));
    let sink = Sink { file, path: path.clone(), cipher, written: Mutex::new(written), noted };
    let (mut packer, mut chain, mut ends) = (Packer::new().unwrap(), vec![written.chain.value], vec![written.bytes]);
    for lines in records {
        sink.append(&mut packer, &random, VISIT, lines, 0).unwrap();
        chain.push(sink.written().chain.value);
        ends.push(sink.written().bytes);
    }
    (path, chain, ends)
}

/// Records, how they end, and the chain value then.
type Played = (Vec<Vec<u8>>, Result<Step, String>, Option<[u8; 32]>);

/// Everything that plays.
fn play(path: &Path, keys: &KeyRing) -> Played {
    let mut reader = match Reader::open(path, VISIT, keys) {
        Ok(reader) => reader,
        Err(fault) => return (Vec::new(), Err(fault.to_string()), None),
    };
    let mut played = Vec::new();
    loop {
        match reader.step() {
            Ok(Step::Record) => played.push(reader.lines().unwrap().to_vec()),
            Ok(end) => return (played, Ok(end), Some(reader.chain().value)),
            Err(fault) => return (played, Err(fault.to_string()), Some(reader.chain().value)),
        }
    }
}

fn ring() -> KeyRing {
    KeyRing::generate(&Random::seeded(3)).0
}

fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    proptest::collection::vec(proptest::collection::vec("[ -~]{0,40}", 1..6), 1..6).prop_map(|records| {
        let lines = |texts: Vec<String>| {
            let mut lines = Vec::new();
            for text in &texts {
                push(&mut lines, 5, Event::Output, text);
            }
            lines
        };
        records.into_iter().map(lines).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(records in records()) {
        let (folder, keys) = (tempfile::tempdir().unwrap(), ring());
        let (path, chain, _) = make(folder.path(), &keys, &records);
        prop_assert_eq!(play(&path, &keys), (records, Ok(Step::End), chain.last().copied()));
    }

    #[test]
    fn a_cut_file_plays_to_its_last_whole_record_and_has_another_chain_value(records in records(), at in 0.0_f64..1.0) {
        let (folder, keys) = (tempfile::tempdir().unwrap(), ring());
        let (path, chain, ends) = make(folder.path(), &keys, &records);
        let whole = std::fs::read(&path).unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in a small file")]
        let cut = (whole.len() as f64 * at) as usize;
        std::fs::write(&path, &whole[..cut]).unwrap();
        let (played, end, value) = play(&path, &keys);
        let left = ends.iter().filter(|end| **end <= cut as u64).count();
        if left == 0 {
            prop_assert!(end.is_err(), "not even the header is there");
        } else {
            prop_assert_eq!(&played, &records[..left - 1]);
            let is_between = ends.contains(&(cut as u64));
            prop_assert_eq!(end, Ok(if is_between { Step::End } else { Step::Torn }));
            prop_assert_eq!(value, Some(chain[left - 1]));
        }
    }

    #[test]
    fn a_flipped_bit_is_found(records in records(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let (folder, keys) = (tempfile::tempdir().unwrap(), ring());
        let (path, chain, ends) = make(folder.path(), &keys, &records);
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        std::fs::write(&path, &bytes).unwrap();
        let (played, end, value) = play(&path, &keys);
        // Nothing of the record that was hit or of one behind it plays, and never does it end as the whole one does.
        let before = ends.iter().filter(|end| **end <= at as u64).count().saturating_sub(1);
        prop_assert_eq!(&played, &records[..before.min(played.len())]);
        prop_assert!(played.len() <= before);
        prop_assert!(end != Ok(Step::End), "{end:?}");
        prop_assert!(value != chain.last().copied());
    }
}

#[test]
fn records_open_only_in_their_place() {
    let (folder, keys) = (tempfile::tempdir().unwrap(), ring());
    let lines: Vec<Vec<u8>> = (0..4).map(|n| format!("[0.00{n},\"o\",\"x\"]\n").into_bytes()).collect();
    let (path, _, ends) = make(folder.path(), &keys, &lines);
    let bytes = std::fs::read(&path).unwrap();
    let part = |n: usize| &bytes[usize::try_from(ends[n]).unwrap()..usize::try_from(ends[n + 1]).unwrap()];
    let head = &bytes[..usize::try_from(ends[0]).unwrap()];
    for (what, parts) in [
        ("swapped", [part(1), part(0), part(2), part(3)].concat()),
        ("left out", [part(0), part(2), part(3)].concat()),
        ("repeated", [part(0), part(1), part(1), part(2), part(3)].concat()),
    ] {
        std::fs::write(&path, [head, &parts].concat()).unwrap();
        let (played, end, _) = play(&path, &keys);
        assert!(played.len() < 4 && end.is_err(), "{what}: {} {end:?}", played.len());
    }
    std::fs::write(&path, &bytes).unwrap();
    assert!(Reader::open(&path, Uuid::from_u128(1), &keys).is_err(), "a recording of another session");
    let other = KeyRing::generate(&Random::seeded(4)).0;
    assert!(play(&path, &other).1.unwrap_err().contains("not in the key ring"));
    assert!(play(&folder.path().join("none"), &keys).1.unwrap_err().contains("missing"));
}

#[test]
fn a_file_that_grows_is_read_on_from_where_it_was_torn() {
    let (folder, keys) = (tempfile::tempdir().unwrap(), ring());
    let lines: Vec<Vec<u8>> = (0..3).map(|n| format!("[0.00{n},\"o\",\"x\"]\n").into_bytes()).collect();
    let (path, _, ends) = make(folder.path(), &keys, &lines);
    let bytes = std::fs::read(&path).unwrap();
    let growing = folder.path().join("growing");
    let head = usize::try_from(ends[0]).unwrap();
    std::fs::write(&growing, &bytes[..head]).unwrap();
    let mut writer = OpenOptions::new().append(true).open(&growing).unwrap();
    let mut reader = Reader::open(&growing, VISIT, &keys).unwrap();
    let mut played = Vec::new();
    for byte in &bytes[head..] {
        assert_ne!(reader.step().unwrap(), Step::Record);
        writer.write_all(&[*byte]).unwrap();
        if ends.contains(&writer.metadata().unwrap().len()) {
            assert_eq!(reader.step().unwrap(), Step::Record);
            played.push(reader.lines().unwrap().to_vec());
        }
    }
    assert_eq!(played, lines);
}
