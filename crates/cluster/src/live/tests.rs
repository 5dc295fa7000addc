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
            let deadline = Instant::now() + Duration::from_secs(60);
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

#[test]
fn what_the_api_refuses_is_kept_in_mind_until_it_does_it() {
    block_on(async {
        let refused = |code, reason, message| Answer::status(code, reason, message);
        let forbidden = || refused(403, "Forbidden", "pods \"web\" is forbidden");
        let pod = json!({"metadata": {"namespace": "shop", "name": "web", "uid": "u-1"}});
        let server = Server::plain(vec![
            forbidden(),
            // The patch, the update in its place.
            forbidden(),
            forbidden(),
            refused(429, "TooManyRequests", "later"),
            refused(401, "Unauthorized", "Unauthorized"),
            refused(401, "Unauthorized", "Unauthorized"),
            refused(404, "NotFound", "pods \"web\" not found"),
            forbidden(),
            Answer::ok(&pod),
            Answer::ok(&pod),
        ]);
        let directory = tempfile::tempdir().unwrap();
        let path = server.kubeconfig(directory.path(), "token: t0", "");
        let live = Live::from_kubeconfig(&path, Limits::default(), &Handle::current()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        let totals = || Purpose::ALL.map(|purpose| live.refused(purpose).total);
        let lasts = |purpose| live.refused(purpose).last.is_some();
        let web = PodRef {
            namespace: "shop".into(),
            name: "web".into(),
            uid: "u-1".into(),
        };
        let event = Event {
            kind: crate::EventType::Normal,
            reason: "R".into(),
            message: "m".into(),
        };

        assert!(live.pod("shop", "web", deadline).await.is_err());
        let (_, reason) = live.refused(Purpose::Pods).last.unwrap();
        assert!(reason.starts_with("get pod shop/web at "), "{reason}");
        assert!(reason.contains("403 Forbidden: pods"), "{reason}");
        assert!(live.write_status(&web, "[]", &[], deadline).await.is_err());
        assert_eq!(totals(), [1, 0, 0, 1, 0]);
        // One that is told to come later is not refused, and neither is what was before.
        assert!(live.post_once(&web, &event, deadline).await.is_err());
        assert!(live.definition("shop", "net-a", deadline).await.is_err());
        assert_eq!(totals(), [1, 1, 0, 1, 0]);
        // Who is told that there is none may ask.
        assert_eq!(live.pod("shop", "web", deadline).await.unwrap(), None);
        assert!(!lasts(Purpose::Pods) && lasts(Purpose::Statuses));
        // Refused, and done in another way.
        live.write_status(&web, "[]", &[], deadline).await.unwrap();
        assert_eq!(totals(), [1, 1, 0, 1, 0]);
        assert!(!lasts(Purpose::Statuses) && lasts(Purpose::Definitions));
    });
}

#[test]
fn an_event_in_a_namespace_that_is_being_deleted_is_refused_to_everybody() {
    block_on(async {
        let ends = "unable to create new content in namespace shop because it is being terminated";
        let server = Server::plain(vec![Answer::status(403, "Forbidden", ends)]);
        let directory = tempfile::tempdir().unwrap();
        let path = server.kubeconfig(directory.path(), "token: t0", "");
        let live = Live::from_kubeconfig(&path, Limits::default(), &Handle::current()).unwrap();
        let about = Subject::Node("node".to_owned());
        let event = Event {
            kind: crate::EventType::Normal,
            reason: "R".into(),
            message: "m".into(),
        };
        let deadline = Instant::now() + Duration::from_secs(5);

        assert_eq!(live.post_events(&about, &[event], deadline).await, 0);
        assert_eq!(live.refused(Purpose::Events), Refused::default());
    });
}
