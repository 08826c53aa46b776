//! Going through a table in pages, whatever its rows hold.

use privet_store::{Database, Row, Scope, Value, values};
use privet_types::TenantId;

use crate::Error;
use crate::consent::hex;

/// Bytes of a hash that are shown of a row's key.
const SHOWN: usize = 8;

/// A table to go through in the order of its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walk {
    /// The table, perhaps joined with others; it is called `t`.
    pub(crate) from: &'static str,
    /// The columns of `t` that, with the tenant, name a row.
    pub(crate) key: &'static [&'static str],
    /// Further columns to read.
    pub(crate) columns: &'static str,
    /// A further condition, beginning with `AND`, or empty.
    pub(crate) condition: &'static str,
    /// Rows of a page.
    pub(crate) limit: u32,
}

/// A row's values, read as what they should be: `None` where they are something else.
#[derive(Debug, Clone)]
pub(crate) struct Cells(Vec<Value>);

impl Cells {
    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        match self.0.get(at)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn int(&self, at: usize) -> Option<i64> {
        match self.0.get(at)? {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self, at: usize) -> Option<&[u8]> {
        match self.0.get(at)? {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self, at: usize) -> bool {
        matches!(self.0.get(at), None | Some(Value::Null(_)))
    }

    pub(crate) fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.bytes(at)?.try_into().ok()
    }

    /// The first `width` values as the name of a row: text as it is, hashes by their beginning.
    pub(crate) fn label(&self, width: usize) -> String {
        let shown = self.0.iter().take(width).map(|value| match value {
            Value::Text(text) => text.clone(),
            Value::Int(number) => number.to_string(),
            Value::Bytes(bytes) => hex(bytes.get(..SHOWN).unwrap_or(bytes)),
            Value::Real(_) | Value::Null(_) => "-".to_owned(),
        });
        shown.collect::<Vec<_>>().join("/")
    }

    /// The values from `first` on.
    pub(crate) fn values_from(&self, first: usize) -> Vec<Value> {
        self.0.iter().skip(first).cloned().collect()
    }

    /// As [`label`](Self::label), of all values from `first` on.
    pub(crate) fn label_from(&self, first: usize) -> String {
        Self(self.values_from(first)).label(usize::MAX)
    }

    /// The first `width` values.
    pub(crate) fn key(&self, width: usize) -> Vec<Value> {
        self.0.iter().take(width).cloned().collect()
    }
}

impl From<Row> for Cells {
    fn from(row: Row) -> Self {
        Self(row.into_values())
    }
}

impl Walk {
    /// The rows of `tenant` behind `after`, each with the key's values in front. Fewer than `limit` are the last ones.
    pub(crate) async fn page(
        &self,
        database: &Database,
        tenant: &TenantId,
        after: Option<Vec<Value>>,
    ) -> Result<Vec<Cells>, Error> {
        let key: Vec<String> = self.key.iter().map(|column| format!("t.{column}")).collect();
        let list = key.join(", ");
        let mut values = values![tenant.as_str()];
        let behind = match after {
            Some(after) => {
                values.extend(after);
                let places: Vec<String> = (2..=values.len()).map(|n| format!("${n}")).collect();
                format!("AND ({list}) > ({})", places.join(", "))
            }
            None => String::new(),
        };
        let columns = if self.columns.is_empty() {
            String::new()
        } else {
            format!(", {}", self.columns)
        };
        let sql = format!(
            "SELECT {list}{columns} FROM {} WHERE t.tenant = $1 {} {behind} ORDER BY {list} LIMIT {}",
            self.from, self.condition, self.limit
        );
        let rows: Vec<Row> = database
            .read::<_, Error, _>(&Scope::Tenant(tenant.clone()), move |tx| {
                Box::pin(async move { Ok(tx.rows(sql, values).await?) })
            })
            .await?;
        Ok(rows.into_iter().map(Cells::from).collect())
    }

    /// What follows the page `rows`; `None` if it was the last one.
    pub(crate) fn behind(&self, rows: &[Cells]) -> Option<Vec<Value>> {
        let is_full = rows.len() >= self.limit as usize;
        rows.last().filter(|_| is_full).map(|row| row.key(self.key.len()))
    }
}

/// Goes through the table `$walk`, with `$rows` for each page.
macro_rules! walk {
    ($walk:expr, $database:expr, $tenant:expr, |$rows:ident| $body:block) => {{
        let mut after = None;
        loop {
            let $rows = $walk.page($database, $tenant, after).await?;
            after = $walk.behind(&$rows);
            $body
            if after.is_none() {
                break;
            }
        }
    }};
}

pub(crate) use walk;
