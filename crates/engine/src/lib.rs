//! Carries a plan out, and back
