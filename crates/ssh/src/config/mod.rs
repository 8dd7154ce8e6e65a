//! The configuration of sshd as it reads it: file after file, where `Include` says so.
//!
//! sshd itself says what is in effect (`sshd -T`); this reading says where it comes from, and can
//! hand sshd a configuration that is only planned.

mod glob;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::{Error, Root, SSHD_CONFIG, files};

pub(crate) use glob::matches;
pub use words::Word;

/// Files that will have another text (or none), for a look at what sshd would make of it.
#[derive(Debug, Clone, Default)]
pub struct Plan(BTreeMap<String, Option<String>>);

impl Plan {
    /// The file will have this text, or not be there.
    #[must_use]
    pub fn with(mut self, path: &str, text: Option<&str>) -> Self {
        self.0.insert(path.to_owned(), text.map(str::to_owned));
        self
    }

    fn read(&self, root: &Root, path: &str) -> Result<Option<String>, Error> {
        match self.0.get(path) {
            Some(text) => Ok(text.clone()),
            None => files::read(&root.at(path)),
        }
    }
}

/// A line of a file. Shown as `file:line`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as sshd knows it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One setting.
#[derive(Debug, Clone)]
pub struct Setting {
    /// In lower case.
    pub keyword: String,
    /// What follows it.
    pub words: Vec<Word>,
    /// Where.
    pub place: Place,
    /// The `Match` block that it is in, as an index of [`Config::blocks`].
    pub block: Option<usize>,
}

impl Setting {
    /// Its value as `sshd -T` would print it.
    #[must_use]
    pub fn value(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }
}

/// One `Match` line.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its criteria, after those of a block that it is included in.
    pub criteria: Vec<Word>,
    /// Where.
    pub place: Place,
}

impl Block {
    /// The criteria as they would be written in a file.
    #[must_use]
    pub fn text(&self) -> String {
        let words: Vec<_> = self.criteria.iter().map(Word::quoted_text).collect();
        words.join(" ")
    }
}

/// All of it, in the order in which sshd reads it: the first value of a keyword wins, and values of
/// matching blocks win over those outside of blocks.
#[derive(Debug, Default)]
pub struct Config {
    /// Every setting, `Match` and `Include` aside.
    pub settings: Vec<Setting>,
    /// Every `Match` line.
    pub blocks: Vec<Block>,
    /// Every file that was read, once for each time.
    visits: Vec<Visit>,
}

#[derive(Debug)]
struct Visit {
    file: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Text(String),
    /// The files that an `Include` names, as indices of visits.
    Include(Vec<usize>),
}

/// sshd's own limit.
const MAX_DEPTH: usize = 16;

impl Config {
    /// Reads it, with the planned files in place of those that are there.
    ///
    /// # Errors
    /// There is none, a file cannot be read, or files include each other for ever.
    pub fn read(root: &Root, plan: &Plan) -> Result<Self, Error> {
        let mut config = Self::default();
        let reading = Reading { root, plan };
        match config.visit(&reading, SSHD_CONFIG, None, 0)? {
            Some(_) => Ok(config),
            None => Err(Error::Refused(format!("there is no {SSHD_CONFIG}"))),
        }
    }

    /// Whether a file is read at all.
    #[must_use]
    pub fn has_read(&self, file: &str) -> bool {
        self.visits.iter().any(|visit| visit.file == file)
    }

    /// Writes it into a directory, for `sshd -f`: the same lines, with the includes there too.
    ///
    /// # Errors
    /// The system refuses.
    pub fn render(&self, directory: &Path) -> Result<PathBuf, Error> {
        let name = |index: &usize| directory.join(format!("{index:04}.conf"));
        for (index, visit) in self.visits.iter().enumerate() {
            let mut text = String::new();
            for line in &visit.lines {
                match line {
                    Line::Text(line) => text.push_str(line),
                    Line::Include(visits) if visits.is_empty() => text.push('#'),
                    Line::Include(visits) => {
                        let paths = visits.iter().map(|index| name(index).display().to_string());
                        text.push_str("Include ");
                        text.push_str(&paths.collect::<Vec<_>>().join(" "));
                    }
                }
                text.push('\n');
            }
            files::write(&name(&index), &text)?;
        }
        Ok(name(&0))
    }

    /// A text of sshd about the copies in a directory, with the names of the originals.
    pub(crate) fn original_names(&self, text: &str, directory: &Path) -> String {
        let mut text = text.to_owned();
        for (index, visit) in self.visits.iter().enumerate() {
            let copy = directory.join(format!("{index:04}.conf"));
            text = text.replace(&copy.display().to_string(), &visit.file);
        }
        text
    }

    /// Reads one file and what it includes; its index, or None where it is not there.
    fn visit(
        &mut self,
        reading: &Reading<'_>,
        file: &str,
        outer: Option<usize>,
        depth: usize,
    ) -> Result<Option<usize>, Error> {
        if depth > MAX_DEPTH {
            let why = "files include each other for ever".to_owned();
            let path = file.into();
            return Err(Error::Malformed { path, why });
        }
        let Some(text) = reading.plan.read(reading.root, file)? else {
            return Ok(None);
        };
        let index = self.visits.len();
        self.visits.push(Visit {
            file: file.to_owned(),
            lines: Vec::new(),
        });
        let mut lines = Vec::new();
        let mut block = outer;
        for (number, line) in text.lines().enumerate() {
            let place = Place {
                file: file.to_owned(),
                line: number + 1,
            };
            let (keyword, words) = words::split(line);
            match keyword.as_str() {
                "include" => {
                    let mut visits = Vec::new();
                    for path in reading.paths(&words)? {
                        visits.extend(self.visit(reading, &path, block, depth + 1)?);
                    }
                    lines.push(Line::Include(visits));
                    continue;
                }
                "match" => block = Some(self.open(outer, words, place)),
                "" => {}
                _ => self.settings.push(Setting {
                    keyword,
                    words,
                    place,
                    block,
                }),
            }
            lines.push(Line::Text(line.to_owned()));
        }
        if let Some(visit) = self.visits.get_mut(index) {
            visit.lines = lines;
        }
        Ok(Some(index))
    }

    /// A `Match` line ends the block before it, but not one that its file is included in.
    fn open(&mut self, outer: Option<usize>, words: Vec<Word>, place: Place) -> usize {
        let around = outer.and_then(|outer| self.blocks.get(outer));
        let mut criteria = around.map_or(Vec::new(), |block| block.criteria.clone());
        criteria.extend(words);
        self.blocks.push(Block { criteria, place });
        self.blocks.len() - 1
    }
}

/// What all files have in common.
struct Reading<'a> {
    root: &'a Root,
    plan: &'a Plan,
}

impl Reading<'_> {
    /// The files that an `Include` names, in sshd's order.
    fn paths(&self, words: &[Word]) -> Result<Vec<String>, Error> {
        let mut paths = Vec::new();
        for Word { text, .. } in words {
            let pattern = if text.starts_with('/') {
                text.clone()
            } else {
                format!("/etc/ssh/{text}")
            };
            let mut found = glob::expand(self.root, &pattern)?;
            for (path, text) in &self.plan.0 {
                found.retain(|found| found != path);
                if text.is_some() && glob::matches_path(&pattern, path) {
                    found.push(path.clone());
                }
            }
            found.sort();
            paths.extend(found);
        }
        Ok(paths)
    }
}

#[cfg(test)]
mod tests;
