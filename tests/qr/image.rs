//! From a screen to an image, and from an image to what a scanner reads.

use std::fs;
use std::process::Command;

use crate::terminal::{Cell, Screen};

/// Pixels of one place on the screen; a common console font.
const WIDTH: usize = 8;
const HEIGHT: usize = 16;

/// A terminal's own two colours, as brightness.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    ink: u8,
    paper: u8,
    /// The side of the square that a camera cannot resolve, in pixels.
    blur: usize,
}

impl Theme {
    /// A console: light on dark.
    pub(crate) const DARK: Self = Self {
        ink: 200,
        paper: 0,
        blur: 1,
    };
    /// Many windows: dark on light.
    pub(crate) const LIGHT: Self = Self {
        ink: 20,
        paper: 255,
        blur: 1,
    };
    /// A console from as far away that `#` is a grey spot, not four strokes.
    pub(crate) const DARK_FROM_AFAR: Self = Self {
        blur: 13,
        ..Self::DARK
    };
}

/// The QR code that zbarimg finds on a screen of this theme.
pub(crate) fn read_back(screen: &Screen, theme: Theme) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("screen.pgm");
    fs::write(&image, pgm(screen, theme)).unwrap();
    let output = Command::new("zbarimg")
        .args(["--raw", "--quiet", "-Sdisable", "-Sqrcode.enable"])
        .arg(&image)
        .output()
        .expect("zbarimg is missing: apt-get install zbar-tools");
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The screen as a portable graymap, pgm(5).
fn pgm(screen: &Screen, theme: Theme) -> Vec<u8> {
    let columns = screen.rows.iter().map(Vec::len).max().unwrap_or(0);
    let (width, height) = (columns * WIDTH, screen.rows.len() * HEIGHT);
    let pixel = |x: usize, y: usize| {
        let cell = screen
            .rows
            .get(y / HEIGHT)
            .and_then(|row| row.get(x / WIDTH));
        cell.map_or(theme.paper, |cell| {
            brightness(*cell, theme, x % WIDTH, y % HEIGHT)
        })
    };
    let blurred = |x: usize, y: usize| {
        let square =
            (0..theme.blur).flat_map(|down| (0..theme.blur).map(move |right| (right, down)));
        let sum: usize = square
            .map(|(right, down)| usize::from(pixel(x + right, y + down)))
            .sum();
        u8::try_from(sum / theme.blur.pow(2)).unwrap()
    };
    // Far more pixels than such a camera has would only take time.
    let step = theme.blur.div_ceil(4);
    let (columns, rows) = (width / step, height / step);
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (column, row)));
    let mut image = format!("P5 {columns} {rows} 255\n").into_bytes();
    image.extend(places.map(|(column, row)| blurred(column * step, row * step)));
    image
}

fn brightness(cell: Cell, theme: Theme, x: usize, y: usize) -> u8 {
    let ink = cell.ink.map_or(theme.ink, shade);
    let paper = cell.paper.map_or(theme.paper, shade);
    if has_ink(cell.glyph, x, y) {
        ink
    } else {
        paper
    }
}

/// The eight colours as a camera sees them; the code uses the two ends.
fn shade(colour: u8) -> u8 {
    match colour {
        0 => 0,
        7 => 255,
        _ => 128,
    }
}

/// Whether a glyph's shape covers this pixel. A `#` is as bold as most fonts have it; letters are
/// only noise: what matters is that they are there.
fn has_ink(glyph: char, x: usize, y: usize) -> bool {
    match glyph {
        ' ' => false,
        '█' => true,
        '▀' => y < HEIGHT / 2,
        '▄' => y >= HEIGHT / 2,
        '#' => matches!(x, 1 | 2 | 5 | 6) || matches!(y, 4 | 5 | 9 | 10),
        _ => (3..13).contains(&y) && (x + y).is_multiple_of(3),
    }
}
