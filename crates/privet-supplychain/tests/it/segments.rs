//! What a file holds, and where it stands.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "helpers of tests, on texts of their own"
)]

use std::io::Write;

use privet_supplychain::segments::{
    Document, FileKind, JsonError, JsonLimits, Kind, Limits, Lines, Segment, SegmentKind, Segments,
    SkipReason, segments,
};
use privet_types::Budget;
use proptest::prelude::*;

fn read<'a>(name: &str, bytes: &'a [u8]) -> Segments<'a> {
    segments(name, bytes, &Limits::default(), &Budget::unlimited()).unwrap()
}

fn texts(found: &Segments<'_>) -> Vec<String> {
    found
        .segments
        .iter()
        .map(|s| format!("{}: {}", s.place, s.utf8()))
        .collect()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

/// The bytes of the file for `value`, wherever a segment has it.
fn places(found: &Segments<'_>, value: &str) -> Vec<(SegmentKind, String, std::ops::Range<u64>)> {
    found
        .segments
        .iter()
        .filter_map(|s| {
            let at = find(&s.text, value.as_bytes())?;
            Some((s.kind, s.place.to_string(), s.file_span(at..at + value.len())))
        })
        .collect()
}

/// A notebook with the value of every segment kind in it; `{}` stands for them.
fn notebook(values: &[String; 17]) -> String {
    let v: Vec<String> = values
        .iter()
        .map(|value| {
            let json = serde_json::to_string(value).unwrap();
            json[1..json.len() - 1].to_owned()
        })
        .collect();
    format!(
        r##"{{
 "cells": [
  {{"cell_type": "code", "execution_count": 3, "id": "a1", "metadata": {{"note": "m {}"}},
   "source": ["x = 1\n", "y = '{}'\n", "z"],
   "outputs": [
    {{"name": "stdout", "output_type": "stream", "text": ["one\n", "two {}\n"]}},
    {{"output_type": "execute_result", "execution_count": 3, "metadata": {{"k": "{}"}}, "data": {{
      "text/plain": "  name secret word\n0  bob {}",
      "text/html": ["<table><thead><tr><th></th><th>secret</th></tr></thead>\n", "<tr><th>0</th><td>{}</td></tr></table>"],
      "text/markdown": "# {}",
      "text/latex": "$ {} $",
      "application/json": {{"a": ["{}"]}},
      "application/vnd.x.v1+json": {{"{}": [1, 2, {{"b": null}}]}},
      "image/svg+xml": "<svg><text>{}</text></svg>",
      "application/javascript": "f('{}')",
      "image/png": "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}}}},
    {{"output_type": "error", "ename": "ValueError", "evalue": "{}", "traceback": ["\u001b[0;31mbad\u001b[0m", "at {}"]}}]}},
  {{"cell_type": "markdown", "metadata": {{}}, "source": "see ![](attachment:a.txt) {}",
   "attachments": {{"a.txt": {{"text/plain": "{}"}}}}}},
  {{"cell_type": "raw", "metadata": {{}}, "source": ["{}"]}}
 ],
 "metadata": {{"kernelspec": {{"name": "python3"}}}}, "nbformat": 4, "nbformat_minor": 5
}}
"##,
        v[0],
        v[1],
        v[2],
        v[3],
        v[4],
        v[5],
        v[6],
        v[7],
        v[8],
        v[9],
        v[10],
        v[11],
        v[12],
        v[13],
        v[14],
        v[15],
        v[16]
    )
}

#[test]
fn every_segment_of_a_notebook_is_named_for_people() {
    let values: [String; 17] = std::array::from_fn(|i| format!("value{i}"));
    let text = notebook(&values);
    let found = read("a.ipynb", text.as_bytes());
    assert_eq!(found.kind, FileKind::Notebook);
    let named: Vec<String> = found
        .segments
        .iter()
        .map(|s| format!("{:?} {}", s.kind, s.place))
        .collect();
    assert_eq!(
        named,
        [
            "Metadata cell 1, metadata",
            "Source cell 1, source",
            "Stream cell 1, output 1, stdout",
            "Metadata cell 1, output 2, metadata",
            "Data cell 1, output 2, text/plain",
            "Table cell 1, output 2, text/plain, table",
            "Data cell 1, output 2, text/html",
            "Table cell 1, output 2, text/html, table",
            "Data cell 1, output 2, text/markdown",
            "Data cell 1, output 2, text/latex",
            "Data cell 1, output 2, application/json",
            "Data cell 1, output 2, application/vnd.x.v1+json",
            "Data cell 1, output 2, image/svg+xml",
            "Data cell 1, output 2, application/javascript",
            "Failure cell 1, output 3, error name",
            "Failure cell 1, output 3, error value",
            "Failure cell 1, output 3, traceback",
            "Markdown cell 2, Markdown",
            "Attachment cell 2, attachment 1, name",
            "Attachment cell 2, attachment 1, text/plain",
            "Raw cell 3, raw text",
            "Metadata metadata",
        ]
    );
    assert_eq!(found.skipped.len(), 1);
    assert_eq!(found.skipped[0].place.to_string(), "cell 1, output 2, image/png");
    assert_eq!(found.skipped[0].reason, SkipReason::Media);
}

#[test]
fn a_secret_in_a_data_frame_stands_beside_the_name_of_its_column() {
    let text = r#"{"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "outputs": [{"output_type": "display_data",
      "data": {"text/html": ["<table border=\"1\" class=\"dataframe\">\n", "  <thead><tr><th></th><th>name</th><th>api_key</th></tr></thead>\n",
      "  <tr><th>0</th><td>bob</td><td>a&amp;b</td></tr>\n", "</table>"],
      "text/plain": ["  name   password\n", "0  bob    hunter2"]}}]}]}"#;
    let found = read("a.ipynb", text.as_bytes());
    let derived: Vec<&Segment<'_>> = found
        .segments
        .iter()
        .filter(|s| s.kind == SegmentKind::Table)
        .collect();
    assert_eq!(derived[0].utf8(), "name: bob\napi_key: a&b\n");
    assert_eq!(derived[1].utf8(), "name: bob\npassword: hunter2\n");
    let at = text.find("a&amp;b").unwrap() as u64;
    assert_eq!(derived[0].file_span(19..22), at..at + 7);
    let at = text.find("hunter2").unwrap() as u64;
    assert_eq!(
        derived[1].file_span(10..28),
        at..at + 7,
        "the name does not count"
    );
    assert_eq!(
        derived[1].file_span(10..18),
        at..at,
        "a match in the name alone is empty"
    );
}

#[test]
fn notebooks_of_nbformat_3_are_read() {
    let text = r##"{"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": [
      {"cell_type": "heading", "level": 1, "metadata": {}, "source": ["Title"]},
      {"cell_type": "code", "collapsed": false, "input": ["print(1)"], "language": "python", "metadata": {}, "prompt_number": 1,
       "outputs": [{"output_type": "stream", "stream": "stderr", "text": ["warned"]},
                   {"output_type": "pyout", "prompt_number": 1, "html": ["<b>x</b>"], "text": ["plain"], "png": "not base64"}]}],
      "metadata": {}}]}"##;
    assert_eq!(
        texts(&read("old.ipynb", text.as_bytes())),
        [
            "metadata: \"metadata\": {\"name\": \"\"}",
            "cell 1, Markdown: Title",
            "cell 2, source: print(1)",
            "cell 2, other members: \"language\": \"python\"",
            "cell 2, output 1, stderr: warned",
            "cell 2, output 2, html: <b>x</b>",
            "cell 2, output 2, text: plain",
            "cell 2, output 2, png: not base64",
        ]
    );
}

#[test]
fn a_notebook_is_known_by_its_keys_and_read_whole_if_it_is_broken() {
    let whole = br#"{"cells": [{"cell_type": "raw", "source": "x"}]}"#;
    assert_eq!(read("data.txt", whole).kind, FileKind::Notebook);
    assert_eq!(
        read("a.ipynb", br#"{"cells": 3, "nbformat_minor": "\u0034"}"#).kind,
        FileKind::Json
    );
    let broken = b"{\"nbformat\": 4, \"cells\": [\n<<<<<<< HEAD\n{\"source\": \"pin 1234\"}]}";
    let found = read("a.ipynb", broken);
    assert_eq!(found.kind, FileKind::Text);
    assert_eq!(found.skipped[0].reason, SkipReason::NotJson);
    assert_eq!(
        found.skipped[0].place.to_string(),
        "not valid JSON at line 2, column 1: expected a value or `]`"
    );
    assert_eq!(places(&found, "pin 1234").len(), 1);
}

#[test]
fn pictures_in_data_uris_are_cut_out_and_named() {
    let picture = "iVBORw0KGgo".to_owned() + &"A".repeat(400);
    let text = format!("<p>a</p><img src=\"data:image/png;base64,{picture}\"><p>token</p>");
    let found = read("a.html", text.as_bytes());
    assert_eq!(found.kind, FileKind::Html);
    assert_eq!(found.skipped[0].reason, SkipReason::Media);
    let at = text.find("token").unwrap() as u64;
    assert_eq!(places(&found, "token")[0].2, at..at + 5);
    assert!(places(&found, &picture).is_empty());
}

#[test]
fn what_only_claims_to_be_a_picture_is_read() {
    let text = r#"{"nbformat": 4, "cells": [{"cell_type": "code", "outputs": [{"output_type": "display_data",
      "data": {"image/png": "password=hunter2"}}]}]}"#;
    assert_eq!(places(&read("a.ipynb", text.as_bytes()), "hunter2").len(), 1);
}

#[test]
fn strings_of_json_with_escapes_are_decoded_beside_their_keys() {
    let text = br#"{"private_key": "-----BEGIN\nabc\u002b\n-----END", "other": "plain"}"#;
    let found = read("key.json", text);
    assert_eq!(found.kind, FileKind::Json);
    assert_eq!(found.segments[0].text, &text[..]);
    assert_eq!(
        found.segments[1].utf8(),
        "private_key: -----BEGIN\nabc+\n-----END\n"
    );
    let at = find(text, b"abc").unwrap() as u64;
    assert_eq!(found.segments[1].file_span(24..28), at..at + 9);
}

#[test]
fn json_lines_keep_their_places() {
    let text = b"{\"a\": \"x\"}\n{\"b\": \"y\\tz\"}\n{bad \\ }\n";
    let found = read("a.jsonl", text);
    assert_eq!(found.kind, FileKind::JsonLines);
    let at = find(text, b"y\\tz").unwrap() as u64;
    assert_eq!(places(&found, "y\tz")[0].2, at..at + 4);
}

#[test]
fn utf16_is_decoded_with_its_places() {
    let mut text = vec![0xff, 0xfe];
    text.extend("pass: ä€🙂x\n".encode_utf16().flat_map(u16::to_le_bytes));
    let found = read("a.txt", &text);
    assert_eq!(found.kind, FileKind::Utf16);
    assert_eq!(found.segments[0].utf8(), "pass: ä€🙂x\n");
    assert_eq!(places(&found, "€🙂")[0].2, 16..22);
    assert_eq!(places(&found, "x")[0].2, 22..24);
    let big: Vec<u8> = "no mark at all"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    assert_eq!(places(&read("a.txt", &big), "mark")[0].2, 6..14);
}

#[test]
fn gzip_is_unpacked_within_bounds() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(b"pin: 1234\n").unwrap();
    let packed = packer.finish().unwrap();
    let found = read("a.txt.gz", &packed);
    assert_eq!(places(&found, "1234")[0].2, 0..packed.len() as u64);
    assert!(!found.segments[0].is_exact());
    assert_eq!(found.segments[0].place.to_string(), "in gzip");

    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![b'a'; 8 << 20]).unwrap();
    let bomb = packer.finish().unwrap();
    let found = read("a.gz", &bomb);
    assert_eq!(found.skipped[0].reason, SkipReason::OverLimit);
    assert!(found.segments[0].text.len() <= 1 << 20);
    let cut = read("a.gz", &packed[..packed.len() - 3]);
    assert_eq!(cut.skipped[0].reason, SkipReason::Damaged);
}

#[test]
fn binary_files_give_what_can_be_read_in_them() {
    let bytes = b"\x7fELF\0\0\0short\0a long enough text\0\x01w\0i\0d\0e\0 \0t\0e\0x\0t\0 \0t\0o\0o\0\0\0";
    let found = read("a.out", bytes);
    assert_eq!(found.kind, FileKind::Binary);
    assert_eq!(found.segments[0].utf8(), "a long enough text\nwide text too\n");
    assert_eq!(
        read("a.pdf", b"%PDF-1.7\n1 0 obj").skipped[0].reason,
        SkipReason::Pdf
    );
    assert_eq!(read("a", b"").kind, FileKind::Empty);
}

/// A zip archive with one stored or deflated member, by hand.
fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(content).unwrap();
    let packed = packer.finish().unwrap();
    let mut sizes = vec![20, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    sizes.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
    sizes.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
    sizes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    sizes.extend([0, 0]);
    let mut zip = b"PK\x03\x04".to_vec();
    zip.extend(&sizes);
    zip.extend(name.as_bytes());
    zip.extend(&packed);
    let directory = u32::try_from(zip.len()).unwrap();
    zip.extend(b"PK\x01\x02\x14\0");
    zip.extend(&sizes);
    zip.extend([0; 14]);
    zip.extend(name.as_bytes());
    zip.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    zip.extend(u32::try_from(46 + name.len()).unwrap().to_le_bytes());
    zip.extend(directory.to_le_bytes());
    zip.extend([0, 0]);
    zip
}

#[test]
fn office_documents_give_the_text_of_their_parts() {
    let xml = b"<?xml version=\"1.0\"?><w:document><w:p><w:r><w:t>pass</w:t></w:r><w:r><w:t>word: a&amp;b</w:t></w:r></w:p></w:document>";
    let file = zip("word/document.xml", xml);
    let found = read("a.docx", &file);
    assert_eq!(found.kind, FileKind::Office);
    assert_eq!(texts(&found), ["word/document.xml: password: a&b\n"]);
    let cut = read("a.docx", &file[..file.len() - 30]);
    assert_eq!(cut.skipped[0].reason, SkipReason::Damaged);
}

#[test]
fn csv_gives_names_beside_values_for_columns_that_tell() {
    let text = b"id,password,colour\n1,hunter2,red\n2,\"a,b\",blue\n3,c,green\n";
    let found = read("users", text);
    assert_eq!(found.kind, FileKind::Csv);
    assert_eq!(
        found.segments[1].utf8(),
        "password: hunter2\npassword: a,b\npassword: c\n"
    );
    let at = find(text, b"a,b").unwrap() as u64;
    assert_eq!(found.segments[1].file_span(28..31), at..at + 3);
}

#[test]
fn lines_are_counted_from_one() {
    let mut text = "a\nbb\r\n".repeat(2000);
    text.push_str("end");
    let lines = Lines::new(text.as_bytes());
    for offset in [
        0,
        1,
        2,
        3,
        5,
        6,
        4095,
        4096,
        4097,
        8191,
        text.len() - 1,
        text.len(),
        text.len() + 9,
    ] {
        let wanted = 1 + text.as_bytes()[..offset.min(text.len())]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        assert_eq!(
            lines.line(offset as u64),
            u32::try_from(wanted).unwrap(),
            "{offset}"
        );
    }
    assert_eq!(lines.line_span(3), 2..4);
    assert_eq!(Lines::new(b"").line(0), 1);
}

#[test]
fn json_is_refused_with_its_line_and_column() {
    let parse = |text: &str, limits: &JsonLimits| {
        Document::parse(text.as_bytes(), limits, &Budget::unlimited())
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    let limits = JsonLimits::default();
    for bad in [
        "",
        "{",
        "[1,]",
        "{\"a\" 1}",
        "{\"a\": 1,}",
        "01",
        "1.",
        "+1",
        "\"\\x\"",
        "\"\\u12\"",
        "\"abc",
        "[1] 2",
        "nul",
        "]",
        "{1: 2}",
        "--1",
        "1e",
    ] {
        assert!(parse(bad, &limits).is_err(), "{bad}");
    }
    assert_eq!(
        parse("{\n  \"a\": [1,\n 2\n 3]}", &limits).unwrap_err(),
        "not valid JSON at line 4, column 2: expected `,` or the end of the list or object"
    );
    let deep = "[".repeat(2000);
    assert_eq!(
        parse(&deep, &limits).unwrap_err(),
        "nested deeper than 1000 levels at line 1, column 1001"
    );
    let few = JsonLimits {
        max_nodes: 2,
        ..limits
    };
    assert!(parse("[{}, {}]", &few).unwrap_err().starts_with("larger than"));
    let spent = Document::parse(b"[1, 2]", &limits, &Budget::new(3));
    assert!(matches!(spent, Err(JsonError::Budget(_))));
}

#[test]
fn json_keeps_duplicates_and_notes_what_it_forgives() {
    let text = b"\xef\xbb\xbf{\"a\": NaN, \"a\": \"\xff\\ud800x\", \"b\": [1, null], \"c\": [\"\x01\"]}";
    let document = Document::parse(text, &JsonLimits::default(), &Budget::unlimited()).unwrap();
    let notes = document.notes();
    assert!(
        notes.has_byte_order_mark
            && notes.has_not_a_number
            && notes.has_bad_utf8
            && notes.has_control_characters
    );
    let members: Vec<_> = document.root().members().collect();
    assert_eq!(members.len(), 4);
    let decoded = members[1].1.string().unwrap().decode();
    assert_eq!(decoded.text, "\u{fffd}\u{fffd}x");
    let at = find(text, b"\xff").unwrap() as u64;
    assert_eq!(decoded.map.span(0..3), at..at + 1);
    assert_eq!(decoded.map.span(3..6), at + 1..at + 7);
    assert!(members[2].1.has_scalars() && members[2].1.items().next().is_none());
    assert_eq!(members[3].1.kind(), Kind::List);
}

#[test]
fn places_and_debug_output_show_no_text_of_the_file() {
    let text = r#"{"nbformat": 4, "cells": [{"cell_type": "code", "attachments": {"hunter2": {"hunter2/x": "hunter2"}},
      "outputs": [{"output_type": "display_data", "data": {"text/hunter2 x": "a"}}]}]}"#;
    let found = read("a.ipynb", text.as_bytes());
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    assert_eq!(places(&found, "hunter2").len(), 4);
}

/// Values with everything that is written in a special way somewhere, and no line ends, which split rows.
fn values() -> impl Strategy<Value = [String; 17]> {
    let one = "[A-Za-z0-9\"\\\\/äß€🙂\u{7f}]{6,14}";
    prop::collection::vec(one, 17).prop_map(|v| {
        let mut i = 0;
        v.try_into()
            .map(|v: [String; 17]| {
                v.map(|value| {
                    i += 1;
                    format!("q{i}q{value}")
                })
            })
            .unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_value_in_a_notebook_is_found_with_its_bytes(values in values(), escape in any::<bool>()) {
        let mut text = notebook(&values);
        if escape {
            // As Python writes it with `ensure_ascii`.
            text = text.chars().map(|c| if c.is_ascii() { c.to_string() } else {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04x}")).collect()
            }).collect();
        }
        let found = read("a.ipynb", text.as_bytes());
        prop_assert_eq!(found.kind, FileKind::Notebook);
        for value in &values {
            let hits = places(&found, value);
            prop_assert!(!hits.is_empty(), "{}", value);
            for (kind, place, span) in hits {
                let raw = &text[usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap()];
                // JSON in outputs and metadata is a segment as it stands, and its strings are another, decoded.
                let is_same = raw == value || serde_json::from_str::<String>(&format!("\"{raw}\"")).is_ok_and(|d| &d == value);
                prop_assert!(is_same, "{:?} {} {} {}", kind, place, raw, value);
            }
        }
    }

    #[test]
    fn strings_decode_as_serde_json_decodes_them(text in any::<String>(), ascii in any::<bool>()) {
        let mut json = serde_json::to_string(&text).unwrap();
        if ascii {
            json = json.chars().map(|c| if c.is_ascii() { c.to_string() } else {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().map(|u| format!("\\u{u:04X}")).collect()
            }).collect();
        }
        let document = Document::parse(json.as_bytes(), &JsonLimits::default(), &Budget::unlimited()).unwrap();
        let decoded = document.root().string().unwrap().decode();
        prop_assert_eq!(&decoded.text, &text);
        // Each character has bytes of its own, one after the other.
        let mut at = 1;
        for (start, c) in text.char_indices() {
            let span = decoded.map.span(start..start + c.len_utf8());
            prop_assert_eq!(span.start, at);
            at = span.end;
        }
        prop_assert_eq!(at, json.len() as u64 - 1);
    }

    #[test]
    fn what_serde_json_reads_is_read_and_nothing_else(text in "[\\[\\]{},:\"a\\\\u0-9eE.+\\-truefalsn ]{0,24}") {
        let ours = Document::parse(text.as_bytes(), &JsonLimits::default(), &Budget::unlimited());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        // Lone surrogates and numbers out of range are the reader's to forgive.
        let is_forgiven = theirs.as_ref().is_err_and(|e| {
            let e = e.to_string();
            e.contains("surrogate") || e.contains("out of range") || e.contains("hex escape")
        });
        prop_assert!(ours.is_ok() == theirs.is_ok() || is_forgiven && ours.is_ok(), "{:?} {:?}", ours, theirs);
    }

    #[test]
    fn any_bytes_give_segments_with_places_in_the_file(bytes in prop::collection::vec(any::<u8>(), 0..300), head in 0..7_usize) {
        let heads: [&[u8]; 7] = [b"", b"{\"nbformat\": 4, \"cells\": [", b"<table><tr><th>", b"PK\x03\x04word/", b"\x1f\x8b\x08", b"\xff\xfe", b"a,b\nc,d\ne,f\ng,h\n"];
        let bytes = [heads[head], &bytes].concat();
        let found = read("x", &bytes);
        for segment in &found.segments {
            let span = segment.file_span(0..segment.text.len());
            prop_assert!(span.start <= span.end && span.end <= bytes.len() as u64);
            prop_assert_eq!(segment.utf8().len(), segment.text.len());
        }
    }

    #[test]
    fn any_html_and_text_in_a_notebook_is_read(text in "(<table>|<tr>|<th>|</th>|<td>|</td>|&amp;|&#6[0-9];|<!--|[a-c |]|  |\n|</table>|colspan=9|<td rowspan=3>|<){0,60}") {
        let text = serde_json::json!({"nbformat": 4, "cells": [{"cell_type": "code", "source": "", "outputs": [
            {"output_type": "display_data", "data": {"text/html": text, "text/plain": text}}]}]}).to_string();
        let found = read("x", text.as_bytes());
        for segment in &found.segments {
            for span in segment.file_spans(0..segment.text.len()) {
                prop_assert!(span.start < span.end && span.end <= text.len() as u64);
            }
        }
    }
}
