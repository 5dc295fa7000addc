//! Clients that nobody here wrote: libcni's own command line, and podman, through `multus` in local mode.

#[path = "clients/cnitool.rs"]
mod cnitool;
#[path = "clients/podman.rs"]
mod podman;
