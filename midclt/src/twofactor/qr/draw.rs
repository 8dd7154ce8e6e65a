//! Modules to characters.
//!
//! A QR code is dark on light, and most consoles are light on dark; few scanners read an inverted
//! code. So the *light* modules are drawn, in the text colour, and the dark ones are left out:
//! right on a dark terminal even where colours are ignored (a serial line, a file shown later).
//! Where there are colours, both are set, and it is right on a light terminal too.

use std::fmt::Write;

use qrcode::{Color, QrCode};

use crate::terminal::Size;

/// Bright white on black by the oldest codes, which every colour terminal knows.
const LIGHT_ON_DARK: &str = "\x1b[0;1;37;40m";
/// White on white: with a glyph in it, this is solid whatever the font.
const LIGHT_CELL: &str = "\x1b[0;1;37;47m";
const PLAIN: &str = "\x1b[0m";

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ink {
    /// `▀▄█`: one column a module, two modules a line.
    HalfBlocks { colours: bool },
    /// `#`: two columns a module, one module a line.
    Ascii { colours: bool },
}

/// A code with its quiet zone.
pub(crate) struct Picture {
    modules: Vec<Color>,
    width: usize,
    quiet: usize,
}

impl Picture {
    pub(crate) fn new(code: &QrCode, quiet: usize) -> Self {
        Self {
            modules: code.to_colors(),
            width: code.width(),
            quiet,
        }
    }

    /// Modules on each side, with the quiet zone.
    pub(super) fn side(&self) -> usize {
        self.width + 2 * self.quiet
    }

    /// The characters that it takes.
    pub(crate) fn size(&self, ink: Ink) -> Size {
        let side = self.side();
        match ink {
            Ink::HalfBlocks { .. } => Size {
                columns: side,
                rows: side.div_ceil(2),
            },
            Ink::Ascii { .. } => Size {
                columns: 2 * side,
                rows: side,
            },
        }
    }

    pub(crate) fn draw(&self, ink: Ink) -> String {
        match ink {
            Ink::HalfBlocks { colours } => self.half_blocks(colours),
            Ink::Ascii { colours } => self.ascii(colours),
        }
    }

    /// Whether a module is light; outside the code everything is.
    pub(super) fn is_light(&self, row: usize, column: usize) -> bool {
        let inside = |at: usize| at.checked_sub(self.quiet).filter(|&at| at < self.width);
        let (Some(row), Some(column)) = (inside(row), inside(column)) else {
            return true;
        };
        self.modules.get(row * self.width + column) != Some(&Color::Dark)
    }

    fn half_blocks(&self, colours: bool) -> String {
        let mut text = String::new();
        for row in (0..self.side()).step_by(2) {
            if colours {
                text.push_str(LIGHT_ON_DARK);
            }
            for column in 0..self.side() {
                text.push(
                    match (self.is_light(row, column), self.is_light(row + 1, column)) {
                        (true, true) => '█',
                        (true, false) => '▀',
                        (false, true) => '▄',
                        (false, false) => ' ',
                    },
                );
            }
            end_line(&mut text, colours);
        }
        text
    }

    fn ascii(&self, colours: bool) -> String {
        let mut text = String::new();
        for row in 0..self.side() {
            for column in 0..self.side() {
                let (colour, glyph) = if self.is_light(row, column) {
                    (LIGHT_CELL, "##")
                } else {
                    (LIGHT_ON_DARK, "  ")
                };
                let colour = if colours { colour } else { "" };
                // Writing to a String cannot fail.
                let _ = write!(text, "{colour}{glyph}");
            }
            end_line(&mut text, colours);
        }
        text
    }
}

fn end_line(text: &mut String, colours: bool) {
    text.push_str(if colours { PLAIN } else { "" });
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        use Color::{Dark as D, Light as L};
        Picture {
            modules: vec![D, L, L, D],
            width: 2,
            quiet: 1,
        }
    }

    #[test]
    fn light_modules_are_drawn() {
        let check = |ink: Ink, expected: &str| assert_eq!(picture().draw(ink), expected);
        check(Ink::HalfBlocks { colours: false }, "█▀██\n██▄█\n");
        check(
            Ink::Ascii { colours: false },
            "########\n##  ####\n####  ##\n########\n",
        );
        check(
            Ink::HalfBlocks { colours: true },
            "\x1b[0;1;37;40m█▀██\x1b[0m\n\x1b[0;1;37;40m██▄█\x1b[0m\n",
        );
    }

    #[test]
    fn sizes_are_what_is_drawn() {
        for quiet in [2, 3, 4] {
            let code = QrCode::new("otpauth://totp/x").unwrap();
            let picture = Picture::new(&code, quiet);
            for ink in [
                Ink::HalfBlocks { colours: false },
                Ink::Ascii { colours: false },
            ] {
                let drawn = picture.draw(ink);
                let columns = drawn.lines().next().unwrap().chars().count();
                let size = Size {
                    columns,
                    rows: drawn.lines().count(),
                };
                assert_eq!(picture.size(ink), size, "{quiet} {ink:?}");
            }
        }
    }
}
