//! The Kubernetes edge: pods, definitions, status and events over the API
