//! Bodies with many records: taken apart without making a value of the whole. As values JSON takes many times its bytes, so only
//! the records of a batch are values at one time.

use std::ops::Range;

use bytes::Bytes;
use serde_json::{Map, Value};

/// The field that holds the records.
const RECORDS: &str = "records";
/// Most bytes of what stands beside them.
const MOST_BESIDE: usize = 64 << 10;
/// Records of a batch.
const BATCH: usize = 500;
/// A batch takes no further record past so many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// What a body with many records may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most records.
    pub(crate) records: usize,
    /// Most bytes of a record.
    pub(crate) bytes: usize,
    /// How many objects and lists may stand in each other in a record, which is the first.
    pub(crate) depth: usize,
}

/// Why a body with many records is refused. Holds nothing of what was sent.
#[derive(Debug)]
pub(crate) enum BadRecords {
    /// It is no JSON object, or what stands beside the records is no JSON.
    Body,
    /// The records cannot be used, and why.
    Records(String),
    /// What was found before is not there any more.
    Failed,
}

/// Records as they were sent, each of which is known to be a JSON object.
#[derive(Debug, PartialEq)]
pub(crate) struct Records {
    body: Bytes,
    places: Vec<Range<usize>>,
}

/// Takes `body` apart: into what stands beside the records, and these, if it has any.
pub(crate) fn read(
    body: &Bytes,
    limits: Limits,
) -> Result<(Map<String, Value>, Option<Records>), BadRecords> {
    let mut text = Text { bytes: body, at: 0 };
    let (mut fields, mut records, mut beside) = (Map::new(), None, 0);
    text.expect(b'{')?;
    let mut is_first = true;
    while text.goes_on(b'}', &mut is_first)? {
        let name = text.string()?;
        let name: String = parsed(text.part(&name)?)?;
        text.expect(b':')?;
        if name == RECORDS && text.peek() == Some(b'[') {
            if records.is_some() {
                return Err(BadRecords::Body);
            }
            let places = text.records(limits)?;
            let body = body.clone();
            records = Some(Records { body, places });
            continue;
        }
        let value = text.value(&mut 0, usize::MAX)?;
        beside += name.len() + value.len();
        if beside > MOST_BESIDE {
            return Err(BadRecords::Records(format!(
                "what stands beside them has more than {MOST_BESIDE} bytes"
            )));
        }
        fields.insert(name, parsed(text.part(&value)?)?);
    }
    match text.peek() {
        None => Ok((fields, records)),
        Some(_) => Err(BadRecords::Body),
    }
}

impl Records {
    /// How many there are.
    pub(crate) const fn len(&self) -> usize {
        self.places.len()
    }

    /// Batches of at most 500 records, each with its place in the list. A batch ends once its records have 256 KiB.
    pub(crate) fn batches(&self) -> Batches<'_> {
        Batches {
            records: self,
            next: 0,
        }
    }
}

/// Batches of records, one after the other.
pub(crate) struct Batches<'r> {
    records: &'r Records,
    next: usize,
}

impl Iterator for Batches<'_> {
    type Item = Result<Vec<(usize, Map<String, Value>)>, BadRecords>;

    fn next(&mut self) -> Option<Self::Item> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let Some(place) = self.records.places.get(self.next) else {
                break;
            };
            let Some(text) = self.records.body.get(place.clone()) else {
                return Some(Err(BadRecords::Failed));
            };
            match parsed(text) {
                Ok(record) => batch.push((self.next, record)),
                Err(refusal) => return Some(Err(refusal)),
            }
            bytes += text.len();
            self.next += 1;
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }
}

fn parsed<T: serde::de::DeserializeOwned>(text: &[u8]) -> Result<T, BadRecords> {
    serde_json::from_slice(text).map_err(|_| BadRecords::Body)
}

/// JSON that is taken apart. What it does not look at itself, such as numbers, is looked at where the parts are parsed.
struct Text<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Text<'_> {
    fn part(&self, place: &Range<usize>) -> Result<&[u8], BadRecords> {
        self.bytes.get(place.clone()).ok_or(BadRecords::Body)
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn expect(&mut self, byte: u8) -> Result<(), BadRecords> {
        if self.peek() != Some(byte) {
            return Err(BadRecords::Body);
        }
        self.at += 1;
        Ok(())
    }

    /// Whether there is a further part before `close`; passes over the comma before it.
    fn goes_on(&mut self, close: u8, is_first: &mut bool) -> Result<bool, BadRecords> {
        let was_first = std::mem::take(is_first);
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        if !was_first {
            self.expect(b',')?;
        }
        Ok(true)
    }

    /// A string with its quotation marks.
    fn string(&mut self) -> Result<Range<usize>, BadRecords> {
        self.expect(b'"')?;
        let start = self.at - 1;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return Err(BadRecords::Body),
            }
        }
        self.at += 1;
        Ok(start..self.at)
    }

    /// A value of any kind, that is no longer than `most` bytes. `deepest` becomes how many objects and lists stand in each
    /// other.
    fn value(&mut self, deepest: &mut usize, most: usize) -> Result<Range<usize>, BadRecords> {
        self.peek();
        let (start, mut depth) = (self.at, 0_usize);
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => {
                    self.string()?;
                    if depth == 0 {
                        break;
                    }
                    continue;
                }
                b'{' | b'[' => {
                    depth += 1;
                    *deepest = depth.max(*deepest);
                }
                b'}' | b']' if depth == 0 => break,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        break;
                    }
                }
                b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => break,
                _ => {}
            }
            self.at += 1;
            if self.at - start > most {
                break;
            }
        }
        Ok(start..self.at)
    }

    /// The records of the list that begins here. Each is parsed, and dropped at once.
    fn records(&mut self, limits: Limits) -> Result<Vec<Range<usize>>, BadRecords> {
        self.expect(b'[')?;
        let (mut places, mut is_first) = (Vec::new(), true);
        while self.goes_on(b']', &mut is_first)? {
            let index = places.len();
            if index >= limits.records {
                let most = limits.records;
                let why = format!("there are more than {most} of them: the limit `bulk_records`");
                return Err(BadRecords::Records(why));
            }
            if self.peek() != Some(b'{') {
                return Err(BadRecords::Records("use a list of objects".to_owned()));
            }
            let mut deepest = 0;
            let place = self.value(&mut deepest, limits.bytes)?;
            if place.len() > limits.bytes {
                let most = limits.bytes;
                let why = format!("number {index} has more than {most} bytes: the limit `bulk_record`");
                return Err(BadRecords::Records(why));
            }
            if deepest > limits.depth {
                let most = limits.depth;
                let why = format!("number {index} is more than {most} levels deep: the limit `bulk_depth`");
                return Err(BadRecords::Records(why));
            }
            // INVARIANT: every record that is kept parses as the batches will parse it, so that no batch is refused behind others
            // that were stored.
            if parsed::<Map<String, Value>>(self.part(&place)?).is_err() {
                let why = format!("number {index} is no JSON object that can be read");
                return Err(BadRecords::Records(why));
            }
            places.push(place);
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIMITS: Limits = Limits {
        records: 3,
        bytes: 64,
        depth: 3,
    };

    type Taken = (Map<String, Value>, Option<Vec<Value>>);

    fn taken(text: &str) -> Result<Taken, BadRecords> {
        let (fields, records) = read(&Bytes::from(text.to_owned()), LIMITS)?;
        let all = |records: Records| {
            let batches: Vec<_> = records.batches().collect::<Result<_, _>>().unwrap();
            let rows = batches.into_iter().flatten();
            rows.map(|(_, fields)| Value::Object(fields)).collect()
        };
        Ok((fields, records.map(all)))
    }

    #[test]
    fn a_body_is_what_a_parser_makes_of_it() {
        let text = r#" { "a" : [1, {"records":[]}] , "rec\u006frds" : [ {"p\"{":"]}\\"} , {} ,{"a":[[]]}] , "z":"x,]" } "#;
        let (fields, records) = taken(text).unwrap();
        let whole: Value = serde_json::from_str(text).unwrap();
        assert_eq!(whole["records"], Value::from(records.unwrap()));
        assert_eq!(
            (fields.len(), &fields["a"], &fields["z"]),
            (2, &whole["a"], &whole["z"])
        );
        assert_eq!(taken("{}").unwrap(), (Map::new(), None));
        assert_eq!(taken(r#"{"records":null}"#).unwrap().1, None);
        assert_eq!(taken(r#"{"records":[]}"#).unwrap().1, Some(Vec::new()));
    }

    #[test]
    fn what_is_over_a_limit_is_refused_by_its_name() {
        let long = format!(r#"{{"records":[{{}},{{"a":"{}"}}]}}"#, "x".repeat(64));
        for (text, limit) in [
            (r#"{"records":[{},{},{},{}]}"#, "bulk_records"),
            (&long, "bulk_record`"),
            (r#"{"records":[{"a":[[{}]]}]}"#, "bulk_depth"),
            (r#"{"records":[1]}"#, "use a list of objects"),
        ] {
            let Err(BadRecords::Records(why)) = taken(text) else {
                panic!("{text}")
            };
            assert!(why.contains(limit), "{why}");
        }
        let beside = format!(r#"{{"a":"{}"}}"#, "x".repeat(MOST_BESIDE));
        assert!(matches!(taken(&beside), Err(BadRecords::Records(_))));
    }

    #[test]
    fn a_batch_ends_by_number_and_by_size() {
        let limits = Limits {
            records: 2000,
            bytes: 200 << 10,
            depth: 3,
        };
        let sizes = |record: &str, count: usize| -> Vec<usize> {
            let body = format!("{{\"records\":[{}]}}", vec![record; count].join(","));
            let records = read(&Bytes::from(body), limits).unwrap().1.unwrap();
            records.batches().map(|batch| batch.unwrap().len()).collect()
        };
        assert_eq!(sizes("{}", 1001), [500, 500, 1]);
        assert_eq!(sizes(&json!({"a": "x".repeat(150 << 10)}).to_string(), 3), [2, 1]);
    }

    /// Each beginning of a body, and each body with one byte changed, is taken as a parser takes it, or refused.
    #[test]
    fn no_text_is_taken_otherwise_than_a_parser_takes_it() {
        let whole = r#"{"x":1,"records":[{"a":"b\\\""},{"c":[1]}],"y":{"records":[]}}"#;
        let part = |range: Range<usize>| whole.get(range).unwrap();
        let mut texts: Vec<String> = (0..whole.len()).map(|end| part(0..end).to_owned()).collect();
        for at in 0..whole.len() {
            for byte in "{}[]\",:\\ 1a".chars() {
                for rest in [at, at + 1] {
                    texts.push(format!("{}{byte}{}", part(0..at), part(rest..whole.len())));
                }
            }
        }
        let mut taken_ones = 0;
        for text in texts {
            let Ok((fields, records)) = taken(&text) else {
                continue;
            };
            taken_ones += 1;
            let mut expected: Map<String, Value> = serde_json::from_str(&text).expect(&text);
            if let Some(records) = records {
                assert_eq!(expected.remove("records"), Some(Value::from(records)), "{text}");
            }
            assert_eq!(expected, fields, "{text}");
        }
        assert!(taken_ones > 20, "{taken_ones}");
    }
}
