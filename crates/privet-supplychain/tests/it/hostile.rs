//! Files made to do harm: a verdict or a clear error, within a bound on work and memory.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use privet_supplychain::artifacts::{Error, Limits, inspect, inspect_members};
use privet_supplychain::dependencies::{self, recognise};
use privet_supplychain::scan::{FileName, FileScan, Parts, Scanner};
use privet_supplychain::secrets::Rules;
use privet_supplychain::settings::ScanConfig;
use privet_supplychain::{Category, Verdict};
use privet_types::Budget;

use crate::baseline::key;
use crate::model_files::{
    Entry, call, entry, field, gguf_text, gzip, npy, report, rules, safetensors, tar, verdict, zip,
};

/// 10 GB, which no file here has.
const MUCH: u64 = 10_000_000_000;
/// Work that none of the small files here may take.
const LITTLE: u64 = 4 << 20;

fn scan(path: &str, bytes: &[u8], categories: &[Category]) -> FileScan {
    let parts = Parts {
        categories: categories.iter().copied().collect(),
        ..Parts::new(Arc::new(key()))
    };
    let scanner = Scanner::new(parts).unwrap();
    let name = FileName { shown: path, path };
    let budget = Scanner::budget(bytes.len() as u64);
    scanner.scan(name, bytes, &mut |_| None, &budget).unwrap()
}

/// A zip with one stored member of which the directory has `copies`, all at the same place.
fn overlapping(data: &[u8], copies: u16) -> Vec<u8> {
    let one = zip(&[entry("a0.txt", data)]);
    let end = one.len() - 22;
    let start = one.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let (record, mut out) = (&one[start..end], one[..start].to_vec());
    for _ in 0..copies {
        out.extend_from_slice(record);
    }
    let size = u32::try_from(record.len()).unwrap() * u32::from(copies);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(copies.to_le_bytes());
    out.extend(copies.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(u32::try_from(start).unwrap().to_le_bytes());
    out.extend([0; 2]);
    out
}

/// What an inspection hands on in bytes, what it leaves out, and the rules that it found broken.
fn handed_on(bytes: &[u8], limits: &Limits) -> (usize, usize, Vec<&'static str>) {
    let (mut held, mut left_out) = (0, 0);
    let each = &mut |_: &str, member: Option<&[u8]>| match member {
        Some(member) => held += member.len(),
        None => left_out += 1,
    };
    let budget = Budget::new(1 << 34);
    let found = inspect_members("a.zip", &mut Cursor::new(bytes), limits, &budget, each).unwrap();
    assert_eq!(found.verdict, Verdict::Unreadable, "{found:?}");
    (held, left_out, rules(&found))
}

#[test]
fn members_that_share_bytes_are_read_no_more_than_twice() {
    let data = vec![b'a'; 1 << 20];
    let bomb = overlapping(&data, 2_000);
    let (held, _, rules) = handed_on(&bomb, &Limits::default());
    assert!(
        held <= 2 * bomb.len() + (1 << 20),
        "{held} bytes of {}",
        bomb.len()
    );
    assert!(
        rules.contains(&"archive-overlap") && rules.contains(&"over-limit"),
        "{rules:?}"
    );
}

#[test]
fn what_all_members_unpack_to_has_one_bound() {
    let zeroes = vec![0; 1 << 20];
    let names: Vec<String> = (0..20).map(|number| format!("{number}.txt")).collect();
    let inner = zip(&names
        .iter()
        .map(|name| Entry {
            is_deflated: true,
            ..entry(name, &zeroes)
        })
        .collect::<Vec<_>>());
    let outer = zip(&[
        Entry {
            is_deflated: true,
            ..entry("a.zip", &inner)
        },
        Entry {
            is_deflated: true,
            ..entry("b.zip", &inner)
        },
    ]);
    let mut limits = Limits::default();
    limits.unpacked_bytes = 4 << 20;
    for bomb in [&inner, &outer, &gzip(&inner)] {
        let (held, _, rules) = handed_on(bomb, &limits);
        assert!(held <= 4 << 20, "{held}");
        assert!(rules.contains(&"over-limit"), "{rules:?}");
    }
}

#[test]
fn members_are_handed_on_as_texts_up_to_a_bound() {
    let spaces = vec![b' '; 1 << 20];
    let names: Vec<String> = (0..90).map(|number| format!("{number}.txt")).collect();
    let entries = names.iter().map(|name| Entry {
        is_deflated: true,
        ..entry(name, &spaces)
    });
    let bomb = zip(&entries.collect::<Vec<_>>());
    let (mut held, mut left_out) = (0, 0);
    let each = &mut |_: &str, member: Option<&[u8]>| match member {
        Some(member) => held += member.len(),
        None => left_out += 1,
    };
    let budget = Budget::new(1 << 34);
    inspect_members(
        "a.zip",
        &mut Cursor::new(&bomb),
        &Limits::default(),
        &budget,
        each,
    )
    .unwrap();
    assert!(
        held <= (64 << 20) + 100 * bomb.len(),
        "{held} of {} bytes",
        bomb.len()
    );
    assert!(left_out > 0 && held > 32 << 20, "{held}, {left_out}");
}

#[test]
fn a_gzip_that_unpacks_without_end_leaves_a_gap() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(b"password: Tr0ub4dor-3xyz\n").unwrap();
    for _ in 0..40 {
        encoder.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let found = scan("log.gz", &bomb, &[Category::Secret]);
    assert!(!found.gaps.is_empty(), "{found:?}");
    assert_eq!(
        found.findings.len(),
        1,
        "what comes before is looked at: {found:?}"
    );
}

/// Files whose headers promise 10 GB.
fn liars() -> Vec<(&'static str, Vec<u8>)> {
    let much = MUCH.to_le_bytes();
    let long = |head: &[u8], more: &[u8]| [head, &much, more].concat();
    let wide_zip = {
        // The last record of the directory says that the directory is as long.
        let mut bytes = zip(&[entry("a.txt", b"x")]);
        let end = bytes.len() - 22;
        let record = [b"PK\x06\x06".as_slice(), &[0; 36], &much, &much].concat();
        let locator = [
            b"PK\x06\x07".as_slice(),
            &[0; 4],
            &(end as u64).to_le_bytes(),
            &[0; 4],
        ]
        .concat();
        let tail = bytes.split_off(end);
        [bytes, record, locator, tail].concat()
    };
    let protobuf = |key: u8| {
        [
            b"\x08\x08".as_slice(),
            &field(2, b"maker"),
            &[key << 3 | 2],
            b"\x80\xc8\xaf\xa0\x25x",
        ]
        .concat()
    };
    let many = |keys: u64, tensors: u64, rest: &[u8]| {
        [
            b"GGUF\x03\0\0\0".as_slice(),
            &tensors.to_le_bytes(),
            &keys.to_le_bytes(),
            rest,
        ]
        .concat()
    };
    let value = |kind: u32, rest: &[u8]| [gguf_text("k").as_slice(), &kind.to_le_bytes(), rest].concat();
    let array = |kind: u32| value(9, &long(&kind.to_le_bytes(), b"abc"));
    let big_header = [b"\x93NUMPY\x02\0".as_slice(), &u32::MAX.to_le_bytes(), b"{}"].concat();
    vec![
        ("a.safetensors", long(b"", b"{\"a\":{\"data_offsets\"")),
        (
            "b.safetensors",
            safetensors(
                r#"{"a":{"dtype":"U8","shape":[10000000000],"data_offsets":[0,10000000000]}}"#,
                b"",
            ),
        ),
        ("a.npy", npy("'<f8'", "(10000000000,)", b"12345678")),
        (
            "b.npy",
            npy("'<f8'", "(4294967296, 4294967296, 4294967296)", b"12345678"),
        ),
        ("c.npy", npy("'|u1'", "(99999999999999999999999,)", b"1")),
        ("d.npy", big_header),
        ("a.gguf", many(MUCH, 0, b"")),
        ("b.gguf", many(0, MUCH, b"")),
        ("c.gguf", many(1, 0, &long(b"", b"general.name"))),
        ("d.gguf", many(1, 0, &value(8, &long(b"", b"text")))),
        ("e.gguf", many(1, 0, &array(0))),
        ("f.gguf", many(1, 0, &array(8))),
        ("g.gguf", many(1, 0, &array(9))),
        ("a.pkl", b"\x80\x02\x8b\xff\xff\xff\x7f1.".to_vec()),
        ("b.pkl", long(b"\x80\x05\x8d", b"text.")),
        ("c.pkl", long(b"\x80\x05\x8e", b"bytes.")),
        ("d.pkl", long(b"\x80\x05\x96", b"bytes.")),
        ("e.pkl", b"\x80\x02X\xff\xff\xff\xfftext.".to_vec()),
        ("a.onnx", protobuf(7)),
        ("a.zip", wide_zip),
        ("a.h5", long(b"\x89HDF\r\n\x1a\n\x03\x08\x08\0", b"model_config")),
    ]
}

#[test]
fn a_header_that_promises_ten_gigabytes_is_unreadable_and_costs_little() {
    for (name, bytes) in liars() {
        let budget = Budget::new(LITTLE);
        let found = inspect(name, &mut Cursor::new(&bytes), &Limits::default(), &budget);
        let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.verdict, Verdict::Unreadable, "{name}: {found:?}");
    }
}

#[test]
fn a_frame_of_a_pickle_that_promises_ten_gigabytes_hides_nothing() {
    let bytes = [
        b"\x80\x05\x95".as_slice(),
        &MUCH.to_le_bytes(),
        &call("os", "system", "id")[2..],
    ]
    .concat();
    assert_eq!(verdict("a.pkl", &bytes), Verdict::Dangerous);
}

/// A header of a tar for a member of `size` bytes, of which none follows.
fn promised(size: u64) -> Vec<u8> {
    let mut header = tar(&[("a.txt", b'0', "", b"")]);
    header.truncate(512);
    header[124..136].copy_from_slice(&[[0x80, 0, 0, 0].as_slice(), &size.to_be_bytes()].concat());
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[test]
fn a_tar_whose_member_does_not_follow_is_unreadable() {
    for size in [1_000, MUCH, u64::MAX / 2, u64::MAX] {
        let found = report("a.tar", &promised(size));
        assert_eq!(found.verdict, Verdict::Unreadable, "{size}: {found:?}");
    }
    let mut whole = tar(&[("a.txt", b'0', "", b"12345678")]);
    assert_eq!(verdict("a.tar", &whole), Verdict::Safe);
    // Some writers leave out the zeroes at the end.
    whole.truncate(520);
    assert_eq!(verdict("a.tar", &whole), Verdict::Safe);
}

#[test]
fn names_and_links_of_a_tar_that_lead_out_are_found_however_they_are_written() {
    let pax = |key: &str, value: &str| {
        // The length counts itself: two digits here.
        let record = format!(" {key}={value}\n");
        format!("{}{record}", record.len() + 2).into_bytes()
    };
    let long = format!("{}../../x", "a/../".repeat(40));
    let cases: [(&str, Vec<u8>); 7] = [
        (
            "long name",
            tar(&[
                ("././@LongLink", b'L', "", long.as_bytes()),
                ("short", b'0', "", b""),
            ]),
        ),
        (
            "long link",
            tar(&[
                ("././@LongLink", b'K', "", b"/etc/shadow"),
                ("l", b'2', "short", b""),
            ]),
        ),
        (
            "pax path",
            tar(&[("p", b'x', "", &pax("path", "../../x")), ("short", b'0', "", b"")]),
        ),
        (
            "pax link",
            tar(&[
                ("p", b'x', "", &pax("linkpath", "../../x")),
                ("l", b'2', "short", b""),
            ]),
        ),
        ("hard link", tar(&[("l", b'1', "../x", b"")])),
        ("device", tar(&[("d", b'3', "", b"")])),
        ("pipe", tar(&[("d", b'6', "", b"")])),
    ];
    for (what, bytes) in cases {
        assert_eq!(verdict("a.tar", &bytes), Verdict::Dangerous, "{what}");
    }
}

#[test]
fn what_nests_a_hundred_thousand_deep_is_an_error_or_plain_text() {
    const DEEP: usize = 100_000;
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(DEEP), close.repeat(DEEP));
    let list = nested("[", "]");
    for (path, text) in [
        ("a.json", format!("{{\"a\\u0041\": {list}}}")),
        ("a.ipynb", format!("{{\"nbformat\": 4, \"cells\": {list}}}")),
        ("a.jsonl", format!("{{\"a\\u0041\": 1}}\n[\"\\u0041\", {list}]\n")),
        ("a.html", nested("<div>", "</div>")),
        (
            "a.xml",
            format!("<?xml version=\"1.0\"?>{}", nested("<a>", "</a>")),
        ),
    ] {
        let text = format!("{text}\npassword: Tr0ub4dor-3xyz\n");
        let found = scan(path, text.as_bytes(), &[Category::Secret]);
        assert_eq!(found.findings.len(), 1, "{path}: {:?}", found.gaps);
    }
    for (path, text) in [
        ("package.json", format!("{{\"dependencies\": {list}}}")),
        ("pyproject.toml", format!("a = {list}")),
        ("environment.yml", format!("dependencies: {list}")),
    ] {
        let kind = recognise(path).unwrap();
        let budget = Scanner::budget(text.len() as u64);
        let read = dependencies::read(kind, path, &text, &mut |_| None, &budget);
        assert!(read.is_err(), "{path}: {read:?}");
    }
    let config = zip(&[
        entry("config.json", list.as_bytes()),
        entry("metadata.json", b"{}"),
    ]);
    assert_eq!(verdict("a.keras", &config), Verdict::Unreadable);
    assert!(ScanConfig::parse(&format!("[scan]\nexclude = {list}")).is_err());
    assert!(Rules::from_gitleaks(&format!("[[rules]]\nid = {list}")).is_err());
}

#[test]
fn a_notebook_with_a_line_of_fifty_megabytes_is_looked_at_to_its_end() {
    let picture = "iVBORw0KGgo".to_owned() + &"A".repeat(50 << 20);
    let text = format!(
        r#"{{"nbformat":4,"nbformat_minor":5,"metadata":{{}},"cells":[{{"cell_type":"code","id":"a","metadata":{{}},"execution_count":1,"source":"x","outputs":[{{"output_type":"display_data","metadata":{{}},"data":{{"image/png":"{picture}"}}}},{{"output_type":"stream","name":"stdout","text":"password: Tr0ub4dor-3xyz"}}]}}]}}"#
    );
    let found = scan("a.ipynb", text.as_bytes(), &[Category::Secret]);
    assert_eq!(found.findings.len(), 1, "{:?}", found.gaps);
    assert!(found.findings[0].start > 50 << 20);
    assert!(found.gaps.is_empty(), "{:?}", found.gaps);
}

/// A file that gets longer whenever it is read.
struct Growing {
    at: u64,
    read: u64,
}

impl Read for Growing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        for (number, byte) in (self.at..).zip(into.iter_mut()) {
            *byte = match number {
                0 => 0x80,
                1 => 4,
                number if number % 2 == 0 => b'N',
                _ => b'0',
            };
        }
        self.at += into.len() as u64;
        self.read += into.len() as u64;
        Ok(into.len())
    }
}

impl Seek for Growing {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let from = |base: u64, by: i64| base.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput);
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => from(self.at, by)?,
            SeekFrom::End(by) => from(self.read + (1 << 16), by)?,
        };
        Ok(self.at)
    }
}

#[test]
fn a_file_that_grows_while_it_is_read_ends_with_the_budget() {
    let mut growing = Growing { at: 0, read: 0 };
    let found = inspect("a.pkl", &mut growing, &Limits::default(), &Budget::new(1 << 24));
    assert!(matches!(found, Err(Error::Budget(_))), "{found:?}");
    assert!(growing.read < 1 << 26, "{} bytes", growing.read);
}

#[test]
fn an_expression_that_is_too_large_is_refused_and_not_passed_over() {
    let file = |regex: &str| format!("[[rules]]\nid = \"r\"\nregex = '''{regex}'''\nkeywords = [\"key\"]\n");
    for bomb in [
        "key(?:[a-z]{1000}){1000}",
        "key((a{100}){100}){100}",
        r"key[\pL\d]{99999}",
    ] {
        let error = Rules::from_gitleaks(&file(bomb))
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(error.contains("rule `r`, field `regex`"), "{error}");
    }
    // What backtracks for ever elsewhere is linear here.
    let rules = Rules::from_gitleaks(&file(r"key=(x+x+)+y")).unwrap();
    let text = format!("key={}", "x".repeat(100_000));
    let found = rules
        .scan("a", text.as_bytes(), &Scanner::budget(text.len() as u64))
        .unwrap();
    assert!(found.is_empty());
}

#[cfg(unix)]
mod folders {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::path::PathBuf;
    use std::process::Command;

    use privet_supplychain::walk::{Entry, Unread, WalkOptions, walk};

    fn walked(root: PathBuf) -> (Vec<Entry>, Vec<Unread>) {
        walk(&[root], &WalkOptions::default()).unwrap()
    }

    #[test]
    fn loops_of_links_end_and_pipes_and_sockets_are_not_opened() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("deep")).unwrap();
        fs::write(at("deep/a.txt"), "x").unwrap();
        symlink("..", at("deep/up")).unwrap();
        symlink("one", at("two")).unwrap();
        symlink("two", at("one")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
        assert!(made.success());
        let (entries, unread) = walked(root.path().to_owned());
        assert_eq!(entries.len(), 1, "{entries:?}");
        assert!(entries[0].shown.ends_with("deep/a.txt"));
        let reasons: Vec<&str> = unread.iter().map(|one| one.reason.as_str()).collect();
        let links = reasons.iter().filter(|reason| reason.contains("symbolic link"));
        assert_eq!(links.count(), 4, "{unread:?}");
        let others = reasons.iter().filter(|reason| reason.contains("neither a file"));
        assert_eq!(others.count(), 2, "{unread:?}");
        // Asked for by name, a pipe is told and not read either.
        let (entries, unread) = walked(at("pipe"));
        assert!(entries.is_empty() && unread.len() == 1, "{entries:?} {unread:?}");
    }
}
