//! Installs and imports in code.

use privet_supplychain::dependencies::{
    Manifest, Pinned, distributions_of, from_code_cell, imports_without_pin, is_standard_library, read,
    recognise,
};
use privet_types::Budget;
use proptest::prelude::*;

fn installs(text: &str) -> Vec<(String, Option<String>)> {
    from_code_cell(text)
        .installs
        .into_iter()
        .map(|one| (one.name, one.version))
        .collect()
}

fn pair(name: &str, version: &str) -> (String, Option<String>) {
    (name.to_owned(), (!version.is_empty()).then(|| version.to_owned()))
}

#[test]
fn every_way_of_installing_in_a_notebook_is_seen() {
    for line in [
        "%pip install -q 'jinja2==2.10' requests",
        "!pip3 install --index-url https://example.org/simple jinja2==2.10 requests",
        "!python -m pip install jinja2==2.10 requests > /dev/null 2>&1",
        "!{sys.executable} -m pip install -U jinja2==2.10 requests # now",
        "!uv pip install --system jinja2==2.10 requests",
        "!apt-get update && sudo pip install jinja2==2.10 requests",
        "pip install jinja2==2.10 requests",
        "%%bash\ncd /tmp\npip install jinja2==2.10 \\\n  requests",
        "%pip install jinja2==2.10; %pip list\n%pip install requests",
        "!uv add jinja2==2.10 requests",
    ] {
        assert_eq!(
            installs(line),
            [pair("jinja2", "2.10"), pair("requests", "")],
            "{line}"
        );
    }
    assert_eq!(
        installs("%conda install -y -c conda-forge numpy=1.26 pandas==2.0.1"),
        [pair("numpy", ""), pair("pandas", "2.0.1")]
    );
}

#[test]
fn what_is_no_install_is_passed_over() {
    for line in [
        "# %pip install x",
        "s = '''\n!pip install x\n'''",
        "!echo pip",
        "%pip list",
        "print('pip install x')",
        "%pip install $PKG {name}",
    ] {
        assert_eq!(installs(line), [], "{line}");
    }
}

#[test]
fn an_install_has_its_place_and_names_its_requirements_files() {
    let text =
        "x = 1\n%pip install -r requirements.txt \"torch>=2.0\" git+https://u:p@example.org/tool.git\n";
    let cell = from_code_cell(text);
    assert_eq!(cell.requirement_files, ["requirements.txt"]);
    assert_eq!(cell.installs[0].line, 2);
    assert_eq!(text.get(cell.installs[0].span.clone()), Some("\"torch>=2.0\""));
    assert_eq!(cell.installs[0].pinned, Pinned::Range);
    assert_eq!(cell.installs[1].name, "tool");
    assert_eq!(
        cell.installs[1].origin.as_deref(),
        Some("git+https://example.org/tool.git")
    );
}

#[test]
fn imports_are_distributions_without_the_standard_library() {
    let text = "import os, sys, numpy as np\nfrom sklearn.svm import SVC\nfrom . import own\nfrom .own import x\ntry: import cv2\nexcept ImportError: pass\nif True:\n    import yaml; import PIL.Image\n# import no\ns = \"import neither\"\nimportant = 1\nimport torch, \\\n    tqdm\nfrom google.cloud import storage\n";
    let cell = from_code_cell(text);
    let found: Vec<_> = cell
        .imports
        .iter()
        .map(|one| (one.module.as_str(), one.distribution.as_str(), one.line))
        .collect();
    assert_eq!(
        found,
        [
            ("numpy", "numpy", 1),
            ("sklearn.svm", "scikit-learn", 2),
            ("cv2", "opencv-python", 5),
            ("yaml", "pyyaml", 8),
            ("PIL.Image", "pillow", 8),
            ("torch", "torch", 12),
            ("tqdm", "tqdm", 13),
            ("google.cloud.storage", "google-cloud-storage", 14),
        ]
    );
    assert!(cell.imports.iter().all(|one| {
        one.module
            .ends_with(text.get(one.span.clone()).expect("it lies in the text"))
    }));
}

#[test]
fn an_import_is_reported_unless_something_pins_what_gives_it() {
    let kind = recognise("requirements.txt").expect("known");
    let manifest: Manifest = read(
        kind,
        "requirements.txt",
        "opencv-python-headless==4.8.0.74\npandas>=1\n",
        &mut |_| None,
        &Budget::unlimited(),
    )
    .expect("it can be read");
    let cell = from_code_cell("%pip install numpy==1.26.4\nimport cv2, pandas, numpy, mine, torch\n");
    let open = imports_without_pin(&cell, &[&manifest], &mut |module| module == "mine");
    let names: Vec<_> = open.iter().map(|one| one.distribution.as_str()).collect();
    assert_eq!(names, ["pandas", "torch"]);
}

#[test]
fn the_tables_of_modules_can_be_searched() {
    for module in [
        "abc",
        "zoneinfo",
        "distutils.core",
        "tomllib",
        "binhex",
        "_thread",
        "os.path",
    ] {
        assert!(is_standard_library(module), "{module}");
    }
    for (module, distribution) in [
        ("Bio", "biopython"),
        ("zmq", "pyzmq"),
        ("cv2", "opencv-python"),
        ("skimage.io", "scikit-image"),
        ("bs4", "beautifulsoup4"),
        ("dotenv", "python-dotenv"),
        ("ruamel.yaml", "ruamel-yaml"),
        ("win32api", "pywin32"),
        ("absl", "absl-py"),
        ("some_thing", "some-thing"),
    ] {
        assert_eq!(distributions_of(module)[0], distribution);
        assert!(!is_standard_library(module));
    }
}

proptest! {
    #[test]
    fn any_text_gives_spans_that_lie_in_it(text in r#"([!%a-z0-9'"\\ #\n;=<>|&\[\]{}$@/.:-]|é|import |from |!pip install |%pip install ){0,60}"#) {
        let cell = from_code_cell(&text);
        for span in cell.installs.iter().map(|one| &one.span).chain(cell.imports.iter().map(|one| &one.span)) {
            prop_assert!(text.get(span.clone()).is_some());
        }
    }
}
