//! Who signs certificate signing requests of an API: Kubernetes' own controllers, and nothing else of them.

use std::time::Duration;

use super::ApiServer;
use super::flags::hermetic;
use crate::process::Server;
use crate::tools::{self, Part};

/// Signs what was approved, until it is dropped.
#[derive(Debug)]
pub struct Signer(#[expect(dead_code, reason = "held, not read")] Server);

impl ApiServer {
    /// Starts the controllers that sign what was approved. Their certificates are good for so long at most, and for five
    /// minutes before they were signed.
    pub fn sign_requests(&self, lifetime: Duration) -> anyhow::Result<Signer> {
        let program = tools::program(Part::KubeControllerManager, "kube-controller-manager")?;
        let file = |name: &str| self.directory().join(name).display().to_string();
        let mut command = hermetic(&program);
        command
            .arg(format!("--kubeconfig={}", file("admin.kubeconfig")))
            .arg(format!("--cluster-signing-cert-file={}", file("ca.crt")))
            .arg(format!("--cluster-signing-key-file={}", file("ca.key")))
            .arg(format!(
                "--cluster-signing-duration={}s",
                lifetime.as_secs()
            ))
            .args([
                "--controllers=csrsigning,csrcleaner",
                "--leader-elect=false",
                "--secure-port=0",
            ]);
        let log = self.directory().join("controllers.log");
        Server::start("kube-controller-manager", command, &log).map(Signer)
    }

    /// Approves what asks for this signer and has been approved or denied by nobody; how many that were.
    pub fn approve_requests(&self, signer: &str) -> anyhow::Result<usize> {
        const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
        let mut approved = 0;
        let list = self.client().get(REQUESTS)?;
        for request in list["items"].as_array().into_iter().flatten() {
            let is_decided = request["status"]["conditions"].is_array();
            if is_decided || request["spec"]["signerName"] != signer {
                continue;
            }
            let mut request = request.clone();
            request["status"]["conditions"] = serde_json::json!([{
                "type": "Approved", "status": "True", "reason": "Tests", "message": "a test says so",
            }]);
            let name = request["metadata"]["name"].as_str().unwrap_or_default();
            let path = format!("{REQUESTS}/{name}/approval");
            self.client().put(&path, &request)?;
            approved += 1;
        }
        Ok(approved)
    }
}
