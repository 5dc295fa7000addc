//! Tokens, certificates, credential plugins.

use super::*;
use crate::error::Kind;
use crate::testing::{Answer, Pki, Server, kubeconfig, write};

#[test]
fn unauthorized_is_tried_once_more_with_credentials_read_again() {
    let server = Server::plain(vec![
        Answer::status(401, "Unauthorized", "Unauthorized"),
        Answer::ok(&pod_object()),
    ]);
    let (cluster, directory) = client(&server);
    server.kubeconfig(directory.path(), "token: t1", "");
    assert!(cluster.pod("shop", "web", soon()).unwrap().is_some());
    let seen = server.seen();
    assert!(seen[0].headers.contains("Bearer t0"));
    assert!(seen[1].headers.contains("Bearer t1"));
    assert_eq!(seen.len(), 2);
}

#[test]
fn unauthorized_twice_is_an_error_that_shows_no_token() {
    let answer = Answer::status(401, "Unauthorized", "Unauthorized");
    let server = Server::plain(vec![answer.clone(), answer.clone(), answer]);
    let directory = tempfile::tempdir().unwrap();
    let path = server.kubeconfig(directory.path(), "token: secret-token", "");
    let cluster = Cluster::from_kubeconfig(&path, LIMITS).unwrap();
    let error = cluster.pod("shop", "web", soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(
        !format!("{error} {error:?} {cluster:?}").contains("secret"),
        "{error:?}"
    );
    assert_eq!(server.lines().len(), 2);
}

#[test]
fn unauthorized_without_credentials_to_read_again_says_both() {
    let server = Server::plain(vec![Answer::status(401, "Unauthorized", "Unauthorized")]);
    let (cluster, directory) = client(&server);
    let path = directory.path().join("kubeconfig");
    std::fs::remove_file(&path).unwrap();
    let error = cluster.pod("shop", "web", soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    let reason = format!(
        "401 Unauthorized: Unauthorized; credentials not renewed: failed to read kubeconfig {}: No such file or directory (os error 2) (1 attempt in ",
        path.display()
    );
    assert!(error.to_string().contains(&reason), "{error}");
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn a_certificate_of_an_authority_that_was_exchanged_is_taken_after_reading_again() {
    let (old, new) = (Pki::new(), Pki::new());
    let server = Server::tls(&new, vec![Answer::ok(&pod_object())]);
    let directory = tempfile::tempdir().unwrap();
    let path = server.kubeconfig(directory.path(), &old.user(), &old.cluster());
    let cluster = Cluster::from_kubeconfig(&path, LIMITS).unwrap();
    let error = cluster.pod("shop", "web", soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    assert!(
        error.to_string().contains("invalid peer certificate"),
        "{error}"
    );
    server.kubeconfig(directory.path(), &new.user(), &new.cluster());
    assert!(cluster.pod("shop", "web", soon()).unwrap().is_some());
}

#[test]
fn a_credential_plugin_is_run_once_and_its_token_used() {
    let server = Server::plain(vec![Answer::ok(&pod_object())]);
    let directory = tempfile::tempdir().unwrap();
    let runs = directory.path().join("runs");
    let script = format!(
        "echo x >> {}; echo '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{{\"token\":\"from-plugin\"}}}}'",
        runs.display()
    );
    write(&directory.path().join("plugin"), &script);
    let user = exec(directory.path());
    let path = server.kubeconfig(directory.path(), &user, "");
    let cluster = Cluster::from_kubeconfig(&path, LIMITS).unwrap();
    assert!(cluster.pod("shop", "web", soon()).unwrap().is_some());
    assert!(server.seen()[0].headers.contains("Bearer from-plugin\r\n"));
    assert_eq!(std::fs::read_to_string(runs).unwrap(), "x\n");
}

#[test]
fn a_credential_plugin_that_fails_or_hangs_is_an_error_without_its_output() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kubeconfig");
    write(
        &path,
        &kubeconfig("http://127.0.0.1:1", &exec(directory.path()), ""),
    );
    let cases = [
        (
            LIMITS,
            "echo secret; echo secret >&2; exit 3",
            "credential plugin ended with exit status: 3",
        ),
        (
            LIMITS,
            "echo '{secret'",
            "credential plugin's answer is not an ExecCredential",
        ),
        (
            within(Duration::from_millis(300)),
            "exec sleep 9",
            "credential plugin did not end within 0.3 s",
        ),
    ];
    for (limits, script, reason) in cases {
        write(&directory.path().join("plugin"), script);
        let error = Cluster::from_kubeconfig(&path, limits).unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthorized, "{script}");
        assert_eq!(
            error.to_string(),
            format!("get credentials for 127.0.0.1:1: {reason}")
        );
    }
}

fn exec(directory: &Path) -> String {
    format!(
        "exec: {{apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: ['{}'], interactiveMode: Never}}",
        directory.join("plugin").display()
    )
}
