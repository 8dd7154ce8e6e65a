//! Connections by the thousand, all of them at work.

use serde_json::json;
use testkit::Socket;

use super::scene::Scene;

/// One process of root's has taken every place, and gives none back. Another one finds a place all the
/// same: nobody has to do without the daemon.
#[test]
fn a_thousand_connections_that_let_nobody_in() {
    let scene = Scene::new();
    let mut crowd = Vec::new();
    for _ in 0..1024 {
        let Ok(mut socket) = Socket::try_connect(scene.daemon.socket()) else {
            break;
        };
        socket.call("core.subscribe", json!(["auth.twofactor.login"]));
        crowd.push(socket);
    }
    assert_eq!(crowd.len(), 1024);
    assert!(
        Socket::try_connect(scene.daemon.socket()).is_err(),
        "the table is not full, so this proves nothing"
    );
    let said = scene.unlock();
    assert!(!said.contains("doing it without"), "{said}");
    assert!(!scene.is_stored_on());
    assert_eq!(scene.overriding(), None);
}
