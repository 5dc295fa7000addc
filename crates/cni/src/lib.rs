//! The runtime side and the plugin side of the CNI specification
