//! An engine that answers what it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast;

/// See the [module](self).
pub(crate) struct Scripted {
    folder: TempDir,
    shared: Arc<Shared>,
    serving: tokio::task::JoinHandle<()>,
}

struct Shared {
    version: String,
    containers: Mutex<Option<String>>,
    lists: AtomicUsize,
    /// Events; none of them is the end.
    events: broadcast::Sender<Option<Vec<u8>>>,
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        Self::speaking("1.43").await
    }

    pub(crate) async fn speaking(version: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let listener = UnixListener::bind(folder.path().join("s.sock")).unwrap();
        let shared = Arc::new(Shared {
            version: version.to_owned(),
            containers: Mutex::new(None),
            lists: AtomicUsize::new(0),
            events: broadcast::channel(16).0,
        });
        let serving = {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                let mut connections = tokio::task::JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move { shared.serve(stream).await });
                }
            })
        };
        Self {
            folder,
            shared,
            serving,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "docker:unix://{}",
            self.folder.path().join("s.sock").display()
        )
    }

    /// What a list of containers is answered with, whole; `None` for two of them.
    pub(crate) fn answer_containers(&self, answer: Option<&str>) {
        *self.shared.containers.lock().unwrap() = answer.map(str::to_owned);
    }

    pub(crate) fn end_events(&self) {
        drop(self.shared.events.send(None));
    }

    pub(crate) fn send_event(&self, bytes: Vec<u8>) {
        drop(self.shared.events.send(Some(bytes)));
    }

    /// How often containers were listed.
    pub(crate) fn lists(&self) -> usize {
        self.shared.lists.load(Ordering::SeqCst)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    async fn serve(&self, mut stream: UnixStream) -> Option<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.ok()?);
        }
        let request = String::from_utf8_lossy(&request);
        let path = request.split(' ').nth(1)?.to_owned();
        let json = |body: &str| {
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )
        };
        let answer = if path == "/version" {
            json(&format!(r#"{{"ApiVersion":"{}"}}"#, self.version))
        } else if path.ends_with("/info") {
            json(r#"{"ID":"scripted"}"#)
        } else if path.contains("/containers/json") {
            let answer = self.containers.lock().unwrap().clone();
            self.lists.fetch_add(1, Ordering::SeqCst);
            answer.unwrap_or_else(|| {
                json(r#"[{"Id":"c1","Names":["/a"]},{"Id":"c2","Names":["/b"]}]"#)
            })
        } else if path.ends_with("/volumes") {
            json(r#"{"Volumes":null}"#)
        } else if path.ends_with("/events") {
            return self.tell(stream).await;
        } else {
            json("[]")
        };
        stream.write_all(answer.as_bytes()).await.ok()
    }

    async fn tell(&self, mut stream: UnixStream) -> Option<()> {
        let mut events = self.events.subscribe();
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n";
        stream.write_all(head).await.ok()?;
        while let Some(bytes) = events.recv().await.ok()? {
            stream.write_all(&bytes).await.ok()?;
        }
        Some(())
    }
}
