//! adjtimex(2), which no safe crate wraps.
#![expect(unsafe_code, reason = "libc::adjtimex has no safe wrapper")]

use std::io;
use std::mem::MaybeUninit;

/// What the kernel says about its clock.
pub(crate) struct Reading {
    /// The clock state is `TIME_ERROR`: nothing keeps it right.
    pub(crate) time_error: bool,
    /// The largest error, in microseconds.
    pub(crate) max_error_micros: libc::c_long,
}

/// Reads the state of the clock without changing it.
pub(crate) fn adjtimex_read() -> io::Result<Reading> {
    // SAFETY: `timex` is a C struct of integers and padding (and of `timeval`, the same), for which
    // all bits zero is a valid value. It also makes `modes` 0, which asks for reading only.
    let mut timex: libc::timex = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the pointer is valid for reads and writes of one `timex` during the call, and the
    // kernel keeps no copy of it.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Reading {
        time_error: state == libc::TIME_ERROR,
        max_error_micros: timex.maxerror,
    })
}

#[cfg(test)]
mod tests {
    use super::adjtimex_read;

    #[test]
    fn the_kernel_answers_without_privilege() {
        let reading = adjtimex_read().expect("reading needs no privilege");
        assert!(reading.max_error_micros >= 0);
    }
}
