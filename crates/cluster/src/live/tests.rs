use serde_json::json;

use super::*;
use crate::testing::{Answer, Server, block_on};

#[test]
fn credentials_that_were_replaced_are_taken_before_the_old_ones_are_refused() {
    block_on(async {
        let pod = json!({"metadata": {"namespace": "shop", "name": "web", "uid": "u-1"}});
        let server = Server::plain(vec![Answer::ok(&pod); 3]);
        let directory = tempfile::tempdir().unwrap();
        let path = server.kubeconfig(directory.path(), "token: t0", "");
        let live = Live::from_kubeconfig(&path, Limits::default(), &Handle::current()).unwrap();
        let read = async || {
            let deadline = Instant::now() + Duration::from_secs(5);
            live.pod("shop", "web", deadline).await.unwrap().unwrap();
        };

        assert!(live.refresh().await.unwrap());
        read().await;
        assert!(!live.refresh().await.unwrap());
        server.kubeconfig(directory.path(), "token: t1", "");
        assert!(live.refresh().await.unwrap());
        read().await;
        assert!(!live.refresh().await.unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(live.refresh().await.is_err());
        read().await;

        let seen = server.seen();
        for (number, token) in [(0, "t0"), (1, "t1"), (2, "t1")] {
            let header = format!("Bearer {token}\r\n");
            assert!(seen[number].headers.contains(&header), "{number}");
        }
        // Nothing was tried in vain, and what had not changed kept its connection.
        assert_eq!((seen.len(), server.connections()), (3, 2));
    });
}
