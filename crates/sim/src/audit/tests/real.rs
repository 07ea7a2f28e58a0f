//! The real shard.
