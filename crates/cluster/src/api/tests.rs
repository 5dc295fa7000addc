use super::*;
use crate::testing::{block_on, kubeconfig, write};

#[test]
fn of_many_who_were_refused_one_reads_the_credentials_again() {
    block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let (plugin, runs) = (
            directory.path().join("plugin"),
            directory.path().join("runs"),
        );
        let credential = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"t"}}"#;
        let script = format!("echo x >> {}; echo '{credential}'", runs.display());
        write(&plugin, &script);
        let user = format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: ['{}'], interactiveMode: Never}}",
            plugin.display()
        );
        let path = directory.path().join("kubeconfig");
        write(&path, &kubeconfig("http://127.0.0.1:1", &user, ""));
        let source = Source::Kubeconfig(path);
        let api = Api::new(source, Limits::default(), &Handle::current()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);

        let refused = api.connected();
        for _ in 0..3 {
            api.renew(&refused, deadline).await.unwrap();
        }

        // Once for the first connection, and once for all three.
        assert_eq!(std::fs::read_to_string(&runs).unwrap(), "x\nx\n");
        api.renew(&api.connected(), deadline).await.unwrap();
        assert_eq!(std::fs::read_to_string(&runs).unwrap(), "x\nx\nx\n");
    });
}
