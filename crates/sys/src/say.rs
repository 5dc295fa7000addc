//! Lines on stdout and stderr: [`say!`](crate::say!), [`complain!`](crate::complain!).
//!
//! `println!` ends the program where a line cannot be written: the disk that keeps a container's output is full, or whoever read
//! it has gone. Here that line is lost, and nothing else.

use std::fmt;
use std::io::Write;

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

#[cfg(test)]
mod tests {
    use std::fs::File;

    #[test]
    fn a_line_that_cannot_be_written_is_lost_and_ends_nothing() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        super::line(full, format_args!("a line"));
    }
}
