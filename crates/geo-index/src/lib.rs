//! Live driver index.
