//! The Kubernetes multi-network de-facto standard (NPWG)
