//! JSON as Go programs read and write it: keys in any case, sorted output, escaped HTML
