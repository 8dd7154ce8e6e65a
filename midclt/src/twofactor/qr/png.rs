//! The QR code as a file that can be printed or sent, once.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use png::{BitDepth, ColorType, Encoder};

use super::draw::Picture;
use super::encode::encode;
use crate::failure::Failure;
use crate::twofactor::daemon::Daemon;

/// Dots for each side of a module: sharp on paper and on a screen.
const SCALE: usize = 8;
/// Modules around the code (ISO 18004).
const QUIET: usize = 4;

/// A new file that only its owner can read. Without a picture in it, it is removed again.
pub(in crate::twofactor) struct PngFile {
    path: PathBuf,
    file: File,
    is_written: bool,
}

impl PngFile {
    /// Never over a file that is there: whoever may read that one would read the secret.
    pub(in crate::twofactor) fn create(path: &Path) -> Result<Self, Failure> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::told(format!(
                "midclt: {} exists; a secret is written to a new file only",
                path.display()
            )),
            _ => cannot_write(path, &error),
        };
        Ok(Self {
            path: path.to_owned(),
            file: file.map_err(failed)?,
            is_written: false,
        })
    }

    /// Draws the code of a URI, and says what the file is.
    pub(in crate::twofactor) fn write(
        mut self,
        uri: &str,
        daemon: &Daemon<'_>,
    ) -> Result<(), Failure> {
        self.draw(uri)?;
        let path = self.path.display();
        daemon.remark(&[format!(
            "midclt: {path} holds the secret: remove it once the phone has it"
        )]);
        Ok(())
    }

    fn draw(&mut self, uri: &str) -> Result<(), Failure> {
        let too_long = || Failure::told("midclt: the URI is too long for a QR code");
        let code = encode(uri).ok_or_else(too_long)?;
        write(&mut self.file, &Picture::new(&code, QUIET))
            .map_err(|error| cannot_write(&self.path, &error))?;
        self.is_written = true;
        Ok(())
    }
}

impl Drop for PngFile {
    fn drop(&mut self) {
        if !self.is_written {
            // It is empty or broken; if it cannot go, it harms nobody.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    Failure::told(format!("midclt: cannot write {}: {error}", path.display()))
}

fn write(file: &mut File, picture: &Picture) -> io::Result<()> {
    let side = picture.side() * SCALE;
    let dots = u32::try_from(side).map_err(io::Error::other)?;
    let mut encoder = Encoder::new(&mut *file, dots, dots);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rows(picture, side))?;
    writer.finish()?;
    file.sync_all()
}

/// One bit a dot, white is 1, each row in whole bytes: a module of 8 dots is one byte.
fn rows(picture: &Picture, side: usize) -> Vec<u8> {
    let modules = 0..picture.side();
    (0..side)
        .flat_map(|row| {
            let shade = move |column| u8::from(picture.is_light(row / SCALE, column)) * 0xff;
            modules.clone().map(shade)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const URI: &str = "otpauth://totp/x?secret=ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    #[test]
    fn the_picture_is_the_code() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("code.png");
        PngFile::create(&path).unwrap().draw(URI).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let reader = io::BufReader::new(File::open(&path).unwrap());
        let mut reader = png::Decoder::new(reader).read_info().unwrap();
        let mut found = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut found).unwrap();
        let code = encode(URI).unwrap();
        let side = (code.width() + 2 * QUIET) * SCALE;
        assert_eq!((info.width as usize, info.height as usize), (side, side));
        let colours = code.to_colors();
        for row in 0..side {
            for column in 0..side {
                let byte = found[row * info.line_size + column / 8];
                let is_dark = byte >> (7 - column % 8) & 1 == 0;
                let at = |dot: usize| (dot / SCALE).wrapping_sub(QUIET);
                let (y, x) = (at(row), at(column));
                let inside = y < code.width() && x < code.width();
                let expected = inside && colours[y * code.width() + x] == qrcode::Color::Dark;
                assert_eq!(is_dark, expected, "{row} {column}");
            }
        }
    }

    #[test]
    fn only_a_new_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("code.png");
        fs::write(&path, "mine").unwrap();
        let refused = PngFile::create(&path).err().unwrap();
        assert!(refused.lines.concat().ends_with("to a new file only"));
        assert_eq!(fs::read(&path).unwrap(), b"mine");

        let link = directory.path().join("link.png");
        std::os::unix::fs::symlink(directory.path().join("target"), &link).unwrap();
        assert!(PngFile::create(&link).is_err());
        assert!(!directory.path().join("target").exists());

        let missing = PngFile::create(&directory.path().join("none/code.png"));
        let said = missing.err().unwrap().lines.concat();
        assert!(said.contains("No such file or directory"), "{said}");
    }

    #[test]
    fn no_picture_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("code.png");
        drop(PngFile::create(&path).unwrap());
        assert!(!path.exists());
        let too_long = PngFile::create(&path).unwrap().draw(&"x".repeat(3_000));
        assert!(too_long.is_err());
        assert!(!path.exists());
    }
}
