//! The file that holds the numbers of the network.
//!
//! Little-endian, no padding: the 8 bytes `PRIVNER1`; the temperature (f32); three tables (whole words, word parts,
//! shapes), each as one scale (f32) a row and then 64 signed bytes a row; the bias of the first layer, 2 rows for words
//! without and with white space before, 4 rows for the casings (f32 × 64 each); five times gain and bias of the
//! normalisation (64 each), the kernel (192 × 64, tap by tap, input by input) and its bias (64); gain and bias of the last normalisation,
//! the output matrix (64 × 25) and its bias (25), all f32; at last 64-bit FNV-1a of all bytes before, taken 8 at a time.

use std::borrow::Cow;

use crate::error::Error;
use crate::feature::{CASINGS, PART_ROWS, SHAPE_ROWS, WORD_ROWS};
use crate::label::LABELS;

/// Numbers that stand for one token between layers.
pub(crate) const WIDTH: usize = 64;
/// Distance of the neighbours that each layer looks at. Sum: 10 tokens to each side.
pub(crate) const DILATIONS: [usize; 5] = [1, 2, 4, 1, 2];
/// How many tokens to each side of a token the network looks at to decide about it.
pub const REACH: usize = 10;
const _: () = assert!(REACH == DILATIONS[0] + DILATIONS[1] + DILATIONS[2] + DILATIONS[3] + DILATIONS[4]);
/// Columns that the inner loop of the kernel holds in registers.
pub(crate) const LANES: usize = 16;

const MAGIC: &[u8; 8] = b"PRIVNER1";

pub(crate) type Row = [f32; WIDTH];

/// One dilated convolution over a normalised input.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) gain: Row,
    pub(crate) offset: Row,
    /// Blocks of [`LANES`] columns; in each 3 taps of [`WIDTH`] inputs.
    pub(crate) kernel: Vec<[f32; LANES]>,
    pub(crate) bias: Row,
}

#[derive(Debug)]
pub(crate) struct Table {
    scales: Vec<f32>,
    start: usize,
}

#[derive(Debug)]
pub(crate) struct Weights {
    bytes: Cow<'static, [u8]>,
    pub(crate) temperature: f32,
    pub(crate) words: Table,
    pub(crate) parts: Table,
    pub(crate) shapes: Table,
    pub(crate) bias: Row,
    pub(crate) spaced: [Row; 2],
    pub(crate) casings: [Row; CASINGS],
    pub(crate) layers: Vec<Layer>,
    pub(crate) gain: Row,
    pub(crate) offset: Row,
    /// The output matrix, an input a row, padded with zeros to a whole number of [`LANES`].
    pub(crate) out: Vec<[f32; 2 * LANES]>,
    pub(crate) out_bias: [f32; 2 * LANES],
}

/// FNV-1a over 64-bit words; a last short word is padded with zeros.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(0xcbf2_9ce4_8422_2325, |hash, chunk| {
        let word = chunk
            .iter()
            .rev()
            .fold(0_u64, |word, b| word << 8 | u64::from(*b));
        (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

const fn table_size(rows: u32) -> usize {
    rows as usize * (4 + WIDTH)
}

const SIZE: usize = MAGIC.len()
    + 4
    + table_size(WORD_ROWS)
    + table_size(PART_ROWS)
    + table_size(SHAPE_ROWS)
    + 4 * WIDTH * (1 + 2 + CASINGS)
    + DILATIONS.len() * 4 * WIDTH * (3 + 3 * WIDTH)
    + 4 * (2 * WIDTH + (WIDTH + 1) * LABELS)
    + 8;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn number(&mut self) -> Result<f32, Error> {
        let bytes = self
            .bytes
            .get(self.at..)
            .and_then(|b| b.first_chunk::<4>())
            .ok_or(Error::Layout)?;
        self.at += 4;
        let number = f32::from_le_bytes(*bytes);
        // No number of a trained network comes near; the bound keeps every sum finite.
        if number.is_finite() && number.abs() < 1e4 {
            Ok(number)
        } else {
            Err(Error::Number)
        }
    }

    fn fill<const N: usize>(&mut self, count: usize) -> Result<[f32; N], Error> {
        let mut row = [0.0; N];
        for place in row.iter_mut().take(count) {
            *place = self.number()?;
        }
        Ok(row)
    }

    fn row(&mut self) -> Result<Row, Error> {
        self.fill(WIDTH)
    }

    fn table(&mut self, rows: u32) -> Result<Table, Error> {
        let scales = (0..rows).map(|_| self.number()).collect::<Result<Vec<_>, _>>()?;
        let start = self.at;
        self.at += scales.len() * WIDTH;
        Ok(Table { scales, start })
    }

    fn layer(&mut self) -> Result<Layer, Error> {
        let (gain, offset) = (self.row()?, self.row()?);
        let inputs = (0..3 * WIDTH)
            .map(|_| self.row())
            .collect::<Result<Vec<_>, _>>()?;
        let kernel = (0..WIDTH / LANES)
            .flat_map(|block| {
                inputs
                    .iter()
                    .filter_map(move |row| row.as_chunks().0.get(block).copied())
            })
            .collect();
        Ok(Layer {
            gain,
            offset,
            kernel,
            bias: self.row()?,
        })
    }
}

impl Weights {
    /// Reads weights that came from anywhere: everything is looked at, the checksum too.
    pub(crate) fn read(bytes: Cow<'static, [u8]>) -> Result<Self, Error> {
        let (body, sum) = bytes.split_last_chunk::<8>().ok_or(Error::Layout)?;
        if bytes.starts_with(MAGIC) && bytes.len() == SIZE && checksum(body) != u64::from_le_bytes(*sum) {
            return Err(Error::Checksum);
        }
        Self::read_shipped(bytes)
    }

    /// Reads weights that are part of the program, whose checksum a test holds. Their tables are left where they are: a
    /// program that waits for its first text has not touched them.
    pub(crate) fn read_shipped(bytes: Cow<'static, [u8]>) -> Result<Self, Error> {
        if !bytes.starts_with(MAGIC) {
            return Err(Error::Layout);
        }
        if bytes.len() != SIZE {
            return Err(Error::Length {
                found: bytes.len(),
                needed: SIZE,
            });
        }
        let (body, _) = bytes.split_last_chunk::<8>().ok_or(Error::Layout)?;
        let mut reader = Reader {
            bytes: body,
            at: MAGIC.len(),
        };
        let temperature = reader.number()?;
        if temperature < 0.05 {
            return Err(Error::Number);
        }
        let (words, parts, shapes) = (
            reader.table(WORD_ROWS)?,
            reader.table(PART_ROWS)?,
            reader.table(SHAPE_ROWS)?,
        );
        let bias = reader.row()?;
        let spaced = [reader.row()?, reader.row()?];
        let casings = [reader.row()?, reader.row()?, reader.row()?, reader.row()?];
        let layers = DILATIONS
            .iter()
            .map(|_| reader.layer())
            .collect::<Result<Vec<_>, _>>()?;
        let (gain, offset) = (reader.row()?, reader.row()?);
        let out = (0..WIDTH)
            .map(|_| reader.fill(LABELS))
            .collect::<Result<Vec<_>, _>>()?;
        let out_bias = reader.fill(LABELS)?;
        Ok(Self {
            temperature,
            words,
            parts,
            shapes,
            bias,
            spaced,
            casings,
            layers,
            gain,
            offset,
            out,
            out_bias,
            bytes,
        })
    }

    /// Adds `factor` times the `row`th row of `table` to `sum`.
    #[inline(always)]
    pub(crate) fn add(&self, table: &Table, row: u32, factor: f32, sum: &mut Row) {
        let row = row as usize;
        let start = table.start + row * WIDTH;
        let (Some(scale), Some(numbers)) = (table.scales.get(row), self.bytes.get(start..start + WIDTH))
        else {
            return;
        };
        let factor = scale * factor;
        for (sum, number) in sum.iter_mut().zip(numbers) {
            *sum += factor * f32::from(number.cast_signed());
        }
    }
}
