//! Small arrays of numbers, and the steps that exporters compute shapes, places and masks with.
//!
//! Source: "ONNX Operators", <https://onnx.ai/onnx/operators/>, for what each step does. What is not among them, or larger
//! than [`MOST`], is not computed.

/// Most numbers of an array.
pub(super) const MOST: usize = 1 << 16;
/// Most axes of one.
pub(super) const MOST_AXES: usize = 8;

/// Numbers in rows of `shape`; whole ones and truth values, too.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Small {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
    /// Whether they are whole numbers or truth values.
    pub(super) is_whole: bool,
}

/// How many numbers an array of `shape` has, if it is not too large: as one that is empty would be without its empty axes.
pub(super) fn count(shape: &[usize]) -> Option<usize> {
    let whole = shape
        .iter()
        .try_fold(1_usize, |all, n| all.checked_mul((*n).max(1)))?;
    let is_empty = shape.contains(&0);
    (whole <= MOST && shape.len() <= 2 * MOST_AXES).then_some(if is_empty { 0 } else { whole })
}

/// The shape that arrays of `a` and `b` are brought to when they meet.
pub(super) fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| {
        let skipped = rank - shape.len();
        axis.checked_sub(skipped)
            .map_or(Some(1), |axis| shape.get(axis).copied())
    };
    (0..rank)
        .map(|axis| match (at(a, axis)?, at(b, axis)?) {
            (1, n) | (n, 1) => Some(n),
            (n, m) if n == m => Some(n),
            _ => None,
        })
        .collect()
}

/// `axis`, counted from the end if negative, of `rank`.
pub(super) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis + rank } else { axis };
    usize::try_from(axis).ok().filter(|axis| (*axis as i64) < rank)
}

impl Small {
    pub(super) fn new(shape: Vec<usize>, values: Vec<f64>, is_whole: bool) -> Option<Self> {
        (shape.len() <= MOST_AXES && count(&shape)? == values.len()).then_some(Self {
            shape,
            values,
            is_whole,
        })
    }

    /// Its numbers as whole ones.
    pub(super) fn integers(&self) -> Vec<i64> {
        self.values.iter().map(|n| *n as i64).collect()
    }

    /// Its one number.
    pub(super) fn scalar(&self) -> Option<f64> {
        match self.values.as_slice() {
            [number] => Some(*number),
            _ => None,
        }
    }

    /// The same, for each axis how far apart its neighbours are.
    fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.shape.len()];
        for at in (0..self.shape.len().saturating_sub(1)).rev() {
            let next =
                strides.get(at + 1).copied().unwrap_or(1) * self.shape.get(at + 1).copied().unwrap_or(1);
            if let Some(stride) = strides.get_mut(at) {
                *stride = next;
            }
        }
        strides
    }

    /// The array of `shape` whose number at each place lies `strides` times the place, from `start` on.
    fn view(&self, shape: Vec<usize>, strides: &[usize], start: usize) -> Option<Self> {
        let total = count(&shape)?;
        let mut place = vec![0_usize; shape.len()];
        let mut values = Vec::with_capacity(total);
        for _ in 0..total {
            let at = place
                .iter()
                .zip(strides)
                .map(|(i, stride)| i * stride)
                .sum::<usize>();
            values.push(*self.values.get(start + at)?);
            for (i, n) in place.iter_mut().zip(&shape).rev() {
                *i += 1;
                if *i < *n {
                    break;
                }
                *i = 0;
            }
        }
        Self::new(shape, values, self.is_whole)
    }

    pub(super) fn expand(&self, shape: &[usize]) -> Option<Self> {
        let shape = broadcast(&self.shape, shape)?;
        let skipped = shape.len() - self.shape.len();
        let own = self.shape.iter().zip(self.strides());
        let strides: Vec<usize> = std::iter::repeat_n(0, skipped)
            .chain(own.map(|(n, stride)| if *n == 1 { 0 } else { stride }))
            .collect();
        self.view(shape, &strides, 0)
    }

    pub(super) fn transpose(&self, perm: &[i64]) -> Option<Self> {
        let strides = self.strides();
        let order: Vec<usize> = perm
            .iter()
            .map(|n| axis(*n, self.shape.len()))
            .collect::<Option<_>>()?;
        let pick = |of: &[usize]| {
            order
                .iter()
                .map(|at| of.get(*at).copied())
                .collect::<Option<Vec<_>>>()
        };
        if order.len() != self.shape.len() {
            return None;
        }
        self.view(pick(&self.shape)?, &pick(&strides)?, 0)
    }

    pub(super) fn gather(&self, places: &Self, along: i64) -> Option<Self> {
        let along = axis(along, self.shape.len())?;
        let (outer, rest) = self.shape.split_at_checked(along)?;
        let (length, inner) = rest.split_first()?;
        let width = count(inner).filter(|width| *width > 0)?;
        let mut values = Vec::new();
        for block in 0..count(outer)? {
            for place in places.integers() {
                let place = if place < 0 {
                    place + i64::try_from(*length).ok()?
                } else {
                    place
                };
                let place = usize::try_from(place).ok().filter(|place| place < length)?;
                let from = (block * length + place) * width;
                values.extend_from_slice(self.values.get(from..from + width)?);
                if values.len() > MOST {
                    return None;
                }
            }
        }
        let shape = [outer, &places.shape, inner].concat();
        Self::new(shape, values, self.is_whole)
    }

    /// `GatherND` with no axis shared.
    pub(super) fn gather_each(&self, places: &Self) -> Option<Self> {
        let (depth, outer) = places.shape.split_last()?;
        let inner = self.shape.get(*depth..)?;
        let width = count(inner).filter(|width| *width > 0)?;
        let strides = self.strides();
        let mut values = Vec::new();
        for place in places.integers().chunks_exact((*depth).max(1)) {
            let mut from = 0;
            for ((i, n), stride) in place.iter().zip(&self.shape).zip(&strides) {
                from += usize::try_from(*i).ok().filter(|i| i < n)? * stride;
            }
            values.extend_from_slice(self.values.get(from..from + width)?);
            if values.len() > MOST {
                return None;
            }
        }
        Self::new([outer, inner].concat(), values, self.is_whole)
    }

    /// For each number of `places` the one that stands there along an axis, and where `places` has it along all others.
    pub(super) fn gather_elements(&self, places: &Self, along: i64) -> Option<Self> {
        let along = axis(along, self.shape.len())?;
        let (strides, steps) = (self.strides(), places.strides());
        let length = i64::try_from(*self.shape.get(along)?).ok()?;
        if places.shape.len() != self.shape.len() {
            return None;
        }
        let one = |(at, place): (usize, i64)| {
            let place = if place < 0 { place + length } else { place };
            let mut from = 0;
            let axes = self
                .shape
                .iter()
                .zip(&strides)
                .zip(places.shape.iter().zip(&steps));
            for (axis, ((n, stride), (count, step))) in axes.enumerate() {
                let index = if axis == along {
                    usize::try_from(place).ok()?
                } else {
                    at.checked_div(*step)?.checked_rem(*count)?
                };
                from += Some(index).filter(|index| index < n)? * stride;
            }
            self.values.get(from).copied()
        };
        let values = places.integers().into_iter().enumerate().map(one);
        Self::new(
            places.shape.clone(),
            values.collect::<Option<_>>()?,
            self.is_whole,
        )
    }

    pub(super) fn slice(&self, starts: &[i64], ends: &[i64], axes: &[i64]) -> Option<Self> {
        let (mut shape, strides, mut start) = (self.shape.clone(), self.strides(), 0);
        for ((from, to), along) in starts.iter().zip(ends).zip(axes) {
            let at = axis(*along, self.shape.len())?;
            let length = i64::try_from(*self.shape.get(at)?).ok()?;
            let clamp = |n: i64| (if n < 0 { n.saturating_add(length) } else { n }).clamp(0, length);
            let (from, to) = (clamp(*from), clamp(*to));
            *shape.get_mut(at)? = usize::try_from(to - from).unwrap_or(0);
            start += usize::try_from(from).ok()? * strides.get(at)?;
        }
        self.view(shape, &strides, start)
    }

    pub(super) fn concat(parts: &[&Self], along: i64) -> Option<Self> {
        let first = parts.first()?;
        let along = axis(along, first.shape.len())?;
        let outer = count(first.shape.get(..along)?)?;
        let mut shape = first.shape.clone();
        *shape.get_mut(along)? = parts
            .iter()
            .try_fold(0_usize, |sum, part| sum.checked_add(*part.shape.get(along)?))?;
        let mut values = Vec::new();
        if parts.iter().all(|part| part.values.is_empty()) {
            return None;
        }
        for block in 0..outer {
            for part in parts {
                let width = part.values.len().checked_div(outer)?;
                values.extend_from_slice(part.values.get(block * width..(block + 1) * width)?);
                if values.len() > MOST {
                    return None;
                }
            }
        }
        Self::new(shape, values, first.is_whole)
    }

    pub(super) fn map(&self, is_whole: bool, change: impl Fn(f64) -> f64) -> Self {
        Self {
            shape: self.shape.clone(),
            values: self.values.iter().map(|n| change(*n)).collect(),
            is_whole,
        }
    }

    /// What the binary step `operator` makes of two arrays.
    pub(super) fn binary(&self, operator: &str, other: &Self) -> Option<Self> {
        let is_whole = self.is_whole && other.is_whole;
        let truth = |is: bool| f64::from(u8::from(is));
        let step: &dyn Fn(f64, f64) -> f64 = match operator {
            "Add" => &|a, b| a + b,
            "Sub" => &|a, b| a - b,
            "Mul" => &|a, b| a * b,
            "Div" if is_whole => &|a, b| (a / b).trunc(),
            "Div" => &|a, b| a / b,
            "Pow" => &|a, b| a.powf(b),
            "Min" => &|a, b| a.min(b),
            "Max" => &|a, b| a.max(b),
            "Equal" => &|a, b| truth(a == b),
            "Less" => &|a, b| truth(a < b),
            "LessOrEqual" => &|a, b| truth(a <= b),
            "Greater" => &|a, b| truth(a > b),
            "GreaterOrEqual" => &|a, b| truth(a >= b),
            "And" => &|a, b| truth(a != 0.0 && b != 0.0),
            "Or" => &|a, b| truth(a != 0.0 || b != 0.0),
            _ => return None,
        };
        let is_truth = !matches!(operator, "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Min" | "Max");
        let shape = broadcast(&self.shape, &other.shape)?;
        let (a, b) = (self.expand(&shape)?, other.expand(&shape)?);
        let values = a.values.iter().zip(&b.values).map(|(a, b)| step(*a, *b));
        Self::new(shape, values.collect(), is_whole || is_truth)
    }

    /// `a` where it is true, else `b`.
    pub(super) fn choose(&self, a: &Self, b: &Self) -> Option<Self> {
        let shape = broadcast(&broadcast(&self.shape, &a.shape)?, &b.shape)?;
        let (is, x, y) = (self.expand(&shape)?, a.expand(&shape)?, b.expand(&shape)?);
        let rows = is.values.iter().zip(x.values.iter().zip(&y.values));
        let values = rows
            .map(|(is, (x, y))| if *is == 0.0 { *y } else { *x })
            .collect();
        Self::new(shape, values, a.is_whole && b.is_whole)
    }
}

/// What `Reshape` makes of `shape`.
pub(super) fn reshaped(shape: &[usize], wanted: &[i64], keeps_zero: bool) -> Option<Vec<usize>> {
    let total = shape.iter().try_fold(1_usize, |all, n| all.checked_mul(*n))?;
    let mut out = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (at, n) in wanted.iter().enumerate() {
        out.push(match *n {
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            0 if !keeps_zero => *shape.get(at)?,
            n => usize::try_from(n).ok()?,
        });
    }
    let known = out.iter().try_fold(1_usize, |all, n| all.checked_mul(*n))?;
    if let Some(place) = open.and_then(|at| out.get_mut(at)) {
        *place = total.checked_div(known)?;
    }
    let made = out.iter().try_fold(1_usize, |all, n| all.checked_mul(*n))?;
    (made == total).then_some(out)
}

/// `shape` with axes of one at `axes`, counted in the result.
pub(super) fn unsqueezed(shape: &[usize], axes: &[i64]) -> Option<Vec<usize>> {
    let rank = shape.len() + axes.len();
    let new: Vec<usize> = axes.iter().map(|n| axis(*n, rank)).collect::<Option<_>>()?;
    let mut rest = shape.iter();
    (0..rank)
        .map(|at| {
            if new.contains(&at) {
                Some(1)
            } else {
                rest.next().copied()
            }
        })
        .collect()
}

/// `shape` without `axes` of one; without any, if none are named.
pub(super) fn squeezed(shape: &[usize], axes: Option<&[i64]>) -> Option<Vec<usize>> {
    let gone: Option<Vec<usize>> = match axes {
        Some(axes) => Some(
            axes.iter()
                .map(|n| axis(*n, shape.len()))
                .collect::<Option<_>>()?,
        ),
        None => None,
    };
    let is_gone = |at: usize, n: usize| gone.as_ref().map_or(n == 1, |gone| gone.contains(&at));
    let mut out = Vec::new();
    for (at, n) in shape.iter().enumerate() {
        if !is_gone(at, *n) {
            out.push(*n);
        } else if *n != 1 {
            return None;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Small {
        fn reshape(&self, wanted: &[i64], keeps_zero: bool) -> Option<Self> {
            let shape = reshaped(&self.shape, wanted, keeps_zero)?;
            Self::new(shape, self.values.clone(), self.is_whole)
        }
    }

    fn row(values: &[i32]) -> Small {
        let numbers = values.iter().map(|n| f64::from(*n)).collect();
        Small::new(vec![values.len()], numbers, true).unwrap()
    }

    #[test]
    fn steps_do_what_the_standard_says() {
        let six = row(&[0, 1, 2, 3, 4, 5]).reshape(&[2, -1], false).unwrap();
        assert_eq!(six.shape, [2, 3]);
        assert_eq!(
            six.transpose(&[1, 0]).unwrap().values,
            [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]
        );
        assert_eq!(
            six.slice(&[1], &[i64::MAX], &[-1]).unwrap().values,
            [1.0, 2.0, 4.0, 5.0]
        );
        assert_eq!(six.gather(&row(&[-1]), 1).unwrap().values, [2.0, 5.0]);
        let places = row(&[1, 0, 0, 2]).reshape(&[2, 2], false).unwrap();
        assert_eq!(six.gather_each(&places).unwrap().values, [3.0, 2.0]);
        let sum = six.binary("Add", &row(&[10, 20, 30])).unwrap();
        assert_eq!(sum.values, [10.0, 21.0, 32.0, 13.0, 24.0, 35.0]);
        assert_eq!(
            row(&[7, -7]).binary("Div", &row(&[2])).unwrap().values,
            [3.0, -3.0]
        );
        let both = Small::concat(&[&six, &six], -1).unwrap();
        assert_eq!((both.shape.as_slice(), both.values[3]), (&[2, 6][..], 0.0));
        assert_eq!(unsqueezed(&[5], &[0, -1]).unwrap(), [1, 5, 1]);
        assert_eq!(squeezed(&[1, 5, 1], Some(&[0])).unwrap(), [5, 1]);
    }

    #[test]
    fn what_does_not_fit_or_is_too_large_is_not_computed() {
        assert!(row(&[1, 2, 3]).binary("Add", &row(&[1, 2])).is_none());
        assert!(row(&[1, 2, 3]).reshape(&[2, -1], false).is_none());
        assert!(row(&[1]).expand(&[MOST + 1]).is_none());
        assert!(row(&[1]).gather(&row(&[1]), 0).is_none());
        assert!(row(&[1]).transpose(&[0, 1]).is_none());
        assert!(squeezed(&[2], Some(&[0])).is_none());
    }
}
