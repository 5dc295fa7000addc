//! The Linux edge: processes, namespaces, netlink, files, locks
