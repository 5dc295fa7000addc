//! From a request, a configuration, a pod and its definitions to a plan of attachments; pure
