//! How often each value of a field occurs among the matches.

use crate::{
    answer::{Bucket, Terms},
    bits::Bits,
    error::{Error, Result},
    filter::Scalar,
    part::Part,
    question::Aggregation,
    schema::COLUMNS,
};
use std::collections::HashMap;
use tantivy::{
    columnar::{ColumnType, StrColumn},
    i64_to_u64, u64_to_f64, u64_to_i64,
};

/// So many different values can be told apart.
const MOST_VALUES: usize = 65_536;

/// A whole number is the same value in a segment where others have fractions.
fn of_float(raw: u64) -> (char, u64) {
    const EXACT: f64 = (1_u64 << 53) as f64;
    let float = u64_to_f64(raw);
    if float.fract() == 0.0 && float.abs() <= EXACT { ('i', i64_to_u64(float as i64)) } else { ('f', raw) }
}

/// An aggregation under way.
pub(crate) struct Counting<'a> {
    aggregation: &'a Aggregation,
    texts: HashMap<String, u64>,
    /// By the letter of the type and the bits of the value.
    numbers: HashMap<(char, u64), u64>,
}

impl<'a> Counting<'a> {
    pub(crate) fn new(aggregation: &'a Aggregation) -> Self {
        Self { aggregation, texts: HashMap::new(), numbers: HashMap::new() }
    }

    /// Counts the matches in a segment.
    pub(crate) fn add(&mut self, part: &Part<'_>, matches: &Bits) -> Result<()> {
        let fast = part.reader.fast_fields();
        let column = format!("{COLUMNS}.{}", self.aggregation.field);
        if let Some(column) = fast.str(&column)? {
            self.add_texts(&column, matches)?;
        }
        let types = [ColumnType::I64, ColumnType::U64, ColumnType::F64, ColumnType::Bool];
        for (column, kind) in fast.u64_lenient_for_type_all(Some(&types), &column)? {
            for raw in matches.iter().flat_map(|doc| column.values_for_doc(doc)) {
                let key = match kind {
                    ColumnType::I64 => ('i', raw),
                    ColumnType::F64 => of_float(raw),
                    ColumnType::Bool => ('b', raw),
                    _ => ('u', raw),
                };
                *self.numbers.entry(key).or_default() += 1;
                self.check()?;
            }
        }
        Ok(())
    }

    fn add_texts(&mut self, column: &StrColumn, matches: &Bits) -> Result<()> {
        // One number for each value in the segment; values of columns are short, and those that differ everywhere have no
        // column, so there are not many.
        let mut counts = vec![0_u32; column.dictionary().num_terms()];
        for ord in matches.iter().flat_map(|doc| column.ords().values_for_doc(doc)) {
            if let Some(count) = counts.get_mut(ord as usize) {
                *count += 1;
            }
        }
        let mut text = String::new();
        for (ord, count) in counts.into_iter().enumerate().filter(|(_, count)| *count > 0) {
            column.ord_to_str(ord as u64, &mut text)?;
            *self.texts.entry(text.clone()).or_default() += u64::from(count);
            self.check()?;
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        if self.texts.len() + self.numbers.len() > MOST_VALUES {
            let reason = format!("`{}` has more than {MOST_VALUES} values here", self.aggregation.field);
            return Err(Error::question(format!("aggs.{}", self.aggregation.name), reason));
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Terms {
        let number = |(kind, raw): (char, u64)| match kind {
            'i' => Scalar::Integer(u64_to_i64(raw)),
            'f' => Scalar::Float(u64_to_f64(raw)),
            'b' => Scalar::Bool(raw != 0),
            _ => Scalar::Float(raw as f64),
        };
        let numbers = self.numbers.into_iter().map(|(key, count)| Bucket { key: number(key), count });
        let texts = self.texts.into_iter().map(|(text, count)| Bucket { key: Scalar::Text(text), count });
        let mut buckets: Vec<Bucket> = numbers.chain(texts).collect();
        buckets.sort_unstable_by(|one, two| two.count.cmp(&one.count).then_with(|| one.key.order(&two.key)));
        let shown = self.aggregation.size.min(buckets.len());
        let others = buckets.drain(shown..).map(|bucket| bucket.count).sum();
        Terms { name: self.aggregation.name.clone(), buckets, others }
    }
}
