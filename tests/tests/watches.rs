//! The watches of the daemon over a real Kubernetes API: what they know without asking, and how they heal.

#[path = "watches/faults.rs"]
mod faults;
#[path = "watches/known.rs"]
mod known;
#[path = "watches/scene.rs"]
mod scene;
