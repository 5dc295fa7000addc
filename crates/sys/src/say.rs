//! What a program says: lines on stdout and stderr ([`say!`](crate::say!), [`complain!`](crate::complain!)), and the document that
//! a plugin answers with ([`document`]).
//!
//! `println!` ends the program where a line cannot be written: the disk that keeps a container's output is full, or whoever read
//! it has gone. Here that line is lost, and nothing else.

use std::fmt;
use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::io::{retry_on_intr, write};

/// A line on stdout.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::say::line(::std::io::stdout().lock(), ::std::format_args!($($words)*)) };
}

/// A line on stderr.
#[macro_export]
macro_rules! complain {
    ($($words:tt)*) => { $crate::say::line(::std::io::stderr().lock(), ::std::format_args!($($words)*)) };
}

/// What [`say!`](crate::say!) and [`complain!`](crate::complain!) do.
pub fn line(mut to: impl Write, words: fmt::Arguments<'_>) {
    let _lost = writeln!(to, "{words}");
}

/// A whole document, in one piece where the kernel takes it so. The standard library's stdout makes two of one whose last line does
/// not end, and each piece wakes the reader.
///
/// # Errors
/// What the kernel says, also where nobody can write there.
pub fn document(to: impl AsFd, text: &str) -> io::Result<()> {
    let mut left = text.as_bytes();
    while !left.is_empty() {
        let written = retry_on_intr(|| write(&to, left))?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        left = left.get(written..).unwrap_or_default();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn a_line_that_cannot_be_written_is_lost_and_ends_nothing() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        super::line(full, format_args!("a line"));
    }

    #[test]
    fn a_document_arrives_in_one_piece_however_many_lines_it_has() {
        let (ours, theirs) = UnixDatagram::pair().unwrap();
        super::document(&ours, "{\n    \"a\": 1\n}").unwrap();
        let mut piece = [0; 100];
        let length = theirs.recv(&mut piece).unwrap();
        assert_eq!(&piece[..length], b"{\n    \"a\": 1\n}");
    }

    #[test]
    fn a_document_that_cannot_be_written_is_an_error() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert!(super::document(full, "text").is_err());
    }
}
