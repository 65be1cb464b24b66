//! A Bot API that knows one answer to every question about a member, and can be held up between hearing and answering.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, http::StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::timeout};
use url::Url;

pub(super) struct Server {
    url: Url,
    heard: Arc<Heard>,
    _task: JoinSet<()>,
}

struct Heard {
    asked: AtomicUsize,
    answer: Mutex<String>,
    held: watch::Sender<bool>,
}

impl Server {
    /// A status, or an error after a `!`.
    pub(super) async fn answering(answer: &str) -> Self {
        let heard = Arc::new(Heard {
            asked: AtomicUsize::new(0),
            answer: Mutex::new(answer.to_owned()),
            held: watch::Sender::new(false),
        });
        let state = Arc::clone(&heard);
        let pages = Router::new().fallback(move || reply(Arc::clone(&state)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("bound")).parse().expect("a URL");
        let mut task = JoinSet::new();
        task.spawn(async move { axum::serve(listener, pages).await.expect("it serves until it is dropped") });
        Self { url, heard, _task: task }
    }

    pub(super) fn url(&self) -> Url {
        self.url.clone()
    }

    /// What is asked from now on is answered so.
    pub(super) fn answer(&self, answer: &str) {
        answer.clone_into(&mut self.heard.answer.lock().expect("not poisoned"));
    }

    pub(super) fn hold(&self) {
        self.heard.held.send_replace(true);
    }

    pub(super) fn let_go(&self) {
        self.heard.held.send_replace(false);
    }

    pub(super) fn asked(&self) -> usize {
        self.heard.asked.load(Ordering::SeqCst)
    }

    pub(super) async fn until_asked(&self, times: usize) {
        let asked = async {
            while self.asked() < times {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = timeout(Duration::from_secs(20), asked).await;
        assert!(waited.is_ok(), "asked {} times instead of {times}", self.asked());
    }
}

async fn reply(heard: Arc<Heard>) -> (StatusCode, Json<Value>) {
    let answer = heard.answer.lock().expect("not poisoned").clone();
    heard.asked.fetch_add(1, Ordering::SeqCst);
    let _ = heard.held.subscribe().wait_for(|held| !held).await;
    match answer.strip_prefix('!') {
        Some(error) => {
            let body = json!({"ok": false, "error_code": 400, "description": error});
            (StatusCode::BAD_REQUEST, Json(body))
        }
        None => {
            let user = json!({"id": 7, "is_bot": false, "first_name": "Ann"});
            (StatusCode::OK, Json(json!({"ok": true, "result": {"status": answer, "user": user}})))
        }
    }
}
