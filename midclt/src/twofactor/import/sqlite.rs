//! Whole tables of a SQLite database (<https://www.sqlite.org/fileformat2.html>): what a backup needs, so
//! that midclt does without SQLite. The file is somebody else's, so that nothing in it is believed.

use std::collections::BTreeSet;

/// What a file begins with.
pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";

const DAMAGED: &str = "the database is damaged or cut off";

/// Where the database says how its text is encoded, and its encoding here.
const ENCODING: usize = 56;
const UTF8: usize = 1;

/// The first page begins with the file's own header.
const FILE_HEADER: usize = 100;

/// The column of `sqlite_schema` with each.
const SCHEMA: [&str; 5] = ["type", "name", "tbl_name", "rootpage", "sql"];

type Result<T> = std::result::Result<T, &'static str>;

/// A database in memory.
pub(super) struct Database<'a> {
    bytes: &'a [u8],
    page_bytes: usize,
    /// What of a page is used.
    usable: usize,
}

/// A value of a row. Numbers with a fraction and blobs are no matter here.
#[derive(Clone, PartialEq, Eq)]
enum Value {
    Nothing,
    Integer(i64),
    Text(String),
}

/// A table, all of it.
pub(super) struct Table {
    columns: Vec<String>,
    rows: Vec<(i64, Vec<Value>)>,
}

/// A row of a table.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Table,
    /// The number of the row, which is its `INTEGER PRIMARY KEY`.
    pub(super) id: i64,
    values: &'a [Value],
}

impl<'a> Database<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self> {
        let page_bytes = match integer(bytes, 16, 2)? {
            1 => 65_536,
            bytes => bytes,
        };
        let usable = page_bytes.saturating_sub(integer(bytes, 20, 1)?);
        // SQLite's own limits; a page of a cell has room for its numbers then.
        let is_sound = bytes.starts_with(MAGIC) && page_bytes.is_power_of_two() && usable >= 480;
        let pages = integer(bytes, 28, 4)?;
        if !is_sound || bytes.len() / page_bytes < pages {
            return Err(DAMAGED);
        }
        if integer(bytes, ENCODING, 4)? != UTF8 {
            return Err("the database is not in UTF-8");
        }
        Ok(Self {
            bytes,
            page_bytes,
            usable,
        })
    }

    /// The table of a name, if there is one.
    pub(super) fn table(&self, name: &str) -> Result<Option<Table>> {
        let schema = Table {
            columns: SCHEMA.map(str::to_owned).into(),
            rows: self.rows(1)?,
        };
        let is_it =
            |row: &Row<'_>| row.text("type") == Some("table") && row.text("name") == Some(name);
        let Some(row) = schema.rows().find(is_it) else {
            return Ok(None);
        };
        let root = row
            .integer("rootpage")
            .and_then(|root| root.try_into().ok());
        Ok(Some(Table {
            columns: columns(row.text("sql").ok_or(DAMAGED)?),
            rows: self.rows(root.ok_or(DAMAGED)?)?,
        }))
    }

    /// The rows of the tree that begins at a page.
    fn rows(&self, root: usize) -> Result<Vec<(i64, Vec<Value>)>> {
        let (mut rows, mut seen, mut waiting) = (Vec::new(), BTreeSet::new(), vec![root]);
        // All rows together have room in the file, whatever their cells say.
        let mut left = self.bytes.len();
        while let Some(number) = waiting.pop() {
            // No tree has a page twice, so that this ends.
            if !seen.insert(number) {
                return Err(DAMAGED);
            }
            let page = self.page(number)?;
            let header = if number == 1 { FILE_HEADER } else { 0 };
            let (is_leaf, cells) = match integer(page, header, 1)? {
                13 => (true, header + 8),
                5 => (false, header + 12),
                _ => return Err(DAMAGED),
            };
            for cell in 0..integer(page, header + 3, 2)? {
                let at = integer(page, cells + 2 * cell, 2)?;
                if is_leaf {
                    rows.push(self.row(page.get(at..).ok_or(DAMAGED)?, &mut left)?);
                } else {
                    waiting.push(integer(page, at, 4)?);
                }
            }
            if !is_leaf {
                waiting.push(integer(page, header + 8, 4)?);
            }
        }
        rows.sort_by_key(|(id, _)| *id);
        Ok(rows)
    }

    fn row(&self, cell: &[u8], left: &mut usize) -> Result<(i64, Vec<Value>)> {
        let (length, rest) = varint(cell)?;
        let (id, rest) = varint(rest)?;
        let length = usize::try_from(length).map_err(|_| DAMAGED)?;
        *left = left.checked_sub(length).ok_or(DAMAGED)?;
        Ok((id, record(&self.payload(length, rest)?)?))
    }

    /// The bytes of a row: in the cell, and what has no room there on pages of its own.
    fn payload(&self, length: usize, cell: &[u8]) -> Result<Vec<u8>> {
        let least = (self.usable - 12) * 32 / 255 - 23;
        let wanted = least + length.saturating_sub(least) % (self.usable - 4);
        let most = self.usable - 35;
        let here = match length {
            _ if length <= most => length,
            _ if wanted <= most => wanted,
            _ => least,
        };
        let mut payload = cell.get(..here).ok_or(DAMAGED)?.to_vec();
        let mut next = if here < length {
            integer(cell, here, 4)?
        } else {
            0
        };
        while payload.len() < length {
            let page = self.page(next)?;
            next = integer(page, 0, 4)?;
            let more = page.get(4..self.usable).ok_or(DAMAGED)?;
            payload.extend(more.iter().take(length - payload.len()));
        }
        Ok(payload)
    }

    fn page(&self, number: usize) -> Result<&'a [u8]> {
        let start = number
            .checked_sub(1)
            .and_then(|before| before.checked_mul(self.page_bytes));
        let page = start.and_then(|start| self.bytes.get(start..)?.get(..self.page_bytes));
        page.ok_or(DAMAGED)
    }
}

impl Table {
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(id, values)| Row {
            table: self,
            id: *id,
            values,
        })
    }

    pub(super) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }
}

impl<'a> Row<'a> {
    pub(super) fn text(&self, column: &str) -> Option<&'a str> {
        match self.value(column)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(&self, column: &str) -> Option<i64> {
        match self.value(column)? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    fn value(&self, column: &str) -> Option<&'a Value> {
        let at = self.table.columns.iter().position(|name| name == column)?;
        self.values.get(at)
    }
}

/// The names of the columns of `CREATE TABLE …`.
fn columns(sql: &str) -> Vec<String> {
    let body = sql.split_once('(').map_or("", |(_, body)| body);
    let (mut names, mut depth, mut quote) = (Vec::new(), 0_u32, None);
    let (mut name, mut is_named) = (String::new(), false);
    for letter in body.chars() {
        match (quote, letter) {
            (Some(end), _) if letter == end => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(letter),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => break,
            (None, ')') => depth -= 1,
            (None, ',') if depth == 0 => {
                names.push(std::mem::take(&mut name));
                is_named = false;
            }
            (None, _) if letter.is_whitespace() => is_named |= !name.is_empty(),
            _ if !is_named && depth == 0 => name.push(letter),
            _ => {}
        }
    }
    names.push(name);
    // What follows the columns binds several of them.
    let binds = ["CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"];
    let is_column = |name: &String| !binds.iter().any(|word| name.eq_ignore_ascii_case(word));
    names.into_iter().take_while(is_column).collect()
}

/// The values of a row: their kinds first, then themselves.
fn record(bytes: &[u8]) -> Result<Vec<Value>> {
    let (header, rest) = varint(bytes)?;
    let header = usize::try_from(header).map_err(|_| DAMAGED)?;
    let before = bytes.len() - rest.len();
    let mut kinds = bytes.get(before..header).ok_or(DAMAGED)?;
    let mut values = Vec::new();
    let mut at = header;
    while !kinds.is_empty() {
        let (kind, rest) = varint(kinds)?;
        kinds = rest;
        let kind = usize::try_from(kind).map_err(|_| DAMAGED)?;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return Err(DAMAGED),
            _ => (kind - 12) / 2,
        };
        let end = at.checked_add(length).ok_or(DAMAGED)?;
        let value = bytes.get(at..end).ok_or(DAMAGED)?;
        at = end;
        values.push(match kind {
            1..=6 => Value::Integer(signed(value)),
            8 => Value::Integer(0),
            9 => Value::Integer(1),
            13.. if kind % 2 == 1 => Value::Text(String::from_utf8_lossy(value).into_owned()),
            _ => Value::Nothing,
        });
    }
    Ok(values)
}

/// At most eight bytes, in two's complement.
fn signed(bytes: &[u8]) -> i64 {
    let is_negative = bytes.first().is_some_and(|first| *first >= 0x80);
    let start = if is_negative { -1 } else { 0 };
    bytes
        .iter()
        .fold(start, |number, byte| number << 8 | i64::from(*byte))
}

/// A number of one to nine bytes, seven bits each but the ninth, and what follows it.
fn varint(bytes: &[u8]) -> Result<(i64, &[u8])> {
    let mut number = 0_i64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        let rest = bytes.get(index + 1..).unwrap_or_default();
        if index == 8 {
            return Ok((number << 8 | i64::from(*byte), rest));
        }
        number = number << 7 | i64::from(byte & 0x7f);
        if *byte < 0x80 {
            return Ok((number, rest));
        }
    }
    Err(DAMAGED)
}

/// A number of `length` bytes, at most four, at a place.
fn integer(bytes: &[u8], at: usize, length: usize) -> Result<usize> {
    let bytes = bytes.get(at..).and_then(|rest| rest.get(..length));
    let bytes = bytes.ok_or(DAMAGED)?.iter();
    Ok(bytes.fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests;
