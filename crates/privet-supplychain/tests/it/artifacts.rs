//! Verdicts on model files other than pickles, and on archives.

use std::io::Cursor;

use privet_supplychain::Verdict;
use privet_supplychain::artifacts::{Error, Format, Limits, inspect, recognise};
use privet_types::Budget;
use proptest::prelude::*;

use crate::model_files::{
    Entry, call, entry, field, gguf, gzip, npy, onnx, report, rules, safetensors, saved_model, tar, verdict,
    zip,
};

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
}
