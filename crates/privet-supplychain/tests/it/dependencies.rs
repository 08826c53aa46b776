//! Reading manifests and lock files.

use std::collections::BTreeMap;

use privet_supplychain::dependencies::{
    Dependency, Ecosystem, Error, Manifest, ManifestKind, Pinned, Scope, read, read_installed, recognise,
};
use privet_types::Budget;
use proptest::prelude::*;

fn parse(path: &str, text: &str) -> Manifest {
    let kind = recognise(path).expect("the name is known");
    read(kind, path, text, &mut |_| None, &Budget::unlimited()).expect("it can be read")
}

fn one<'a>(manifest: &'a Manifest, name: &str) -> &'a Dependency {
    manifest
        .dependencies
        .iter()
        .find(|one| one.name == name)
        .unwrap_or_else(|| panic!("`{name}` is not in {manifest:#?}"))
}

fn pins(manifest: &Manifest) -> Vec<(&str, Option<&str>, Pinned)> {
    manifest
        .dependencies
        .iter()
        .map(|one| (one.name.as_str(), one.version.as_deref(), one.pinned))
        .collect()
}

#[test]
fn requirements_are_read_with_markers_extras_hashes_continuations_and_comments() {
    let text = "\u{feff}# top\n\
        --index-url https://user:word@example.org/simple\n\
        Django[argon2, bcrypt]==4.2.1 ; python_version >= '3.8'  # web\n\
        requests >= 2.20 , <3\n\
        flask\n\
        numpy==1.26.* \n\
        a.b_c == 1.0 \\\n    --hash=sha256:0000000000000000000000000000000000000000000000000000000000000001 \\\n    --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000\n\
        torch===2.1.0+cu118\n\
        ~=nothing\n";
    let manifest = parse("requirements.txt", text);
    assert_eq!(
        pins(&manifest),
        [
            ("django", Some("4.2.1"), Pinned::Exact),
            ("requests", None, Pinned::Range),
            ("flask", None, Pinned::Open),
            ("numpy", None, Pinned::Range),
            ("a-b-c", Some("1.0"), Pinned::Exact),
            ("torch", Some("2.1.0+cu118"), Pinned::Exact),
        ]
    );
    let django = one(&manifest, "django");
    assert_eq!(django.line, 3);
    assert_eq!(
        text.get(django.span.clone()),
        Some("Django[argon2, bcrypt]==4.2.1 ; python_version >= '3.8'")
    );
    assert_eq!(django.condition.as_deref(), Some("python_version >= '3.8'"));
    assert_eq!(one(&manifest, "requests").lowest.as_deref(), Some("2.20"));
    assert_eq!(one(&manifest, "numpy").lowest.as_deref(), Some("1.26"));
    let hashed = one(&manifest, "a-b-c");
    assert_eq!((hashed.line, hashed.hashes.len()), (7, 2));
    assert!(hashed.hashes[0].hex.ends_with("00"));
    assert_eq!(manifest.problems.len(), 1);
    assert_eq!(manifest.problems[0].line, 11);
}

#[test]
fn places_are_named_without_credentials_and_are_not_pins() {
    let text = "-e git+https://bob:hunter2@example.org/team/tool.git@main#egg=My_Tool\n\
        pkg @ https://example.org/pkg-1.0.zip?token=abc\n\
        ./local\n\
        https://example.org/w/six-1.16.0-py2.py3-none-any.whl\n\
        /opt/*/\n";
    let manifest = parse("requirements.txt", text);
    let names: Vec<_> = manifest.dependencies.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["my-tool", "pkg", "local", "six"]);
    assert!(manifest.dependencies.iter().all(|d| d.pinned == Pinned::Source));
    let shown = format!("{manifest:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("abc"), "{shown}");
}

#[test]
fn includes_are_followed_within_the_root_and_never_in_circles() {
    let files = BTreeMap::from([
        (
            "requirements/base.txt",
            "-r dev.txt\n-c ../constraints.txt\nsix==1.16.0\n",
        ),
        ("constraints.txt", "urllib3==1.26.5\n"),
    ]);
    let mut asked = Vec::new();
    let manifest = read(
        ManifestKind::Requirements,
        "requirements/dev.txt",
        "-r base.txt\n--requirement=base.txt\n-r ../../etc/passwd\n-r /etc/passwd\n-r https://example.org/r.txt\n-r gone.txt\npytest\n",
        &mut |path| {
            asked.push(path.to_owned());
            files.get(path).map(|text| (*text).to_owned())
        },
        &Budget::unlimited(),
    )
    .expect("it can be read");
    assert_eq!(
        asked,
        [
            "requirements/base.txt",
            "constraints.txt",
            "requirements/gone.txt"
        ]
    );
    assert_eq!(
        pins(&manifest),
        [
            ("urllib3", Some("1.26.5"), Pinned::Exact),
            ("six", Some("1.16.0"), Pinned::Exact),
            ("pytest", None, Pinned::Open),
        ]
    );
    assert_eq!(manifest.dependencies[0].scope, Scope::Constraint);
    assert_eq!(
        manifest.dependencies[1].file.as_deref(),
        Some("requirements/base.txt")
    );
    assert_eq!(manifest.dependencies[2].file, None);
    assert_eq!(manifest.problems.len(), 5, "{:?}", manifest.problems);
}

#[test]
fn pyproject_gives_every_tools_tables() {
    let text = r#"
[project]
name = "demo"
version = "1.0"
license = {text = "MIT License"}
dependencies = ["requests>=2", "jinja2==2.10 ; python_version > '3'"]
[project.optional-dependencies]
gpu = ["cupy-cuda12x==13.0"]
[dependency-groups]
test = ["pytest==8.0", {include-group = "lint"}]
[build-system]
requires = ["setuptools>=61"]
[tool.poetry.dependencies]
python = "^3.9"
flask = "^2.0"
click = "8.1.0"
own = {path = "../own"}
pick = [{version = "1.0", python = "<3.9"}, {version = "2.0", python = ">=3.9"}]
[tool.poetry.group.dev.dependencies]
black = "*"
[tool.uv]
dev-dependencies = ["ruff==0.4.0"]
[tool.pdm.dev-dependencies]
doc = ["-e file:///${PROJECT_ROOT}/sub#egg=sub"]
"#;
    let manifest = parse("pyproject.toml", text);
    assert_eq!(manifest.licence.as_deref(), Some("MIT License"));
    assert_eq!(
        pins(&manifest),
        [
            ("requests", None, Pinned::Range),
            ("jinja2", Some("2.10"), Pinned::Exact),
            ("cupy-cuda12x", Some("13.0"), Pinned::Exact),
            ("pytest", Some("8.0"), Pinned::Exact),
            ("setuptools", None, Pinned::Range),
            ("flask", None, Pinned::Range),
            ("click", Some("8.1.0"), Pinned::Exact),
            ("own", None, Pinned::Source),
            ("pick", Some("1.0"), Pinned::Exact),
            ("pick", Some("2.0"), Pinned::Exact),
            ("black", None, Pinned::Open),
            ("sub", None, Pinned::Source),
            ("ruff", Some("0.4.0"), Pinned::Exact),
        ]
    );
    assert_eq!(one(&manifest, "flask").lowest.as_deref(), Some("2.0"));
    assert_eq!(one(&manifest, "flask").line, 15);
    assert_eq!(one(&manifest, "pytest").scope, Scope::Development);
    let span = one(&manifest, "click").span.clone();
    assert_eq!(text.get(span), Some("click = \"8.1.0\""));
}

#[test]
fn python_locks_give_versions_and_hashes() {
    let hash = "sha256:aa00000000000000000000000000000000000000000000000000000000000000";
    let poetry = format!(
        "[[package]]\nname = \"Jinja2\"\nversion = \"2.10\"\nfiles = [{{file = \"x.whl\", hash = \"{hash}\"}}]\n\
         [[package]]\nname = \"tool\"\nversion = \"1\"\n[package.source]\ntype = \"git\"\nurl = \"https://example.org/tool\"\n\
         [metadata]\nlock-version = \"2.0\"\n"
    );
    let uv = format!(
        "version = 1\n[[package]]\nname = \"jinja2\"\nversion = \"2.10\"\nsource = {{ registry = \"https://pypi.org/simple\" }}\n\
         wheels = [{{ url = \"x\", hash = \"{hash}\" }}]\n\
         [[package]]\nname = \"tool\"\nversion = \"0.1\"\nsource = {{ virtual = \".\" }}\n"
    );
    let pdm = format!(
        "[[package]]\nname = \"jinja2\"\nversion = \"2.10\"\nfiles = [{{file = \"x\", hash = \"{hash}\"}}]\n\
         [[package]]\nname = \"tool\"\nversion = \"1\"\ngit = \"https://example.org/tool\"\n"
    );
    let pylock = format!(
        "lock-version = \"1.0\"\n[[packages]]\nname = \"jinja2\"\nversion = \"2.10\"\nwheels = [{{name = \"x\", hashes = {{sha256 = \"{}\"}}}}]\n\
         [[packages]]\nname = \"tool\"\nversion = \"1\"\nvcs = {{type = \"git\", url = \"https://example.org/tool\"}}\n",
        hash.trim_start_matches("sha256:")
    );
    let pipfile = format!(
        r#"{{"_meta": {{}}, "default": {{"jinja2": {{"version": "==2.10", "hashes": ["{hash}"]}}}}, "develop": {{"tool": {{"git": "https://example.org/tool"}}}}}}"#
    );
    for (path, text) in [
        ("poetry.lock", poetry),
        ("uv.lock", uv),
        ("pdm.lock", pdm),
        ("pylock.toml", pylock),
        ("Pipfile.lock", pipfile),
    ] {
        let manifest = parse(path, &text);
        let jinja = one(&manifest, "jinja2");
        assert_eq!(jinja.version.as_deref(), Some("2.10"), "{path}");
        assert_eq!(jinja.pinned, Pinned::Locked, "{path}");
        assert_eq!(jinja.hashes.len(), 1, "{path}");
        assert_eq!(jinja.hashes[0].algorithm, "SHA-256");
        assert_eq!(one(&manifest, "tool").pinned, Pinned::Source, "{path}");
    }
}

#[test]
fn pipfile_and_setup_cfg_are_read() {
    let manifest = parse(
        "Pipfile",
        "[[source]]\nurl = \"https://pypi.org/simple\"\n[packages]\nrequests = \"*\"\nflask = \"==1.0\"\nown = {path = \".\", editable = true}\n[dev-packages]\npytest = {version = \">=7\", markers = \"python_version > '3'\"}\n[requires]\npython_version = \"3.9\"\n",
    );
    assert_eq!(
        pins(&manifest),
        [
            ("requests", None, Pinned::Open),
            ("flask", Some("1.0"), Pinned::Exact),
            ("own", None, Pinned::Source),
            ("pytest", None, Pinned::Range),
        ]
    );
    let manifest = parse(
        "setup.cfg",
        "[metadata]\nname = Demo_Tool\nclassifiers =\n    License :: OSI Approved :: MIT License\n[options]\ninstall_requires =\n    requests==2.0; python_version < '3'\n    # note\n    six\n[options.extras_require]\ntest = pytest>=7; coverage\n",
    );
    assert_eq!(manifest.name.as_deref(), Some("demo-tool"));
    assert_eq!(manifest.licence.as_deref(), Some("MIT"));
    assert_eq!(
        pins(&manifest),
        [
            ("requests", Some("2.0"), Pinned::Exact),
            ("six", None, Pinned::Open),
            ("pytest", None, Pinned::Range),
            ("coverage", None, Pinned::Open),
        ]
    );
    assert_eq!(one(&manifest, "six").line, 9);
}

#[test]
fn conda_environments_are_read_with_their_pip_section() {
    let text = "name: demo\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.10\n  - numpy=1.26.4=py310h1\n  - conda-forge::pandas==2.0.1\n  - scipy>=1.9,<2\n  - scikit-learn 1.2.*\n  - \"pytorch[version='>=2.0']\"\n  - pip\n  - pip:\n      - Jinja2==2.10\n      - -r requirements.txt\n      - git+https://example.org/tool.git#egg=tool\n";
    let manifest = parse("environment.yml", text);
    assert_eq!(
        pins(&manifest),
        [
            ("python", None, Pinned::Range),
            ("numpy", Some("1.26.4"), Pinned::Exact),
            ("pandas", Some("2.0.1"), Pinned::Exact),
            ("scipy", None, Pinned::Range),
            ("scikit-learn", None, Pinned::Range),
            ("pytorch", None, Pinned::Range),
            ("pip", None, Pinned::Open),
            ("jinja2", Some("2.10"), Pinned::Exact),
            ("tool", None, Pinned::Source),
        ]
    );
    assert_eq!(one(&manifest, "jinja2").ecosystem, Ecosystem::PyPi);
    assert_eq!(one(&manifest, "jinja2").line, 13);
    assert_eq!(one(&manifest, "pytorch").ecosystem, Ecosystem::Conda);
    assert_eq!(
        text.get(one(&manifest, "pandas").span.clone()),
        Some("conda-forge::pandas==2.0.1")
    );
}

#[test]
fn cargo_manifests_and_locks_are_read() {
    let manifest = parse(
        "Cargo.toml",
        "[package]\nname = \"demo\"\nversion = \"0.1.0\"\nlicense = \"MIT OR Apache-2.0\"\n[dependencies]\nserde = \"1.0\"\nexact = \"=1.2.3\"\nown = { path = \"../own\" }\nshared = { workspace = true }\nother = { package = \"real\", version = \"0.3\", optional = true }\n[target.'cfg(unix)'.dev-dependencies]\nnix = \"0.26\"\n",
    );
    assert_eq!(manifest.licence.as_deref(), Some("MIT OR Apache-2.0"));
    assert_eq!(
        pins(&manifest),
        [
            ("serde", None, Pinned::Range),
            ("exact", Some("1.2.3"), Pinned::Exact),
            ("own", None, Pinned::Source),
            ("real", None, Pinned::Range),
            ("nix", None, Pinned::Range),
        ]
    );
    assert_eq!(one(&manifest, "nix").condition.as_deref(), Some("cfg(unix)"));
    let lock = parse(
        "Cargo.lock",
        "version = 3\n[[package]]\nname = \"demo\"\nversion = \"0.1.0\"\n[[package]]\nname = \"serde\"\nversion = \"1.0.1\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"aa00000000000000000000000000000000000000000000000000000000000000\"\n",
    );
    assert_eq!(
        pins(&lock),
        [
            ("demo", None, Pinned::Source),
            ("serde", Some("1.0.1"), Pinned::Locked)
        ]
    );
    assert_eq!(one(&lock, "serde").purl(), "pkg:cargo/serde@1.0.1");
    assert_eq!(one(&lock, "serde").hashes.len(), 1);
}

#[test]
fn npm_manifests_and_locks_of_all_versions_are_read() {
    let manifest = parse(
        "package.json",
        r#"{"name": "demo", "license": "MIT", "dependencies": {"a": "1.2.3", "b": "^1.0.0", "c": "*", "d": "latest", "e": "github:o/r", "f": "npm:@s/g@2.0.0", "h": "1 - 2", "i": "^1.1 || ^2"}, "devDependencies": {"j": "1.x"}}"#,
    );
    assert_eq!(
        pins(&manifest),
        [
            ("a", Some("1.2.3"), Pinned::Exact),
            ("b", None, Pinned::Range),
            ("c", None, Pinned::Open),
            ("d", None, Pinned::Open),
            ("e", None, Pinned::Source),
            ("@s/g", Some("2.0.0"), Pinned::Exact),
            ("h", None, Pinned::Range),
            ("i", None, Pinned::Range),
            ("j", None, Pinned::Range),
        ]
    );
    assert_eq!(one(&manifest, "i").lowest.as_deref(), Some("1.1"));
    let version_1 = r#"{"lockfileVersion": 1, "dependencies": {"a": {"version": "1.0.0", "integrity": "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "dependencies": {"b": {"version": "2.0.0", "dev": true}}}, "z": {"version": "git+ssh://git@example.org/z.git#1"}}}"#;
    let version_3 = r#"{"lockfileVersion": 3, "packages": {"": {"name": "demo", "license": "ISC"}, "node_modules/a": {"version": "1.0.0", "license": "MIT", "integrity": "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "node_modules/a/node_modules/b": {"version": "2.0.0", "dev": true}, "node_modules/z": {"version": "1.0.0", "resolved": "git+ssh://git@example.org/z.git#1"}, "node_modules/own": {"link": true, "resolved": "own"}}}"#;
    for text in [version_1, version_3] {
        let lock = parse("package-lock.json", text);
        assert_eq!(
            pins(&lock),
            [
                ("a", Some("1.0.0"), Pinned::Locked),
                ("b", Some("2.0.0"), Pinned::Locked),
                ("z", None, Pinned::Source),
            ]
        );
        assert_eq!(lock.dependencies[0].hashes[0].algorithm, "SHA-1");
        assert_eq!(lock.dependencies[1].scope, Scope::Development);
    }
    assert_eq!(
        one(&parse("package-lock.json", version_3), "a")
            .licence
            .as_deref(),
        Some("MIT")
    );
}

#[test]
fn pnpm_keys_of_versions_5_6_and_9_are_read() {
    for text in [
        "lockfileVersion: 5.4\npackages:\n  /@babel/core/7.0.0_x@1.0.0:\n    resolution: {integrity: sha512-AAAA}\n    dev: true\n  /left-pad/1.3.0:\n    resolution: {integrity: sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=}\n  file:own:\n    resolution: {directory: own, type: directory}\n    name: own\n    version: 0.1.0\n",
        "lockfileVersion: '6.0'\npackages:\n  /@babel/core@7.0.0(x@1.0.0):\n    resolution: {integrity: sha512-AAAA}\n    dev: true\n  /left-pad@1.3.0:\n    resolution: {integrity: sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=}\n  file:own:\n    resolution: {directory: own, type: directory}\n    name: own\n",
        "lockfileVersion: '9.0'\npackages:\n  '@babel/core@7.0.0':\n    resolution: {integrity: sha512-AAAA}\n  left-pad@1.3.0:\n    resolution: {integrity: sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=}\n  own@file:own:\n    resolution: {directory: own, type: directory}\nsnapshots:\n  left-pad@1.3.0: {}\n",
    ] {
        let lock = parse("pnpm-lock.yaml", text);
        assert_eq!(
            pins(&lock),
            [
                ("@babel/core", Some("7.0.0"), Pinned::Locked),
                ("left-pad", Some("1.3.0"), Pinned::Locked),
                ("own", None, Pinned::Source),
            ],
            "{text}"
        );
        assert_eq!(one(&lock, "left-pad").hashes.len(), 1);
        assert_eq!(one(&lock, "@babel/core").line, 3);
    }
}

#[test]
fn yarn_locks_of_both_notations_are_read() {
    let classic = "# yarn lockfile v1\n\n\n\"@babel/core@^7.0.0\", \"@babel/core@^7.1.0\":\n  version \"7.1.0\"\n  resolved \"https://registry.yarnpkg.com/@babel/core/-/core-7.1.0.tgz#0000000000000000000000000000000000000000\"\n  dependencies:\n    version \"^9.9.9\"\n\nalias@npm:left-pad@^1.0.0:\n  version \"1.3.0\"\n  integrity sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    let berry = "__metadata:\n  version: 8\n\n\"@babel/core@npm:^7.0.0, @babel/core@npm:^7.1.0\":\n  version: 7.1.0\n  resolution: \"@babel/core@npm:7.1.0\"\n  checksum: 10c0/00\n\n\"alias@npm:left-pad@^1.0.0\":\n  version: 1.3.0\n  resolution: \"left-pad@npm:1.3.0\"\n\n\"demo@workspace:.\":\n  version: 0.0.0-use.local\n  resolution: \"demo@workspace:.\"\n";
    let wanted = [
        ("@babel/core", Some("7.1.0"), Pinned::Locked),
        ("left-pad", Some("1.3.0"), Pinned::Locked),
    ];
    let lock = parse("yarn.lock", classic);
    assert_eq!(pins(&lock), wanted);
    assert_eq!(lock.dependencies[1].line, 10);
    assert_eq!(lock.dependencies[0].hashes[0].algorithm, "SHA-1");
    let lock = parse("yarn.lock", berry);
    assert_eq!(&pins(&lock)[..2], wanted);
    assert_eq!(lock.dependencies[2].pinned, Pinned::Source);
}

#[test]
fn go_modules_are_read() {
    let text = "module example.org/demo\n\ngo 1.21\n\nrequire github.com/gin-gonic/gin v1.7.0\nrequire (\n\tgolang.org/x/text v0.3.0 // indirect\n\tgithub.com/Own/mod v0.0.0-20190101000000-abcdefabcdef\n)\nreplace github.com/Own/mod => ../mod\n";
    let manifest = parse("go.mod", text);
    assert_eq!(
        pins(&manifest),
        [
            ("github.com/gin-gonic/gin", Some("v1.7.0"), Pinned::Exact),
            ("golang.org/x/text", Some("v0.3.0"), Pinned::Exact),
            ("github.com/Own/mod", None, Pinned::Source),
        ]
    );
    assert_eq!(
        text.get(manifest.dependencies[1].span.clone()),
        Some("golang.org/x/text v0.3.0")
    );
    let sum = parse(
        "go.sum",
        "golang.org/x/text v0.3.0 h1:x=\ngolang.org/x/text v0.3.0/go.mod h1:y=\n",
    );
    assert_eq!(sum.dependencies.len(), 1);
}

#[test]
fn installed_metadata_tells_its_licence_by_the_best_field() {
    let read = |text: &str| read_installed(text, &Budget::unlimited()).expect("it can be read");
    let expression = read(
        "Metadata-Version: 2.4\nName: A.B\nVersion: 1.0\nLicense-Expression: MIT OR Apache-2.0\nLicense: x\n\nLicense: no\n",
    );
    assert_eq!(expression.name, "a-b");
    assert_eq!(expression.licence.as_deref(), Some("MIT OR Apache-2.0"));
    let classified = read(
        "Name: a\nVersion: 1\nLicense: see file\nClassifier: License :: OSI Approved :: BSD License\nClassifier: License :: OSI Approved :: Apache Software License\n",
    );
    assert_eq!(classified.licence.as_deref(), Some("Apache-2.0 AND BSD-3-Clause"));
    assert!(read_installed("Name: a\n", &Budget::unlimited()).is_err());
}

#[test]
fn an_error_names_the_line() {
    for (path, text, line) in [
        ("pyproject.toml", "[project]\nname = \n", 2),
        ("package.json", "{\n\"a\": 1,\n}", 3),
        ("environment.yml", "a: 1\nb: [\n", 2),
    ] {
        let kind = recognise(path).expect("known");
        let error = read(kind, path, text, &mut |_| None, &Budget::unlimited()).expect_err("it is broken");
        let Error::Syntax { line: found, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(found, line, "{path}");
    }
}

#[test]
fn deep_nesting_is_an_error_and_a_spent_budget_too() {
    let deep = "[".repeat(100_000);
    for path in ["package.json", "pyproject.toml", "environment.yml"] {
        let kind = recognise(path).expect("known");
        let text = if path == "pyproject.toml" {
            format!("a = {deep}")
        } else {
            deep.clone()
        };
        assert!(
            read(kind, path, &text, &mut |_| None, &Budget::unlimited()).is_err(),
            "{path}"
        );
        let spent = read(kind, path, "{}", &mut |_| None, &Budget::new(1));
        assert!(matches!(spent, Err(Error::Budget(_))), "{path}");
    }
}

#[test]
fn keys_and_tables_of_toml_that_nest_deep_are_an_error() {
    let kind = recognise("pyproject.toml").expect("known");
    let dotted = format!("a{} = 1\n", ".a".repeat(200_000));
    let header = format!("[a{}]\n", ".a".repeat(200_000));
    let inline = format!("a = {}", "{a = ".repeat(100_000));
    for text in [dotted, header, inline] {
        let read = read(kind, "pyproject.toml", &text, &mut |_| None, &Budget::unlimited());
        assert!(matches!(read, Err(Error::Syntax { .. })));
    }
}

#[test]
fn aliases_of_yaml_do_not_unfold() {
    let mut text = "a0: &a0 [x, x]\n".to_owned();
    for n in 1..60 {
        let before = n - 1;
        text.push_str(&format!("a{n}: &a{n} [*a{before}, *a{before}]\n"));
    }
    text.push_str("dependencies:\n- numpy=1.0\n");
    assert_eq!(parse("environment.yml", &text).dependencies.len(), 1);
}

const NAMES: [&str; 18] = [
    "requirements.txt",
    "constraints.txt",
    "pyproject.toml",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "pylock.toml",
    "Pipfile",
    "Pipfile.lock",
    "setup.cfg",
    "environment.yml",
    "Cargo.toml",
    "Cargo.lock",
    "package.json",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
    "go.mod",
];

proptest! {
    #[test]
    fn any_text_gives_a_manifest_whose_spans_lie_in_it_or_an_error(
        text in r#"([a-z0-9@/=~><!\[\]{}:;,.'"\\ #\n\r\t*&-]|é|dependencies|package|name|version){0,80}"#,
    ) {
        for name in NAMES {
            let kind = recognise(name).expect("known");
            if let Ok(manifest) = read(kind, name, &text, &mut |_| None, &Budget::unlimited()) {
                for dependency in &manifest.dependencies {
                    prop_assert!(text.get(dependency.span.clone()).is_some(), "{name}: {dependency:?}");
                    prop_assert!(dependency.line >= 1);
                    prop_assert!(dependency.purl().starts_with("pkg:"));
                }
            }
        }
    }

    #[test]
    fn a_pin_is_read_back_wherever_it_stands(
        name in "[a-z][a-z0-9]{0,8}",
        version in "[0-9]{1,2}\\.[0-9]{1,2}\\.[0-9]{1,2}",
        before in 0_usize..5,
    ) {
        let text = format!("{}{name}=={version}\n", "# x\n".repeat(before));
        let manifest = parse("requirements.txt", &text);
        prop_assert_eq!(&manifest.dependencies[0].name, &name);
        prop_assert_eq!(manifest.dependencies[0].version.as_deref(), Some(version.as_str()));
        prop_assert_eq!(manifest.dependencies[0].line as usize, before + 1);
    }
}
