//! Names under which Python packages are imported, and those under which they are installed.

use super::{Ecosystem, names};

/// Top-level modules of the standard library, of any Python from 3.8 to 3.14 (its documentation's module index, and
/// `sys.stdlib_module_names`). What a later version dropped is still imported by code for an earlier one.
#[rustfmt::skip]
const STANDARD: [&str; 228] = [
    "__future__", "__main__", "_thread", "abc", "aifc", "annotationlib", "antigravity", "argparse", "array",
    "ast", "asynchat", "asyncio", "asyncore", "atexit", "audioop", "base64", "bdb", "binascii", "binhex",
    "bisect", "builtins", "bz2", "cProfile", "calendar", "cgi", "cgitb", "chunk", "cmath", "cmd", "code",
    "codecs", "codeop", "collections", "colorsys", "compileall", "compression", "concurrent", "configparser",
    "contextlib", "contextvars", "copy", "copyreg", "crypt", "csv", "ctypes", "curses", "dataclasses",
    "datetime", "dbm", "decimal", "difflib", "dis", "distutils", "doctest", "dummy_threading", "email",
    "encodings", "ensurepip", "enum", "errno", "faulthandler", "fcntl", "filecmp", "fileinput", "fnmatch",
    "formatter", "fractions", "ftplib", "functools", "gc", "genericpath", "getopt", "getpass", "gettext",
    "glob", "graphlib", "grp", "gzip", "hashlib", "heapq", "hmac", "html", "http", "idlelib", "imaplib",
    "imghdr", "imp", "importlib", "inspect", "io", "ipaddress", "itertools", "json", "keyword", "lib2to3",
    "linecache", "locale", "logging", "lzma", "macpath", "mailbox", "mailcap", "marshal", "math",
    "mimetypes", "mmap", "modulefinder", "msilib", "msvcrt", "multiprocessing", "netrc", "nis", "nntplib",
    "nt", "ntpath", "nturl2path", "numbers", "opcode", "operator", "optparse", "os", "ossaudiodev", "parser",
    "pathlib", "pdb", "pickle", "pickletools", "pipes", "pkgutil", "platform", "plistlib", "poplib", "posix",
    "posixpath", "pprint", "profile", "pstats", "pty", "pwd", "py_compile", "pyclbr", "pydoc", "pydoc_data",
    "pyexpat", "queue", "quopri", "random", "re", "readline", "reprlib", "resource", "rlcompleter", "runpy",
    "sched", "secrets", "select", "selectors", "shelve", "shlex", "shutil", "signal", "site", "smtpd",
    "smtplib", "sndhdr", "socket", "socketserver", "spwd", "sqlite3", "sre_compile", "sre_constants",
    "sre_parse", "ssl", "stat", "statistics", "string", "stringprep", "struct", "subprocess", "sunau",
    "symbol", "symtable", "sys", "sysconfig", "syslog", "tabnanny", "tarfile", "telnetlib", "tempfile",
    "termios", "textwrap", "this", "threading", "time", "timeit", "tkinter", "token", "tokenize", "tomllib",
    "trace", "traceback", "tracemalloc", "tty", "turtle", "turtledemo", "types", "typing", "unicodedata",
    "unittest", "urllib", "uu", "uuid", "venv", "warnings", "wave", "weakref", "webbrowser", "winreg",
    "winsound", "wsgiref", "xdrlib", "xml", "xmlrpc", "zipapp", "zipfile", "zipimport", "zlib", "zoneinfo",
];

/// Modules whose distribution has another name: from the projects' own documentation. The first is the one that is meant where none
/// is installed, the others give the same module. Longest module path first where one is inside another.
#[rustfmt::skip]
const DISTRIBUTIONS: [(&str, &[&str]); 114] = [
    ("Bio", &["biopython"]),
    ("Crypto", &["pycryptodome", "pycrypto"]),
    ("Cryptodome", &["pycryptodomex"]),
    ("Levenshtein", &["levenshtein", "python-levenshtein"]),
    ("MySQLdb", &["mysqlclient"]),
    ("OpenSSL", &["pyopenssl"]),
    ("PIL", &["pillow", "pillow-simd"]),
    ("Stemmer", &["pystemmer"]),
    ("Xlib", &["python-xlib"]),
    ("absl", &["absl-py"]),
    ("attr", &["attrs"]),
    ("autogen", &["pyautogen", "autogen-agentchat"]),
    ("autosklearn", &["auto-sklearn"]),
    ("barcode", &["python-barcode"]),
    ("binance", &["python-binance"]),
    ("bs4", &["beautifulsoup4"]),
    ("bson", &["pymongo", "bson"]),
    ("cairo", &["pycairo"]),
    ("camelot", &["camelot-py"]),
    ("chromadb", &["chromadb", "chromadb-client"]),
    ("clip", &["openai-clip"]),
    ("community", &["python-louvain"]),
    ("corsheaders", &["django-cors-headers"]),
    ("crontab", &["python-crontab"]),
    ("cv2", &["opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"]),
    ("daemon", &["python-daemon"]),
    ("dateutil", &["python-dateutil"]),
    ("decouple", &["python-decouple"]),
    ("delta", &["delta-spark"]),
    ("discord", &["discord-py"]),
    ("django_filters", &["django-filter"]),
    ("dns", &["dnspython"]),
    ("docx", &["python-docx"]),
    ("dotenv", &["python-dotenv"]),
    ("engineio", &["python-engineio"]),
    ("environ", &["django-environ"]),
    ("faiss", &["faiss-cpu", "faiss-gpu", "faiss-gpu-cu12"]),
    ("ffmpeg", &["ffmpeg-python"]),
    ("fitz", &["pymupdf"]),
    ("gi", &["pygobject"]),
    ("git", &["gitpython"]),
    ("github", &["pygithub"]),
    ("gitlab", &["python-gitlab"]),
    ("google.oauth2", &["google-auth"]),
    ("google.protobuf", &["protobuf"]),
    ("googleapiclient", &["google-api-python-client"]),
    ("gridfs", &["pymongo"]),
    ("grpc", &["grpcio"]),
    ("grpc_tools", &["grpcio-tools"]),
    ("haiku", &["dm-haiku"]),
    ("hydra", &["hydra-core"]),
    ("igraph", &["igraph", "python-igraph"]),
    ("imblearn", &["imbalanced-learn"]),
    ("jose", &["python-jose"]),
    ("jwt", &["pyjwt"]),
    ("kafka", &["kafka-python", "kafka-python-ng"]),
    ("ldap", &["python-ldap"]),
    ("llama_cpp", &["llama-cpp-python"]),
    ("llama_index", &["llama-index", "llama-index-core"]),
    ("magic", &["python-magic"]),
    ("memcache", &["python-memcached"]),
    ("mpl_toolkits", &["matplotlib"]),
    ("multipart", &["python-multipart"]),
    ("nacl", &["pynacl"]),
    ("neptune", &["neptune", "neptune-client"]),
    ("nmap", &["python-nmap"]),
    ("odf", &["odfpy"]),
    ("onnxruntime", &["onnxruntime", "onnxruntime-gpu"]),
    ("osgeo", &["gdal"]),
    ("paddle", &["paddlepaddle", "paddlepaddle-gpu"]),
    ("pdfminer", &["pdfminer-six"]),
    ("pinecone", &["pinecone", "pinecone-client"]),
    ("pkg_resources", &["setuptools"]),
    ("pl_bolts", &["lightning-bolts"]),
    ("pptx", &["python-pptx"]),
    ("psycopg2", &["psycopg2", "psycopg2-binary"]),
    ("pylab", &["matplotlib"]),
    ("pyrebase", &["pyrebase4", "pyrebase"]),
    ("pythoncom", &["pywin32"]),
    ("pywintypes", &["pywin32"]),
    ("rdkit", &["rdkit", "rdkit-pypi"]),
    ("rest_framework", &["djangorestframework"]),
    ("ruamel", &["ruamel-yaml"]),
    ("serial", &["pyserial"]),
    ("shapefile", &["pyshp"]),
    ("skimage", &["scikit-image"]),
    ("sklearn", &["scikit-learn", "scikit-learn-intelex"]),
    ("skopt", &["scikit-optimize"]),
    ("slugify", &["python-slugify"]),
    ("snowflake.connector", &["snowflake-connector-python"]),
    ("socketio", &["python-socketio"]),
    ("socks", &["pysocks"]),
    ("speech_recognition", &["speechrecognition"]),
    ("surprise", &["scikit-surprise"]),
    ("tabula", &["tabula-py"]),
    ("talib", &["ta-lib"]),
    ("telegram", &["python-telegram-bot"]),
    ("tensorflow", &["tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-macos", "intel-tensorflow", "tf-nightly"]),
    ("tensorflow_datasets", &["tensorflow-datasets", "tfds-nightly"]),
    ("tlz", &["toolz"]),
    ("tree", &["dm-tree"]),
    ("umap", &["umap-learn"]),
    ("usb", &["pyusb"]),
    ("vertexai", &["google-cloud-aiplatform"]),
    ("weaviate", &["weaviate-client"]),
    ("websocket", &["websocket-client"]),
    ("whisper", &["openai-whisper"]),
    ("whois", &["python-whois"]),
    ("win32api", &["pywin32"]),
    ("win32com", &["pywin32"]),
    ("wx", &["wxpython"]),
    ("xgboost", &["xgboost", "xgboost-cpu"]),
    ("yaml", &["pyyaml"]),
    ("zmq", &["pyzmq"]),
];

/// Whether `module` (`os.path`, `json`) is of the standard library. Names that start with `_` are taken as its own.
#[must_use]
pub fn is_standard_library(module: &str) -> bool {
    let top = module.split('.').next().unwrap_or(module);
    top.starts_with('_') || STANDARD.binary_search(&top).is_ok()
}

/// The PyPI distributions that give `module`, the likeliest first. Where nothing else is known it is the one of its name.
///
/// ```
/// use privet_supplychain::dependencies::distributions_of;
/// assert_eq!(distributions_of("sklearn.svm")[0], "scikit-learn");
/// assert_eq!(distributions_of("requests"), ["requests"]);
/// ```
#[must_use]
pub fn distributions_of(module: &str) -> Vec<String> {
    let mut path = module;
    loop {
        if let Some(known) = listed(path) {
            return known.iter().map(|one| (*one).to_owned()).collect();
        }
        match path.rsplit_once('.') {
            Some((parent, _)) => path = parent,
            None => break,
        }
    }
    let own = NAMESPACES
        .iter()
        .find_map(|namespace| {
            let rest = module.strip_prefix(namespace)?.strip_prefix('.')?;
            let part = rest.split('.').next().unwrap_or(rest);
            Some(format!("{namespace}.{part}"))
        })
        .unwrap_or_else(|| path.to_owned());
    vec![names::normalise(Ecosystem::PyPi, &own)]
}

/// Folders that many distributions share; each part of one is a distribution named after its path.
const NAMESPACES: [&str; 6] = [
    "google.cloud",
    "azure.mgmt",
    "azure",
    "zope",
    "opentelemetry.instrumentation",
    "jaraco",
];

/// Whether `module` is a shared folder and no distribution.
pub(super) fn is_namespace(module: &str) -> bool {
    module == "google" || NAMESPACES.contains(&module)
}

fn listed(path: &str) -> Option<&'static [&'static str]> {
    let at = DISTRIBUTIONS
        .binary_search_by(|(known, _)| (*known).cmp(path))
        .ok()?;
    DISTRIBUTIONS.get(at).map(|(_, known)| *known)
}
