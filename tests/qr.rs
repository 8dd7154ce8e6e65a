//! The QR code on the terminal, read back by a real reader.
