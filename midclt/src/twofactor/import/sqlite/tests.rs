//! Databases that SQLite itself made, whole and damaged.

use std::fs;

use rusqlite::{Connection, params};

use super::*;

/// The file that some SQL leaves behind.
fn made(page_bytes: u32, fill: impl Fn(&Connection)) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db");
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update(None, "page_size", page_bytes).unwrap();
    fill(&conn);
    drop(conn);
    fs::read(path).unwrap()
}

/// Enough for trees of several levels, and texts that need pages of their own.
fn full(conn: &Connection) {
    let sql = "CREATE TABLE \"system_x\" (\n\tid INTEGER NOT NULL, \"some number\" INTEGER DEFAULT (1), \
        text VARCHAR(10, 2), more REAL, PRIMARY KEY (id), CHECK (more IN (0, 1)))";
    conn.execute_batch(sql).unwrap();
    conn.execute_batch("CREATE INDEX by_text ON system_x (text); BEGIN")
        .unwrap();
    let insert = "INSERT INTO system_x VALUES (?1, ?2, ?3, 0)";
    for id in 0..700_i64 {
        let text = "x".repeat(usize::try_from(id * 7 % 5_000).unwrap());
        let number = (i64::MIN >> (id % 64)) + id;
        conn.execute(insert, params![id * 3, number, text]).unwrap();
    }
    conn.execute_batch("COMMIT; ALTER TABLE system_x ADD COLUMN late INTEGER DEFAULT 4")
        .unwrap();
}

#[test]
fn rows_are_as_they_were_written() {
    for page_bytes in [512, 1024, 4096, 65_536] {
        let bytes = made(page_bytes, full);
        let database = Database::open(&bytes).unwrap();
        assert!(database.table("system_y").unwrap().is_none());
        let table = database.table("system_x").unwrap().unwrap();
        let columns = ["id", "some number", "text", "more", "late"];
        assert_eq!(table.columns, columns, "{page_bytes}");
        assert_eq!(table.rows().count(), 700);
        for (row, id) in table.rows().zip(0_i64..) {
            assert_eq!(row.id, id * 3);
            assert_eq!(
                row.integer("some number"),
                Some((i64::MIN >> (id % 64)) + id)
            );
            assert_eq!(
                i64::try_from(row.text("text").unwrap().len()),
                Ok(id * 7 % 5_000)
            );
            assert_eq!(row.text("some number"), None);
            assert_eq!(row.integer("late"), None);
        }
    }
}

/// What is cut off or changed is read otherwise or refused; nothing panics, nothing goes on for ever.
#[test]
fn nothing_that_is_damaged_breaks_it() {
    let read = |bytes: &[u8]| {
        let database = Database::open(bytes)?;
        database.table("system_x").map(|table| table.is_some())
    };
    let bytes = made(512, |conn| {
        conn.execute_batch("CREATE TABLE system_x (id INTEGER PRIMARY KEY, a TEXT)")
            .unwrap();
        for length in [5, 2_000, 30] {
            let insert = "INSERT INTO system_x (a) VALUES (?1)";
            conn.execute(insert, ["y".repeat(length)]).unwrap();
        }
    });
    assert_eq!(read(&bytes), Ok(true));
    for length in 0..bytes.len() {
        assert_eq!(read(&bytes[..length]), Err(DAMAGED), "{length}");
    }
    let mut refused = 0;
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            refused += usize::from(read(&bytes).is_err());
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn other_encodings_are_refused() {
    let bytes = made(4096, |conn| {
        conn.execute_batch("PRAGMA encoding = 'UTF-16'; CREATE TABLE system_x (id)")
            .unwrap();
    });
    let error = Database::open(&bytes).err();
    assert_eq!(error, Some("the database is not in UTF-8"));
}

#[test]
fn names_of_columns() {
    for (sql, expected) in [
        ("CREATE TABLE a (b)", &["b"][..]),
        (
            "CREATE TABLE a(\"b c\" INT,[d],`e` TEXT(3,4) )",
            &["b c", "d", "e"],
        ),
        (
            "CREATE TABLE a (b TEXT DEFAULT 'x, y)' NOT NULL, c, primary key (b, c))",
            &["b", "c"],
        ),
        ("CREATE TABLE a (b, CONSTRAINT z UNIQUE (b))", &["b"]),
    ] {
        assert_eq!(columns(sql), expected, "{sql}");
    }
}
