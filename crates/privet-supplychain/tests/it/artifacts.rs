//! Verdicts on model files. All files are made here, byte for byte; no library that loads them is near.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use privet_supplychain::Verdict;
use privet_supplychain::artifacts::{Error, Format, Limits, Report, inspect, recognise};
use privet_types::Budget;
use proptest::prelude::*;

fn report(name: &str, bytes: &[u8]) -> Report {
    inspect(
        name,
        &mut Cursor::new(bytes),
        &Limits::default(),
        &Budget::new(1 << 30),
    )
    .unwrap()
}

fn verdict(name: &str, bytes: &[u8]) -> Verdict {
    report(name, bytes).verdict
}

fn rules(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.rule).collect()
}

/// A pickle of protocol 2 that calls a name with one text.
fn call(module: &str, name: &str, argument: &str) -> Vec<u8> {
    [
        b"\x80\x02c".as_slice(),
        module.as_bytes(),
        b"\n",
        name.as_bytes(),
        b"\nX",
        &u32::try_from(argument.len()).unwrap().to_le_bytes(),
        argument.as_bytes(),
        b"\x85R.",
    ]
    .concat()
}

/// A text of protocol 4.
fn short(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x8c, u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}

/// What protocol 4 writes for one float64 array of NumPy, up to its data, which are put in as `data`.
fn array_pickle() -> Vec<u8> {
    [
        b"\x80\x04".to_vec(),
        short("numpy.core.multiarray"),
        short("_reconstruct"),
        b"\x93".to_vec(),
        short("numpy"),
        short("ndarray"),
        b"\x93K\0\x85C\x01b\x87R(K\x01K\x01\x85".to_vec(),
        short("numpy"),
        short("dtype"),
        b"\x93".to_vec(),
        short("f8"),
        b"\x89\x88\x87R(K\x03".to_vec(),
        short("<"),
        b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89C\x08\0\0\0\0\0\0\0\0tb.".to_vec(),
    ]
    .concat()
}

struct Entry<'a> {
    name: &'a str,
    /// The name in the member's own header.
    own_name: &'a str,
    flags: u16,
    own_flags: u16,
    is_deflated: bool,
    is_link: bool,
    data: &'a [u8],
}

fn entry<'a>(name: &'a str, data: &'a [u8]) -> Entry<'a> {
    Entry {
        name,
        own_name: name,
        flags: 0,
        own_flags: 0,
        is_deflated: false,
        is_link: false,
        data,
    }
}

fn zip(entries: &[Entry<'_>]) -> Vec<u8> {
    let (mut out, mut central) = (Vec::new(), Vec::new());
    for entry in entries {
        let packed = if entry.is_deflated {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(entry.data).unwrap();
            encoder.finish().unwrap()
        } else {
            entry.data.to_vec()
        };
        let method: u16 = if entry.is_deflated { 8 } else { 0 };
        let sizes = [
            u32::try_from(packed.len()).unwrap().to_le_bytes(),
            u32::try_from(entry.data.len()).unwrap().to_le_bytes(),
        ]
        .concat();
        let at = u32::try_from(out.len()).unwrap();
        let header = |signature: &[u8], flags: u16, name: &str| {
            [
                signature,
                &flags.to_le_bytes(),
                &method.to_le_bytes(),
                &[0; 8],
                &sizes,
                &u16::try_from(name.len()).unwrap().to_le_bytes(),
                &[0; 2],
            ]
            .concat()
        };
        out.extend(header(b"PK\x03\x04\x14\0", entry.own_flags, entry.own_name));
        out.extend(entry.own_name.as_bytes());
        out.extend(packed);
        let mode: u32 = if entry.is_link { 0o120_777 << 16 } else { 0 };
        central.extend(header(b"PK\x01\x02\x14\x03\x14\0", entry.flags, entry.name));
        central.extend([0; 6]);
        central.extend(mode.to_le_bytes());
        central.extend(at.to_le_bytes());
        central.extend(entry.name.as_bytes());
    }
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    let at = u32::try_from(out.len()).unwrap();
    let size = u32::try_from(central.len()).unwrap();
    out.extend(central);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count, count].concat());
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

fn tar(entries: &[(&str, u8, &str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, link, data) in entries {
        let mut block = [0_u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
        block[156] = *kind;
        block[157..157 + link.len()].copy_from_slice(link.as_bytes());
        block[257..263].copy_from_slice(b"ustar\0");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(block);
        out.extend(*data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let size = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\0".as_slice(), &size, header.as_bytes(), data].concat()
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [
        &u64::try_from(header.len()).unwrap().to_le_bytes(),
        header.as_bytes(),
        data,
    ]
    .concat()
}

fn gguf_text(text: &str) -> Vec<u8> {
    [&u64::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
}

fn gguf(template: &str) -> Vec<u8> {
    [
        b"GGUF\x03\0\0\0".to_vec(),
        0_u64.to_le_bytes().to_vec(),
        3_u64.to_le_bytes().to_vec(),
        gguf_text("general.license"),
        8_u32.to_le_bytes().to_vec(),
        gguf_text("apache-2.0"),
        gguf_text("tokenizer.ggml.tokens"),
        9_u32.to_le_bytes().to_vec(),
        8_u32.to_le_bytes().to_vec(),
        2_u64.to_le_bytes().to_vec(),
        gguf_text("a"),
        gguf_text("b"),
        gguf_text("tokenizer.chat_template"),
        8_u32.to_le_bytes().to_vec(),
        gguf_text(template),
    ]
    .concat()
}

/// A field of a message of Protocol Buffers.
fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let key = u64::from(number) << 3 | 2;
    for mut value in [key, u64::try_from(body.len()).unwrap()] {
        while value > 0x7f {
            out.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        out.push(u8::try_from(value).unwrap());
    }
    out.extend(body);
    out
}

fn onnx(node: &[u8], tensor: &[u8]) -> Vec<u8> {
    let graph = [field(1, node), field(2, b"graph"), field(5, tensor)].concat();
    [b"\x08\x08".to_vec(), field(2, b"maker"), field(7, &graph)].concat()
}

fn saved_model(operator: &str) -> Vec<u8> {
    let node = [field(1, b"n"), field(2, operator.as_bytes())].concat();
    let function = [field(1, &field(1, b"f")), field(3, &node)].concat();
    let graph = field(2, &field(1, &function));
    let meta = [field(1, &field(4, b"serve")), field(2, &graph)].concat();
    [b"\x08\x01".to_vec(), field(2, &meta)].concat()
}

#[test]
fn calls_of_known_runners_of_code_are_dangerous() {
    let runners = [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("builtins", "eval.__call__"),
        ("builtins", "compile"),
        ("importlib", "import_module"),
        ("importlib._bootstrap", "_gcd_import"),
        ("runpy", "run_path"),
        ("pip", "main"),
        ("pip._internal", "main"),
        ("torch", "load"),
        ("torch.serialization", "load"),
        ("torch.hub", "load"),
        ("code", "InteractiveInterpreter"),
        ("ctypes", "CDLL"),
        ("timeit", "timeit"),
        ("pickle", "loads"),
        ("_pickle", "loads"),
        ("numpy", "load"),
        ("joblib", "load"),
        ("numpy.testing._private.utils", "runstring"),
        ("operator", "attrgetter"),
        ("cProfile", "run"),
        ("bdb", "Bdb.run"),
        ("pty", "spawn"),
        ("webbrowser", "open"),
        ("requests.api", "get"),
        ("urllib.request", "urlopen"),
        ("httplib", "HTTPSConnection"),
        ("socket", "create_connection"),
        ("shutil", "rmtree"),
        ("sys", "modules"),
        ("marshal", "loads"),
        ("types", "FunctionType"),
        ("numpy.core.x", "os.system"),
        ("sklearn.tree", "os.system"),
        ("torch.fx.graph_module", "reduce_graph_module"),
        ("pdb", "run"),
        ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
        ("distutils.file_util", "write_file"),
        ("logging.config", "dictConfig"),
    ];
    for (module, name) in runners {
        let report = report("model.pkl", &call(module, name, "x"));
        assert_eq!(report.verdict, Verdict::Dangerous, "{module}.{name}: {report:?}");
    }
}

#[test]
fn names_of_unknown_modules_are_suspicious() {
    for (module, name) in [
        ("acme.models", "Net"),
        ("__main__", "Net"),
        ("sklearn.tree", "os"),
        ("torch.nn", "functional"),
        ("numpy", "sys"),
    ] {
        assert_eq!(
            verdict("m.pkl", &call(module, name, "x")),
            Verdict::Suspicious,
            "{module}.{name}"
        );
    }
}

#[test]
fn data_and_containers_are_safe() {
    assert_eq!(verdict("list.pkl", b"(lp0\nVa\np1\naVb\na."), Verdict::Safe);
    assert_eq!(verdict("array.pkl", &array_pickle()), Verdict::Safe);
    assert_eq!(
        verdict("od.pkl", b"\x80\x02ccollections\nOrderedDict\n)R."),
        Verdict::Safe
    );
    assert_eq!(
        verdict("set.pkl", b"c__builtin__\nset\n((lI1\natR."),
        Verdict::Safe
    );
}

#[test]
fn names_put_together_on_the_stack_and_in_the_memo_are_resolved() {
    let through_memo = b"Vos\np2\n0Vsystem\np3\n0Vtorch\np0\n0VLongStorage\np1\n0g2\ng3\n\x93(Vid\ntR.";
    assert_eq!(verdict("m.pkl", through_memo), Verdict::Dangerous);
    let escaped = b"V\\u006fs\nV\\u0073ystem\n\x93(Vid\ntR.";
    assert_eq!(verdict("m.pkl", escaped), Verdict::Dangerous);
    let quoted = b"S'\\x6fs'\nS'\\163ystem'\n\x93(Vid\ntR.";
    assert_eq!(verdict("m.pkl", quoted), Verdict::Dangerous);
}

#[test]
fn every_way_of_calling_is_seen() {
    for bytes in [
        b"(S'id'\nios\nsystem\n.".as_slice(),
        b"(cos\nsystem\nS'id'\no.",
        b"\x80\x02cos\nsystem\nU\x02id\x85\x81.",
        b"\x80\x04cos\nsystem\nU\x02id\x85}\x92.",
        b"\x80\x02cos\nsystem\n.",
    ] {
        assert_eq!(verdict("m.pkl", bytes), Verdict::Dangerous, "{bytes:?}");
    }
}

#[test]
fn a_name_that_is_not_written_as_text_is_suspicious() {
    // The name is what a call gave.
    let bytes = [
        b"\x80\x04".to_vec(),
        short("os"),
        b"cbuiltins\nstr\n".to_vec(),
        short("system"),
        b"\x85R\x93.".to_vec(),
    ]
    .concat();
    let report = report("m.pkl", &bytes);
    assert_eq!(report.verdict, Verdict::Suspicious);
    assert!(rules(&report).contains(&"pickle-hidden-global"), "{report:?}");
}

#[test]
fn getattr_is_harmless_only_on_known_classes() {
    let on = |module: &str, class: &str, name: &str| {
        [
            b"\x80\x04cbuiltins\ngetattr\nc".to_vec(),
            module.as_bytes().to_vec(),
            b"\n".to_vec(),
            class.as_bytes().to_vec(),
            b"\n".to_vec(),
            short(name),
            b"\x86R.".to_vec(),
        ]
        .concat()
    };
    assert_eq!(verdict("m.pkl", &on("builtins", "str", "lower")), Verdict::Safe);
    assert_eq!(
        verdict("m.pkl", &on("builtins", "str", "__subclasses__")),
        Verdict::Dangerous
    );
    assert_eq!(verdict("m.pkl", &on("acme", "x", "y")), Verdict::Suspicious);
}

#[test]
fn what_a_call_gave_is_not_called_unseen() {
    let bytes = [
        b"\x80\x04cbuiltins\ngetattr\ncbuiltins\nstr\n".to_vec(),
        short("format"),
        b"\x86R".to_vec(),
        short("x"),
        b"\x85R.".to_vec(),
    ]
    .concat();
    let report = report("m.pkl", &bytes);
    assert!(rules(&report).contains(&"pickle-computed-call"), "{report:?}");
}

#[test]
fn a_time_zone_as_pandas_writes_it_is_safe() {
    let bytes = [
        b"\x80\x04cbuiltins\ngetattr\nczoneinfo\nZoneInfo\n".to_vec(),
        short("_unpickle"),
        b"\x86R".to_vec(),
        short("Europe/Berlin"),
        b"K\x01\x86R.".to_vec(),
    ]
    .concat();
    assert_eq!(verdict("m.pkl", &bytes), Verdict::Safe);
}

#[test]
fn a_torchscript_program_is_suspicious_and_other_code_in_a_zip_is_not() {
    let program = zip(&[
        entry("m/data.pkl", b"\x80\x02}."),
        entry("m/code/__torch__.py", b"def f(x): return x\n"),
    ]);
    assert_eq!(verdict("m.pt", &program), Verdict::Suspicious);
    let other = zip(&[entry("m/code/a.py", b"x = 1\n")]);
    assert_eq!(verdict("m.zip", &other), Verdict::Safe);
}

#[test]
fn the_extension_registry_and_changed_classes_are_suspicious() {
    assert_eq!(verdict("m.pkl", b"\x80\x02\x82\x01)R."), Verdict::Suspicious);
    assert_eq!(
        verdict("m.pkl", b"\x80\x02ccollections\nOrderedDict\n}b."),
        Verdict::Suspicious
    );
}

#[test]
fn a_payload_before_damage_stays_dangerous() {
    assert_eq!(
        verdict("m.pkl", b"\x80\x04cos\nsystem\n(S'id'\ntR\x95\xff\xff"),
        Verdict::Dangerous
    );
    assert_eq!(
        verdict("m.pkl", b"\x80\x04cos\nsystem\n(S'id'\ntR\xff"),
        Verdict::Dangerous
    );
    assert_eq!(verdict("m.pkl", b"\x80\x04]\xff"), Verdict::Unreadable);
    assert_eq!(verdict("m.pkl", b"\x80\x04]"), Verdict::Unreadable);
    assert_eq!(verdict("m.pkl", b"no pickle"), Verdict::Unreadable);
}

#[test]
fn a_second_pickle_in_the_file_is_looked_at() {
    let bytes = [b"\x80\x04].".to_vec(), call("os", "system", "id")].concat();
    assert_eq!(verdict("m.pkl", &bytes), Verdict::Dangerous);
}

#[test]
fn lengths_that_lie_are_unreadable_and_cost_nothing() {
    for bytes in [
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.".as_slice(),
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"\x80\x04B\xff\xff\xff\xff.",
        b"\x80\x02]r\xff\xff\xff\xffj\xfe\xff\xff\xff.",
    ] {
        assert_eq!(verdict("m.pkl", bytes), Verdict::Unreadable, "{bytes:?}");
    }
}

#[test]
fn a_torch_zip_is_judged_by_its_pickle() {
    let good = [
        b"\x80\x02ccollections\nOrderedDict\n)R(X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x01tQK\0K\x01\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRu.".as_slice(),
    ]
    .concat();
    let bytes = zip(&[entry("m/data.pkl", &good), entry("m/data/0", b"cos\nsystem\n.")]);
    let found = report("m.pt", &bytes);
    assert_eq!(
        (found.format, found.verdict),
        (Format::TorchZip, Verdict::Safe),
        "{found:?}"
    );
    let bad = call("os", "system", "id");
    for is_deflated in [false, true] {
        let bytes = zip(&[Entry {
            is_deflated,
            ..entry("m/data.pkl", &bad)
        }]);
        let found = report("renamed.dat", &bytes);
        assert_eq!(found.verdict, Verdict::Dangerous);
        assert_eq!(found.findings[0].member.as_deref(), Some("m/data.pkl"));
    }
}

#[test]
fn zips_on_whose_members_loaders_disagree_are_suspicious_and_looked_into() {
    let bad = call("os", "system", "id");
    let flagged = zip(&[Entry {
        flags: 1,
        ..entry("m/data.pkl", &bad)
    }]);
    let found = report("m.pt", &flagged);
    assert_eq!(found.verdict, Verdict::Dangerous);
    assert!(rules(&found).contains(&"archive-disagrees"), "{found:?}");
    let renamed = zip(&[Entry {
        own_name: "m/readme.tx",
        ..entry("m/data.pkl", &bad)
    }]);
    assert_eq!(verdict("m.pt", &renamed), Verdict::Dangerous);
}

#[test]
fn a_zip_without_its_directory_is_unreadable_but_looked_into() {
    let good = zip(&[entry("m/data.pkl", b"\x80\x02].")]);
    assert_eq!(verdict("m.pt", &good[..good.len() - 60]), Verdict::Unreadable);
    let bad = zip(&[entry("m/data.pkl", &call("os", "system", "id"))]);
    assert_eq!(verdict("m.pt", &bad[..bad.len() - 60]), Verdict::Dangerous);
}

#[test]
fn a_pickle_with_a_zip_behind_it_is_judged_as_both() {
    let zip = zip(&[entry("m/data.pkl", &call("os", "system", "id"))]);
    let bytes = [b"\x80\x02].".to_vec(), zip].concat();
    let found = report("m.pt", &bytes);
    assert_eq!(found.verdict, Verdict::Dangerous);
    assert!(rules(&found).contains(&"polyglot"), "{found:?}");
}

#[test]
fn a_torch_file_of_the_old_kind_is_read_pickle_by_pickle() {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let file = |object: &[u8]| {
        [
            magic.as_slice(),
            b"\x80\x02M\xe9\x03.",
            b"\x80\x02}.",
            object,
            b"\x80\x02].",
            b"\xff\xff raw numbers",
        ]
        .concat()
    };
    let good = report("m.pth", &file(b"\x80\x02}."));
    assert_eq!(
        (good.format, good.verdict),
        (Format::TorchLegacy, Verdict::Safe),
        "{good:?}"
    );
    assert_eq!(
        verdict("m.pth", &file(&call("os", "system", "id"))),
        Verdict::Dangerous
    );
}

/// A dump of joblib: a wrapper of one array, whose numbers follow the opcode.
fn joblib_dump(numbers: &[u8], rest: &[u8]) -> Vec<u8> {
    [
        b"\x80\x04cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(".to_vec(),
        short("subclass"),
        b"cnumpy\nndarray\n".to_vec(),
        short("shape"),
        b"K\x02\x85".to_vec(),
        short("order"),
        short("C"),
        short("dtype"),
        b"cnumpy\ndtype\n".to_vec(),
        short("f8"),
        b"\x89\x88\x87R(K\x03".to_vec(),
        short("<"),
        b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb".to_vec(),
        short("allow_mmap"),
        b"\x88".to_vec(),
        short("numpy_array_alignment_bytes"),
        b"K\x10ub".to_vec(),
        b"\x02\xff\xff".to_vec(),
        numbers.to_vec(),
        rest.to_vec(),
    ]
    .concat()
}

#[test]
fn arrays_between_the_opcodes_of_joblib_are_passed_over() {
    let good = joblib_dump(&[0xff; 16], b".");
    assert_eq!(verdict("m.joblib", &good), Verdict::Safe);
    let after = joblib_dump(&[0xff; 16], b"0cos\nsystem\n(S'id'\ntR.");
    assert_eq!(verdict("m.joblib", &after), Verdict::Dangerous);
    for compress in [zlib as fn(&[u8]) -> Vec<u8>, gzip] {
        let found = report("m.joblib", &compress(&after));
        assert_eq!(
            (found.format, found.verdict),
            (Format::Joblib, Verdict::Dangerous)
        );
        assert_eq!(verdict("m.joblib", &compress(&good)), Verdict::Safe);
    }
    assert_eq!(verdict("m.joblib", b"BZh91AY&SY"), Verdict::Unreadable);
}

#[test]
fn opcodes_in_the_place_of_an_array_are_seen() {
    // `pickle.load` reads on where `joblib.load` takes an array: the padding's length is an opcode there.
    let mut bytes = joblib_dump(b"", b"");
    bytes.truncate(bytes.len() - 3);
    bytes.extend(b"N0cos\nsystem\n(S'id'\ntR.");
    bytes.extend([b'.'; 200]);
    assert_eq!(verdict("m.joblib", &bytes), Verdict::Dangerous);
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_array_of_objects_is_a_pickle_and_one_of_numbers_is_not() {
    let bad = call("os", "system", "id");
    assert_eq!(verdict("a.npy", &npy("'|O'", "(1,)", &bad)), Verdict::Dangerous);
    assert_eq!(verdict("a.npy", &npy("'|S40'", "(1,)", &[0; 40])), Verdict::Safe);
    assert_eq!(
        verdict("a.npy", &npy("'<f8'", "(9,)", &[0; 8])),
        Verdict::Unreadable
    );
    assert_eq!(verdict("a.npy", &bad), Verdict::Dangerous);
    let inside = npy("'|O'", "(1,)", &bad);
    let found = report("a.npz", &zip(&[entry("x.npy", &inside)]));
    assert_eq!((found.format, found.verdict), (Format::Npz, Verdict::Dangerous));
}

#[test]
fn the_header_of_safetensors_is_checked() {
    let good = r#"{"__metadata__":{"license":"mit"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let found = report("m.safetensors", &safetensors(good, &[0; 8]));
    assert_eq!(found.verdict, Verdict::Safe, "{found:?}");
    assert_eq!(found.facts.metadata["license"], "mit");
    let outside = r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    assert_eq!(
        verdict("m.safetensors", &safetensors(outside, &[0; 4])),
        Verdict::Unreadable
    );
    assert_eq!(
        verdict("m.safetensors", &safetensors(outside, &[0; 12])),
        Verdict::Suspicious
    );
    let shared = r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#;
    assert!(rules(&report("m.safetensors", &safetensors(shared, &[0; 3]))).contains(&"safetensors-overlap"));
    let twice = r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#;
    assert!(rules(&report("m.safetensors", &safetensors(twice, &[0; 2]))).contains(&"safetensors-duplicate"));
    let mut huge = 10_000_000_000_u64.to_le_bytes().to_vec();
    huge.extend(b"{\"a\":");
    assert_eq!(verdict("m.safetensors", &huge), Verdict::Unreadable);
}

#[test]
fn chat_templates_that_leave_jinja_are_found() {
    let good = "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}";
    let found = report("m.gguf", &gguf(good));
    assert_eq!(found.verdict, Verdict::Safe, "{found:?}");
    assert_eq!(found.facts.metadata["general.license"], "apache-2.0");
    for bad in [
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{% for c in [].__class__.__base__.__subclasses__() %}{% endfor %}",
        "{{ messages|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    ] {
        assert_eq!(verdict("m.gguf", &gguf(bad)), Verdict::Dangerous, "{bad}");
    }
    assert_eq!(
        verdict("m.gguf", &gguf("{% include '/etc/passwd' %}")),
        Verdict::Suspicious
    );
}

#[test]
fn the_header_of_gguf_is_bounded() {
    let mut many = b"GGUF\x03\0\0\0".to_vec();
    many.extend([0xff; 16]);
    assert_eq!(verdict("m.gguf", &many), Verdict::Unreadable);
    let whole = gguf("x");
    assert_eq!(verdict("m.gguf", &whole[..60]), Verdict::Unreadable);
}

#[test]
fn operators_of_their_own_and_data_outside_are_found_in_onnx() {
    let node = |operator: &[u8], domain: &[u8]| [field(4, operator), field(7, domain)].concat();
    let tensor = |path: &[u8]| field(13, &[field(1, b"location"), field(2, path)].concat());
    let good = report("m.onnx", &onnx(&node(b"Relu", b""), &tensor(b"weights.bin")));
    assert_eq!(
        (good.format, good.verdict),
        (Format::Onnx, Verdict::Safe),
        "{good:?}"
    );
    assert_eq!(
        verdict("m.onnx", &onnx(&node(b"Foo", b"acme"), b"")),
        Verdict::Suspicious
    );
    assert_eq!(
        verdict("m.onnx", &onnx(&node(b"PyOp", b"ai.onnx.contrib"), b"")),
        Verdict::Dangerous
    );
    for path in [b"../../etc/passwd".as_slice(), b"/etc/passwd", b"C:\\x"] {
        assert_eq!(
            verdict("m.onnx", &onnx(&node(b"Relu", b""), &tensor(path))),
            Verdict::Dangerous
        );
    }
}

#[test]
fn operators_that_reach_files_and_python_are_found_in_saved_models() {
    let good = report("saved_model.pb", &saved_model("MatMul"));
    assert_eq!(
        (good.format, good.verdict),
        (Format::SavedModel, Verdict::Safe),
        "{good:?}"
    );
    for operator in ["WriteFile", "ReadFile", "PyFunc", "EagerPyFunc"] {
        assert_eq!(
            verdict("saved_model.pb", &saved_model(operator)),
            Verdict::Dangerous
        );
    }
    assert_eq!(
        verdict("saved_model.pb", &saved_model("Addons>Op")),
        Verdict::Suspicious
    );
}

#[test]
fn keras_configurations_are_searched_for_code() {
    let good = br#"{"class_name":"Sequential","module":"keras","config":{"layers":[{"class_name":"Dense","module":"keras.layers","config":{"units":1},"registered_name":null}]}}"#;
    let file = |config: &[u8]| zip(&[entry("metadata.json", b"{}"), entry("config.json", config)]);
    let found = report("m.keras", &file(good));
    assert_eq!(
        (found.format, found.verdict),
        (Format::Keras, Verdict::Safe),
        "{found:?}"
    );
    for bad in [
        br#"{"class_name":"Lambda","module":"keras.layers","config":{"function":{"class_name":"__lambda__","config":{"code":"4wEA"}}}}"#.as_slice(),
        br#"{"class_name":"Lambda","config":{"function":["4wEA",null,null],"function_type":"lambda"}}"#,
        br#"{"class_name":"function","module":"os","config":"system","registered_name":"function"}"#,
        br#"{"class_name":"run","module":"subprocess","config":{}}"#,
        br#"{"class_name":"function","module":"keras.utils","config":"get_file"}"#,
        br#"{"class_name":"TorchModuleWrapper","module":"keras.layers","config":{}}"#,
    ] {
        assert_eq!(verdict("m.keras", &file(bad)), Verdict::Dangerous);
    }
    let own = br#"{"class_name":"Net","module":"acme.layers","config":{},"registered_name":"acme>Net"}"#;
    assert_eq!(verdict("m.keras", &file(own)), Verdict::Suspicious);
}

#[test]
fn lambda_layers_are_found_in_hdf5_wherever_the_attribute_lies() {
    let hdf5 = |config: &[u8]| {
        [
            b"\x89HDF\r\n\x1a\n".to_vec(),
            vec![0; 3000],
            b"model_config\0".to_vec(),
            vec![7; (1 << 20) - 100],
            config.to_vec(),
            vec![0; 100],
        ]
        .concat()
    };
    let lambda = br#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {"function": ["4wEA", null, null]}}]}}"#;
    let found = report("m.h5", &hdf5(lambda));
    assert_eq!(
        (found.format, found.verdict),
        (Format::Hdf5, Verdict::Dangerous),
        "{found:?}"
    );
    let good = br#"{"class_name": "Sequential", "config": {"layers": []}}"#;
    assert_eq!(verdict("m.h5", &hdf5(good)), Verdict::Safe);
    assert_eq!(verdict("m.h5", &hdf5(b"")), Verdict::Unreadable);
    let escaped = br#"{"class\u005fname": "Lambda", "config": {"function": ["4wEA", null, null]}}"#;
    assert_eq!(verdict("m.h5", &hdf5(escaped)), Verdict::Dangerous);
}

#[test]
fn skops_trees_are_judged_by_the_classes_they_build() {
    let file = |schema: &str| zip(&[entry("schema.json", schema.as_bytes())]);
    let good = r#"{"__class__":"LogisticRegression","__module__":"sklearn.linear_model._logistic","__loader__":"ObjectNode","content":{"__class__":"dict","__module__":"builtins","__loader__":"DictNode","content":{}},"protocol":2}"#;
    let found = report("m.skops", &file(good));
    assert_eq!(
        (found.format, found.verdict),
        (Format::Skops, Verdict::Safe),
        "{found:?}"
    );
    let bad =
        r#"{"__class__":"methodcaller","__module__":"operator","__loader__":"OperatorFuncNode","attrs":{}}"#;
    assert_eq!(verdict("m.skops", &file(bad)), Verdict::Dangerous);
    let method = r#"{"__class__":"method","__module__":"builtins","__loader__":"MethodNode","content":{"func":"__reduce__","obj":{}}}"#;
    assert_eq!(verdict("m.skops", &file(method)), Verdict::Dangerous);
}

#[test]
fn members_that_lead_out_of_an_archive_are_dangerous() {
    for name in ["../x", "a/../../x", "/etc/x", "C:\\x", "..\\x"] {
        assert_eq!(
            verdict("a.zip", &zip(&[entry(name, b"")])),
            Verdict::Dangerous,
            "{name}"
        );
        assert_eq!(
            verdict("a.tar", &tar(&[(name, b'0', "", b"")])),
            Verdict::Dangerous,
            "{name}"
        );
    }
    assert_eq!(verdict("a.zip", &zip(&[entry("a/b/../x", b"")])), Verdict::Safe);
    let link = zip(&[Entry {
        is_link: true,
        ..entry("a/l", b"../../x")
    }]);
    assert_eq!(verdict("a.zip", &link), Verdict::Dangerous);
    assert_eq!(
        verdict("a.tar", &tar(&[("l", b'2', "/etc", b"")])),
        Verdict::Dangerous
    );
    assert_eq!(
        verdict("a.tar", &tar(&[("a/l", b'2', "../b", b"")])),
        Verdict::Safe
    );
}

#[test]
fn models_in_archives_are_judged_up_to_a_depth() {
    let bad = call("os", "system", "id");
    let tgz = gzip(&tar(&[("m/model.pkl", b'0', "", &bad)]));
    let found = report("m.tar.gz", &tgz);
    assert_eq!(found.verdict, Verdict::Dangerous, "{found:?}");
    assert_eq!(found.findings[0].member.as_deref(), Some("m/model.pkl"));
    let mut deep = bad;
    for _ in 0..8 {
        deep = zip(&[entry("x.zip", &deep)]);
    }
    assert_eq!(verdict("x.zip", &deep), Verdict::Unreadable);
}

#[test]
fn names_that_are_there_twice_are_suspicious() {
    let twice = zip(&[entry("a.txt", b"1"), entry("a.txt", b"2")]);
    assert_eq!(verdict("a.zip", &twice), Verdict::Suspicious);
}

#[test]
fn text_pictures_and_programs_are_no_models() {
    for (name, bytes) in [
        ("a.py", b"import os\nos.system('id')\n".as_slice()),
        ("a.txt", b"cat\ndog\nhouse\n"),
        ("a.json", b"{\"a\": 1}"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("a.md", b"(see below)\n"),
        ("a.csv", b"x^2,y\n"),
        ("empty.bin", b""),
    ] {
        assert_eq!(recognise(name, bytes), None, "{name}");
        let found = inspect(
            name,
            &mut Cursor::new(bytes),
            &Limits::default(),
            &Budget::unlimited(),
        );
        assert!(matches!(found, Err(Error::NotAModel)), "{name}");
    }
}

#[test]
fn formats_are_told_by_their_bytes_and_not_by_their_names() {
    let bad = call("os", "system", "id");
    for name in ["notes.txt", "model.safetensors", "picture.png", "data"] {
        assert_eq!(verdict(name, &bad), Verdict::Dangerous, "{name}");
    }
    assert_eq!(recognise("x", &gguf("")), Some(Format::Gguf));
    assert_eq!(recognise("x", &onnx(&field(4, b"Relu"), b"")), Some(Format::Onnx));
    assert_eq!(recognise("x", b"\x89HDF\r\n\x1a\n\0\0\0\0"), Some(Format::Hdf5));
    assert_eq!(recognise("x", &tar(&[("a", b'0', "", b"")])), Some(Format::Tar));
}

#[test]
fn a_spent_budget_is_an_error_and_no_verdict() {
    let bytes = [b"\x80\x04]".to_vec(), b"N0".repeat(100_000), b".".to_vec()].concat();
    let found = inspect(
        "m.pkl",
        &mut Cursor::new(bytes),
        &Limits::default(),
        &Budget::new(70_000),
    );
    assert!(matches!(found, Err(Error::Budget(_))), "{found:?}");
}

#[test]
fn pickles_that_nest_without_end_do_not_end_the_process() {
    let deep = [
        b"\x80\x02".to_vec(),
        b"(".repeat(200_000),
        b"t".repeat(200_000),
        b".".to_vec(),
    ]
    .concat();
    assert_eq!(verdict("m.pkl", &deep), Verdict::Safe);
    let tuples = [b"\x80\x02)".to_vec(), b"\x85".repeat(200_000), b".".to_vec()].concat();
    assert_eq!(verdict("m.pkl", &tuples), Verdict::Safe);
}

mod sealed {
    use std::io::Cursor;

    use privet_crypto::{DataKey, SigningKey};
    use privet_supplychain::Verdict;
    use privet_supplychain::artifacts::seal::{
        Digest, Error, Lineage, Manifest, SignedManifest, digest, open, seal,
    };

    fn sealed(plain: &[u8], key: &DataKey) -> Vec<u8> {
        let mut out = Vec::new();
        let sum = seal(&mut &plain[..], &mut out, key, "m").unwrap();
        assert_eq!(sum, digest(&mut &plain[..]).unwrap());
        out
    }

    fn opened(bytes: &[u8], key: &DataKey, name: &str) -> (Result<Digest, Error>, Vec<u8>) {
        let mut plain = Vec::new();
        let done = open(&mut Cursor::new(bytes), &mut plain, key, name);
        (done, plain)
    }

    #[test]
    fn a_sealed_model_opens_to_what_it_was() {
        let key = DataKey::generate().unwrap();
        for size in [0, 1, 65_536, 65_537, 1_000_000] {
            let plain = vec![7; size];
            let (done, out) = opened(&sealed(&plain, &key), &key, "m");
            assert_eq!(done.unwrap().size, size as u64);
            assert_eq!(out, plain);
        }
    }

    #[test]
    fn nothing_is_written_of_a_sealed_model_that_is_not_whole_and_genuine() {
        let key = DataKey::generate().unwrap();
        let good = sealed(&vec![7; 200_000], &key);
        let swapped = [
            &good[..96],
            &good[96 + 65_552..96 + 131_104],
            &good[96..96 + 65_552],
            &good[96 + 131_104..],
        ]
        .concat();
        let mut flipped = good.clone();
        flipped[100_000] ^= 1;
        let longer = [good.as_slice(), b"x"].concat();
        let cut_at_chunk = good[..96 + 131_104].to_vec();
        for bad in [
            swapped,
            flipped,
            longer,
            cut_at_chunk,
            good[..good.len() - 1].to_vec(),
        ] {
            let (done, out) = opened(&bad, &key, "m");
            assert!(matches!(done, Err(Error::Crypto(_))), "{done:?}");
            assert!(out.is_empty());
        }
        let other = DataKey::generate().unwrap();
        assert!(opened(&good, &other, "m").0.is_err());
        assert!(opened(&good, &key, "n").0.is_err());
    }

    #[test]
    fn a_manifest_is_good_for_its_text_its_key_and_its_file_alone() {
        let key = SigningKey::generate().unwrap();
        let manifest = Manifest {
            name: "churn".to_owned(),
            file: digest(&mut &b"weights"[..]).unwrap(),
            lineage: Lineage {
                datasets: vec!["sales-2024".to_owned()],
                licence: Some("Apache-2.0".to_owned()),
                ..Lineage::default()
            },
            verdict: Some(Verdict::Safe),
        };
        let signed = manifest.sign(&key).unwrap();
        let read = SignedManifest::parse(signed.to_json().unwrap().as_bytes()).unwrap();
        assert_eq!(read.verify(&key.verifying_key()).unwrap(), manifest);
        manifest
            .verify_file(&digest(&mut &b"weights"[..]).unwrap())
            .unwrap();
        assert!(
            manifest
                .verify_file(&digest(&mut &b"weightz"[..]).unwrap())
                .is_err()
        );
        let other = SigningKey::generate().unwrap();
        assert!(read.verify(&other.verifying_key()).is_err());
        let forged = SignedManifest {
            manifest: read.manifest.replace("safe", "dangerous"),
            ..read
        };
        assert!(forged.verify(&key.verifying_key()).is_err());
    }
}

proptest! {
    #[test]
    fn no_bytes_end_the_inspection_but_with_a_report_or_an_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        name in prop::sample::select(vec!["a.pkl", "a.npy", "a.onnx", "a.pb", "a.gguf", "a.h5", "a.pt", "a.zip", "a.safetensors", "a.keras"]),
        magic in prop::sample::select(vec![b"".as_slice(), b"\x80\x04", b"\x93NUMPY\x01\0", b"GGUF\x03\0\0\0", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04", b"\x1f\x8b\x08\0", b"\x08\x01\x12", b"\x78\x9c"]),
    ) {
        let bytes = [magic, &bytes].concat();
        let _ = inspect(name, &mut Cursor::new(bytes), &Limits::default(), &Budget::new(1 << 26));
    }

    #[test]
    fn a_changed_byte_never_makes_a_dangerous_pickle_safe_by_being_unreadable(at in 0_usize..200, to in any::<u8>()) {
        let padding = [b"\x80\x04]".to_vec(), b"N0".repeat(60), b"0".to_vec()].concat();
        let mut bytes = [call("os", "system", "id")[..call("os", "system", "id").len() - 1].to_vec(), b"0".to_vec(), padding, b"N.".to_vec()].concat();
        // What comes after the call may be anything: the call has run by then.
        let start = call("os", "system", "id").len();
        let place = start + at % (bytes.len() - start);
        bytes[place] = to;
        prop_assert_eq!(verdict("m.pkl", &bytes), Verdict::Dangerous);
    }
}
