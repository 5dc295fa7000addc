//! Suites that run whole programs
