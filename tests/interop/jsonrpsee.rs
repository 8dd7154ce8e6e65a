//! jsonrpsee's own WebSocket client, over a Unix stream.

use std::sync::Arc;
use std::time::Duration;

use jsonrpsee::core::client::{ClientT, Error, Subscription, SubscriptionClientT};
use jsonrpsee::core::params::ObjectParams;
use jsonrpsee::rpc_params;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use serde_json::{Value, json};
use testkit::Daemon;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(20);

async fn connect(daemon: &Daemon) -> WsClient {
    let stream = UnixStream::connect(daemon.socket()).await.unwrap();
    WsClientBuilder::default()
        .request_timeout(LIMIT)
        .build_with_stream("ws://localhost/api/current", stream)
        .await
        .unwrap()
}

#[tokio::test]
async fn calls_and_errors() {
    let daemon = Daemon::start();
    let client = connect(&daemon).await;
    let pong: String = client.request("core.ping", rpc_params![]).await.unwrap();
    assert_eq!(pong, "pong");
    let on = json!({"enabled": true, "window": 1});
    let row: Value = client
        .request("auth.twofactor.update", rpc_params![on])
        .await
        .unwrap();
    assert_eq!(row["enabled"], true);
    let wrong: Result<bool, _> = client
        .request("auth.twofactor.verify", rpc_params!["0"])
        .await;
    assert!(!wrong.unwrap());

    let mut named = ObjectParams::new();
    named.insert("token", "000000").unwrap();
    let answer: Result<bool, _> = client.request("auth.twofactor.verify", named).await;
    assert!(answer.is_ok(), "named params: {answer:?}");

    let error = refusal(&client, "auth.twofactor.update", json!({"window": 11})).await;
    assert_eq!((error.code(), error.message()), (-32602, "Invalid params"));
    let data: Value = serde_json::from_str(error.data().unwrap().get()).unwrap();
    assert_eq!(
        data["extra"],
        json!([[
            "auth_twofactor_update.window",
            "Should be between 0 and 10",
            22
        ]])
    );
    let error = refusal(&client, "no.such_method", json!({})).await;
    assert_eq!(
        (error.code(), error.message()),
        (-32601, "Method does not exist")
    );
}

async fn refusal(
    client: &WsClient,
    method: &str,
    param: Value,
) -> jsonrpsee::types::ErrorObjectOwned {
    match client.request::<Value, _>(method, rpc_params![param]).await {
        Err(Error::Call(error)) => error,
        other => panic!("{method}: {other:?}"),
    }
}

/// Twenty calls at once on one connection, each with its own answer.
#[tokio::test]
async fn calls_side_by_side() {
    let daemon = Daemon::start();
    let client = Arc::new(connect(&daemon).await);
    let answers = [
        ("core.ping", json!("pong")),
        ("auth.two_factor_auth", json!(false)),
        ("core.get_jobs", json!([])),
    ];
    let mut calls = JoinSet::new();
    for (method, expected) in answers.into_iter().cycle().take(20) {
        let client = Arc::clone(&client);
        calls.spawn(async move {
            let answer: Value = client.request(method, rpc_params![]).await.unwrap();
            assert_eq!(answer, expected, "{method}");
        });
    }
    timeout(LIMIT, calls.join_all()).await.unwrap();
}

/// The daemon's events are notifications that jsonrpsee delivers by their method.
#[tokio::test]
async fn events() {
    let daemon = Daemon::start();
    let client = connect(&daemon).await;
    let mut events: Subscription<Value> = client
        .subscribe_to_method("collection_update")
        .await
        .unwrap();
    let event = "auth.twofactor.config";
    let id: String = client
        .request("core.subscribe", rpc_params![event])
        .await
        .unwrap();
    daemon.midclt_ok(["call", "auth.twofactor.update", r#"{"window": 2}"#]);
    let heard = timeout(LIMIT, events.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(
        (&heard["msg"], &heard["collection"]),
        (&json!("changed"), &json!(event))
    );
    assert_eq!(heard["fields"]["window"], 2);
    let ended: Value = client
        .request("core.unsubscribe", rpc_params![id])
        .await
        .unwrap();
    assert_eq!(ended, Value::Null);
}

/// A notification runs and is not answered; the connection goes on.
#[tokio::test]
async fn notifications_run() {
    let daemon = Daemon::start();
    let client = connect(&daemon).await;
    let change = json!({"window": 4});
    client
        .notification("auth.twofactor.update", rpc_params![change])
        .await
        .unwrap();
    let row: Value = client
        .request("auth.twofactor.update", rpc_params![json!({})])
        .await
        .unwrap();
    assert_eq!(row["window"], 4);
}

/// Batches are refused, as by the original: the client must not hang on one.
#[tokio::test]
async fn a_batch_is_refused() {
    let daemon = Daemon::start();
    let client = connect(&daemon).await;
    let mut batch = jsonrpsee::core::params::BatchRequestBuilder::new();
    batch.insert("core.ping", rpc_params![]).unwrap();
    batch.insert("core.ping", rpc_params![]).unwrap();
    let answer = timeout(LIMIT, client.batch_request::<Value>(batch)).await;
    assert!(answer.is_ok_and(|answer| answer.is_err()));
}
