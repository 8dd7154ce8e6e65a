//! A QR code as lines of text.
//!
//! The light modules are drawn and the dark ones left out: right on a dark terminal, which most are.
//! No colours: ssh(1) shows no control characters of what PAM says.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code. Four are the standard's; two are enough for phones.
const QUIET: usize = 2;

/// The lines of a code; none where the text is too long for any.
pub(crate) fn lines(text: &str) -> Vec<String> {
    // The lowest error correction: a screen has no scratches, and a larger code might not fit.
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else {
        return Vec::new();
    };
    let picture = Picture {
        width: code.width(),
        modules: code.to_colors(),
    };
    let side = picture.width + 2 * QUIET;
    let line = |row| {
        let half = |column| match (
            picture.is_light(row, column),
            picture.is_light(row + 1, column),
        ) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (0..side).map(half).collect()
    };
    (0..side).step_by(2).map(line).collect()
}

struct Picture {
    modules: Vec<Color>,
    width: usize,
}

impl Picture {
    /// Outside the code everything is light.
    fn is_light(&self, row: usize, column: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|&at| at < self.width);
        let (Some(row), Some(column)) = (inside(row), inside(column)) else {
            return true;
        };
        self.modules.get(row * self.width + column) != Some(&Color::Dark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/middlewared:alice?secret=HJDU2Q7IAO2GBS4KW2RWF3GD2GKMXYZS";

    /// The corner of a code has seven dark modules, two light ones before it, and one after.
    #[test]
    fn it_is_a_square_with_a_quiet_zone_and_its_corners() {
        let lines = lines(URI);
        let side = lines[0].chars().count();
        assert_eq!(lines.len(), side.div_ceil(2));
        assert!(lines.iter().all(|line| line.chars().count() == side));
        assert_eq!(lines[0], "█".repeat(side));
        assert!(lines[1].starts_with("██ ▄▄▄▄▄ █"), "{}", lines[1]);
        assert!(lines[1].ends_with("█ ▄▄▄▄▄ ██"), "{}", lines[1]);
    }

    #[test]
    fn what_fits_into_no_code_is_not_drawn() {
        assert_eq!(lines(&"x".repeat(2_954)), Vec::<String>::new());
        assert!(!lines(&"x".repeat(2_953)).is_empty());
    }
}
