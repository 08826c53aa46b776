//! Verdicts on pickles, and on the formats that are made of them.

use std::io::Cursor;

use privet_supplychain::Verdict;
use privet_supplychain::artifacts::{Error, Format, Limits, inspect};
use privet_types::Budget;
use proptest::prelude::*;

use crate::model_files::{array_pickle, call, gzip, joblib_dump, report, rules, short, verdict, zlib};

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

proptest! {
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
