//! Signed notes, keys and checkpoints.

use privet_crypto::SigningKey;
use privet_log::{BadCheckpoint, BadNote, Checkpoint, Hash, Note, NoteKey, NoteSigner, Signer};

use crate::support::{log, signer, witness};

#[test]
fn the_note_of_the_c2sp_specification_is_accepted() {
    // C2SP signed-note, "Example": key and note of the Go checksum database's documentation.
    let key: NoteKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        .parse()
        .unwrap();
    let note = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n\
                \n\
                \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    assert_eq!(key.check(&Note::parse(note.as_bytes()).unwrap()), Ok(None));
    assert_eq!(
        key.to_string(),
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    );
    let changed = note.replace("answer", "reason");
    let refused = key.check(&Note::parse(changed.as_bytes()).unwrap());
    assert!(
        matches!(refused, Err(BadNote::BadSignature { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_key_is_read_as_it_was_written_and_not_if_a_character_differs() {
    for key in [log().key().clone(), witness().key().clone()] {
        let text = key.to_string();
        assert_eq!(text.parse::<NoteKey>().unwrap(), key);
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(changed.parse::<NoteKey>().is_err(), "{changed}");
        }
    }
}

#[test]
fn names_that_would_break_a_line_are_refused() {
    for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b"] {
        let refused = NoteSigner::new(name, Signer::Log, SigningKey::generate().unwrap());
        assert!(matches!(refused, Err(BadNote::Name)), "{name:?}");
    }
}

#[test]
fn every_flipped_byte_and_every_cut_of_a_signed_checkpoint_is_noticed() {
    let head = Checkpoint {
        origin: log().key().name().to_owned(),
        size: 1234,
        root: Hash::of_leaf(b"root"),
    };
    let signed = head.sign(&log()).into_bytes();
    assert_eq!(Checkpoint::open(&signed, log().key()).unwrap().0, head);
    for at in 0..signed.len() {
        for flip in [1, 2, 4, 8, 16, 32, 64, 128] {
            let mut changed = signed.clone();
            changed[at] ^= flip;
            assert!(
                Checkpoint::open(&changed, log().key()).is_err(),
                "byte {at}, bit {flip}"
            );
        }
        assert!(
            Checkpoint::open(&signed[..at], log().key()).is_err(),
            "cut at {at}"
        );
    }
}

#[test]
fn a_checkpoint_of_another_log_is_refused_though_its_signature_holds() {
    let other = signer('7', "log.example/other", Signer::Log);
    let head = Checkpoint {
        origin: "log.example/other".to_owned(),
        size: 1,
        root: Hash::of_leaf(b""),
    };
    let refused = Checkpoint::open(head.sign(&other).as_bytes(), log().key()).unwrap_err();
    assert!(matches!(refused, BadCheckpoint::Origin { .. }), "{refused:?}");
    let renamed = Checkpoint {
        origin: log().key().name().to_owned(),
        ..head
    };
    let refused = Checkpoint::open(renamed.sign(&other).as_bytes(), log().key()).unwrap_err();
    assert_eq!(
        refused,
        BadCheckpoint::Note(BadNote::NotSigned {
            name: log().key().name().to_owned()
        })
    );
}

#[test]
fn a_witness_signs_a_time_with_the_text() {
    let text = "log.example/test\n1\nroot\n";
    let note = format!(
        "{text}\n{}{}",
        log().sign(text, 0),
        witness().sign(text, 1_700_000_000)
    );
    let note = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(witness().key().check(&note), Ok(Some(1_700_000_000)));
    assert_eq!(log().key().check(&note), Ok(None));
    assert_eq!(Note::parse(note.to_string().as_bytes()).unwrap(), note);
}

#[test]
fn a_second_signature_of_one_key_does_not_hide_behind_the_first() {
    let text = "log.example/test\n1\nroot\n";
    let line = log().sign(text, 0);
    let note = Note::parse(format!("{text}\n{line}{line}").as_bytes()).unwrap();
    assert!(matches!(
        log().key().check(&note),
        Err(BadNote::BadSignature { .. })
    ));
}

#[test]
fn a_signature_has_one_spelling() {
    // Found by fuzzing: base64 with padding in its middle decoded to the same bytes.
    let text = "log.example/test\n1\nroot\n";
    let line = log().sign(text, 0);
    let (name, bytes) = line.trim_end().rsplit_once(' ').unwrap();
    let bytes = data_encoding::BASE64.decode(bytes.as_bytes()).unwrap();
    let (first, rest) = bytes.split_at(4);
    let base64 = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let respelt = format!("{text}\n{name} {}{}\n", base64(first), base64(rest));
    assert_eq!(
        Note::parse(respelt.as_bytes()).unwrap_err(),
        BadNote::Line { line: 1 }
    );
}

#[test]
fn what_is_no_note_is_refused() {
    let line = log().sign("a\n", 0);
    for (bytes, why) in [
        (&b""[..], BadNote::Unsigned),
        (b"text\n", BadNote::Unsigned),
        (b"text\n\n", BadNote::Unsigned),
        (b"text\n\nno signature\n", BadNote::Line { line: 1 }),
        (b"te\xffxt\n\n", BadNote::Text),
        (b"te\rxt\n\n", BadNote::Text),
        (
            format!("a\n\n{}", line.trim_end()).as_bytes(),
            BadNote::Line { line: 1 },
        ),
        (format!("a\n\n{line}x\n").as_bytes(), BadNote::Line { line: 2 }),
        (
            format!("a\n\n{}", line.repeat(101)).as_bytes(),
            BadNote::Line { line: 101 },
        ),
        (&[b'a'; 70_000], BadNote::Text),
    ] {
        assert_eq!(Note::parse(bytes).unwrap_err(), why);
    }
}
