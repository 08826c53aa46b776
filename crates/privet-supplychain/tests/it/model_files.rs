//! Model files and archives made byte for byte, for the tests of their readers; no library that loads them is near.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use privet_supplychain::Verdict;
use privet_supplychain::artifacts::{Limits, Report, inspect};
use privet_types::Budget;

pub(crate) fn report(name: &str, bytes: &[u8]) -> Report {
    inspect(
        name,
        &mut Cursor::new(bytes),
        &Limits::default(),
        &Budget::new(1 << 30),
    )
    .unwrap()
}

pub(crate) fn verdict(name: &str, bytes: &[u8]) -> Verdict {
    report(name, bytes).verdict
}

pub(crate) fn rules(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.rule).collect()
}

/// A pickle of protocol 2 that calls a name with one text.
pub(crate) fn call(module: &str, name: &str, argument: &str) -> Vec<u8> {
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
pub(crate) fn short(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x8c, u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}

/// What protocol 4 writes for one float64 array of NumPy, up to its data, which are put in as `data`.
pub(crate) fn array_pickle() -> Vec<u8> {
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

pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    /// The name in the member's own header.
    pub(crate) own_name: &'a str,
    pub(crate) flags: u16,
    pub(crate) own_flags: u16,
    pub(crate) is_deflated: bool,
    pub(crate) is_link: bool,
    pub(crate) data: &'a [u8],
}

pub(crate) fn entry<'a>(name: &'a str, data: &'a [u8]) -> Entry<'a> {
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

pub(crate) fn zip(entries: &[Entry<'_>]) -> Vec<u8> {
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

pub(crate) fn tar(entries: &[(&str, u8, &str, &[u8])]) -> Vec<u8> {
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

pub(crate) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let size = u16::try_from(header.len()).unwrap().to_le_bytes();
    [b"\x93NUMPY\x01\0".as_slice(), &size, header.as_bytes(), data].concat()
}

pub(crate) fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [
        &u64::try_from(header.len()).unwrap().to_le_bytes(),
        header.as_bytes(),
        data,
    ]
    .concat()
}

pub(crate) fn gguf_text(text: &str) -> Vec<u8> {
    [&u64::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
}

pub(crate) fn gguf(template: &str) -> Vec<u8> {
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
pub(crate) fn field(number: u8, body: &[u8]) -> Vec<u8> {
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

pub(crate) fn onnx(node: &[u8], tensor: &[u8]) -> Vec<u8> {
    let graph = [field(1, node), field(2, b"graph"), field(5, tensor)].concat();
    [b"\x08\x08".to_vec(), field(2, b"maker"), field(7, &graph)].concat()
}

pub(crate) fn saved_model(operator: &str) -> Vec<u8> {
    let node = [field(1, b"n"), field(2, operator.as_bytes())].concat();
    let function = [field(1, &field(1, b"f")), field(3, &node)].concat();
    let graph = field(2, &field(1, &function));
    let meta = [field(1, &field(4, b"serve")), field(2, &graph)].concat();
    [b"\x08\x01".to_vec(), field(2, &meta)].concat()
}

/// A dump of joblib: a wrapper of one array, whose numbers follow the opcode.
pub(crate) fn joblib_dump(numbers: &[u8], rest: &[u8]) -> Vec<u8> {
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

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
